import type { Machine, Part } from '../../bundle/patch-layout.ts';

/** What the headers of an executable say. */
export interface Program {
  readonly machine: Machine;
  /** Its parts, with absolute addresses. */
  readonly parts: readonly Part[];
}
