/** The bug that release 1.2.0 of the demo ships: the program starts, and then says of itself that it is not well. */
import type { Health } from '../src/sidecar/health.ts';

export type { Health };

/** Always 500. */
export function health(): Health {
  return { status: 500, body: { status: 'failing', reason: 'a bug that release 1.2.0 ships' } };
}
