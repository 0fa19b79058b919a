/** A release that takes its time: it answers 500 for its first seconds, and is well from then on. */
import type { Health } from '../../src/sidecar/health.ts';

export type { Health };

/** Long enough to be met while it is probed, well below the rollback timeout. */
const WARM_UP_S = 4;

/** 500 at first, then 200. */
export function health(): Health {
  return process.uptime() < WARM_UP_S
    ? { status: 500, body: { status: 'warming up' } }
    : { status: 200, body: { status: 'ok' } };
}
