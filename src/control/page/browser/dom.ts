/** Small help with the document. Children are elements or text; nothing here makes markup out of a string. */
import { shown } from './text.ts';

/** The element with this id; a page without it is broken. */
// What an id stands for is known to whoever asks, and checked by the tests in a browser.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function element<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found as unknown as T;
}

/** Makes an HTML element with a class, attributes and children. */
export function make(
  tag: string,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A text of somebody else, kept apart from the direction of what is around it. */
export function foreign(text: string, longest?: number): HTMLElement {
  return make('bdi', {}, shown(text, longest));
}

/** Replaces what is in an element, if it is not the same already: the focus and the reader's place stay where they are. */
export function fill(into: Element, ...children: readonly (Node | string)[]): void {
  const next = document.createElement(into.tagName);
  next.append(...children);
  if (sameContent(next, into)) return;
  into.replaceChildren(...next.childNodes);
}

function sameContent(a: Element, b: Element): boolean {
  if (a.childNodes.length !== b.childNodes.length) return false;
  return [...a.childNodes].every((node, index) => node.isEqualNode(b.childNodes[index] ?? null));
}

/** A row of a list of facts. */
export function fact(name: string, ...value: readonly (Node | string)[]): HTMLElement[] {
  return [make('dt', {}, name), make('dd', {}, ...value)];
}
