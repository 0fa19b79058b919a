/** The times of a hand-over in the daemons of this test: short, so that it need not wait for those that are right for a host. */
import type { HandOverTimes } from '../../../src/adapters/succession.ts';

export const HAND_OVER_TIMES: HandOverTimes = {
  selfTestMs: 30_000,
  acknowledgeMs: 8_000,
  probationMs: 4_000,
  graceMs: 2_500,
};
