/** Asks once before something is done. */
import { element, fill, make } from './dom.ts';
import { Refused } from './api.ts';

/** A question, and what a yes does. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  /** A value that is asked for too. */
  readonly field?: {
    readonly label: string;
    readonly hint: string;
    readonly required: boolean;
    readonly options?: readonly string[] | undefined;
  };
  /** Does it; what it rejects with is shown, and the question stays open. */
  readonly act: (value: string) => Promise<string>;
}

/** An error in words: the daemon's, or that nobody answers. */
export function inWords(error: unknown): string {
  if (!(error instanceof Refused)) return 'The daemon does not answer.';
  return `${error.message}${error.next === '' ? '' : ` — ${error.next}`} (${error.code})`;
}

/**
 * Shows the question in a dialog. The keyboard works as in every dialog: Escape says no, Enter says yes, and the focus goes back.
 *
 * @param done - called with what was done
 */
export function ask({ title, text, yes, field, act }: Question, done: (what: string) => void): void {
  const dialog = element<HTMLDialogElement>('ask');
  const confirm = element<HTMLButtonElement>('ask-yes');
  const refuse = element('ask-error');
  element('ask-title').textContent = title;
  element('ask-text').textContent = text;
  confirm.textContent = yes;
  refuse.textContent = '';
  const more = element('ask-more');
  fill(more);
  if (field !== undefined) {
    const input =
      field.options === undefined
        ? make('input', {
            id: 'ask-field',
            type: 'text',
            spellcheck: 'false',
            autocomplete: 'off',
            placeholder: field.hint,
          })
        : make(
            'select',
            { id: 'ask-field' },
            make('option', { value: '' }, field.hint),
            ...field.options.map((value) => make('option', { value }, value)),
          );
    if (field.required) input.setAttribute('required', '');
    more.replaceChildren(make('label', { for: 'ask-field' }, field.label), input);
  }
  const form = element<HTMLFormElement>('ask-form');
  form.onsubmit = (event) => {
    event.preventDefault();
    const input = document.querySelector<HTMLInputElement | HTMLSelectElement>('#ask-field');
    confirm.disabled = true;
    act(input?.value.trim() ?? '')
      .then(
        (what) => {
          dialog.close();
          done(what);
        },
        (error: unknown) => {
          refuse.textContent = inWords(error);
        },
      )
      .finally(() => {
        confirm.disabled = false;
      });
  };
  element('ask-no').onclick = () => {
    dialog.close();
  };
  dialog.showModal();
  document.querySelector<HTMLElement>('#ask-field')?.focus();
}
