import type { HandOverTimes } from '../adapters/succession.ts';

/** How long the steps of a hand-over may take. Tests build programs with shorter ones; nothing at run time changes them. */
export const HAND_OVER_TIMES: HandOverTimes = {
  selfTestMs: 30_000,
  acknowledgeMs: 60_000,
  probationMs: 120_000,
  graceMs: 15_000,
};
