/** The times of a hand-over in programs that tests build: as short as `TEST_HAND_OVER` says. */
import type { HandOverTimes } from '../../../../src/adapters/succession.ts';

export const HAND_OVER_TIMES: HandOverTimes = {
  selfTestMs: 20_000,
  acknowledgeMs: 30_000,
  probationMs: 600_000,
  graceMs: 60_000,
  ...(JSON.parse(process.env['TEST_HAND_OVER'] ?? '{}') as Partial<HandOverTimes>),
};
