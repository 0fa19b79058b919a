/**
 * A look at the whole fleet for whoever asks a host.
 *
 * Invariants:
 * - NATS is asked at most every ten seconds, however many ask: they share an answer, and a refusal too.
 * - Nobody waits for longer than a moment: where NATS is known to be away, it is said at once.
 * - Nothing of it is left on the server but what ends by itself.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import type { FleetView } from '../control/api.ts';
import { UpdateError } from '../errors.ts';
import { fleetFault } from './faults.ts';
import type { OperatorKeys } from './orders.ts';
import { readFleet } from './reading.ts';
import { fleetView } from './view.ts';

/** What {@link createGlance} needs. */
export interface GlanceOptions {
  readonly product: string;
  /** Whose orders count. */
  readonly keys: OperatorKeys;
  /** Throws `FLEET_UNREACHABLE` where NATS is known to be away. */
  readonly isUp: () => void;
  readonly connect: () => Promise<NatsConnection>;
  /** How long a look may take, ms. */
  readonly withinMs: number;
  /** ms since 1970. */
  readonly now: () => number;
}

/** An answer is given again for so long, ms. */
const SHARED_MS = 10_000;

/**
 * Makes it. The function that it returns rejects with `FLEET_UNREACHABLE`.
 *
 * @example
 * const glance = createGlance({ product, keys, isUp: () => void link.connection(), connect, withinMs: 3_000, now: Date.now });
 * const { hosts } = await glance();
 */
export function createGlance(options: GlanceOptions): () => Promise<FleetView> {
  const { product, keys, isUp, connect, withinMs, now } = options;
  let last: { readonly at: number; readonly answer: Promise<FleetView> } | null = null;

  const read = async (signal: AbortSignal): Promise<FleetView> => {
    const connection = await connect();
    try {
      return fleetView(await readFleet(connection, { product, keys, now: now(), signal }));
    } catch (error) {
      throw fleetFault(error, 'the fleet cannot be read');
    } finally {
      await connection.close();
    }
  };
  const look = async (): Promise<FleetView> => {
    const over = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      over.abort();
      late.reject(new UpdateError('FLEET_UNREACHABLE', `expected the fleet within ${String(withinMs)} ms`));
    }, withinMs);
    try {
      return await Promise.race([read(over.signal), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };

  return async () => {
    isUp();
    const at = now();
    // A clock that was set back makes an answer old, and not young for ever.
    if (last === null || at < last.at || at - last.at >= SHARED_MS) last = { at, answer: look() };
    return last.answer;
  };
}
