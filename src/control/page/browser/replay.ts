/** Goes through a past attempt step by step, on the chart. */
import type { AttemptView } from '../../api.ts';
import { element } from './dom.ts';
import { stepsOf, type Step } from './path.ts';
import { OUTCOME_WORDS, shown, span, STATE_WORDS } from './text.ts';

const STEP_MS = 900;

/** A replay that a person looks at. */
export interface Replay {
  readonly attempt: AttemptView;
  readonly steps: readonly Step[];
  /** The index of the step that is shown. */
  readonly at: number;
}

/** The controls of the replay, and what is shown. */
export interface Replayer {
  start(attempt: AttemptView): void;
  readonly current: () => Replay | null;
}

/**
 * Makes the controls.
 *
 * @param draw - draws the step, or the live view again (null)
 */
export function createReplayer(draw: (replay: Replay | null) => void): Replayer {
  const box = element('replay');
  const slider = element<HTMLInputElement>('replay-at');
  const play = element<HTMLButtonElement>('replay-play');
  const back = element<HTMLButtonElement>('replay-back');
  const on = element<HTMLButtonElement>('replay-on');
  let replay: Replay | null = null;
  let timer: ReturnType<typeof setInterval> | null = null;

  const halt = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
    play.textContent = 'Play';
  };
  const show = (at: number): void => {
    if (replay === null) return;
    const { steps, attempt } = replay;
    const bounded = Math.max(0, Math.min(steps.length - 1, at));
    replay = { ...replay, at: bounded };
    const step = steps[bounded];
    if (step === undefined) return;
    slider.value = String(bounded);
    slider.setAttribute('aria-valuetext', step.state);
    back.disabled = bounded === 0;
    on.disabled = bounded === steps.length - 1;
    const since = span(Date.parse(step.at) - Date.parse(attempt.started_at));
    const end =
      bounded === steps.length - 1 && attempt.outcome !== null
        ? ` Ended: ${OUTCOME_WORDS[attempt.outcome]}. ${shown(attempt.reason, 300)}`
        : '';
    element('replay-text').textContent =
      `Step ${String(bounded + 1)} of ${String(steps.length)}: ${step.state}, ${STATE_WORDS[step.state].toLowerCase()}; ${since} after the start.${end}`;
    draw(replay);
    if (bounded === steps.length - 1) halt();
  };
  const run = (): void => {
    if (replay === null) return;
    if (timer !== null) {
      halt();
      return;
    }
    if (replay.at === replay.steps.length - 1) show(0);
    play.textContent = 'Halt';
    timer = setInterval(() => {
      show((replay?.at ?? 0) + 1);
    }, STEP_MS);
  };
  const stop = (): void => {
    halt();
    const id = replay?.attempt.id;
    replay = null;
    box.hidden = true;
    draw(null);
    // The focus goes back to where the replay was asked for.
    for (const button of document.querySelectorAll<HTMLElement>('button[data-attempt]'))
      if (button.dataset['attempt'] === id) button.focus();
  };

  play.onclick = run;
  back.onclick = () => {
    halt();
    show((replay?.at ?? 0) - 1);
  };
  on.onclick = () => {
    halt();
    show((replay?.at ?? 0) + 1);
  };
  slider.oninput = () => {
    halt();
    show(Number(slider.value));
  };
  element('replay-end').onclick = stop;
  box.onkeydown = (event) => {
    if (event.key === 'Escape') stop();
  };

  return {
    start: (attempt) => {
      halt();
      const steps = stepsOf(attempt);
      replay = { attempt, steps, at: 0 };
      slider.max = String(steps.length - 1);
      box.hidden = false;
      show(0);
      play.focus();
    },
    current: () => replay,
  };
}
