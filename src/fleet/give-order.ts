/** Orders, from signing to the stream: exactly one of those who want to order at once does. */
import type { NatsConnection } from '@nats-io/transport-node';
import { fleetFault, isLostRace } from './faults.ts';
import { fleetNames } from './names.ts';
import type { Ordered } from './order-ledger.ts';
import { signOrder, type OrderSigner } from './orders.ts';
import type { OrderPayload } from './records.ts';

/** What is ordered. */
export type Wish = Pick<OrderPayload, 'action' | 'release' | 'reason' | 'evidence' | 'exp'>;

/** Who orders it, and where. */
export interface OrderDesk {
  readonly connection: NatsConnection;
  readonly product: string;
  readonly signer: OrderSigner;
  /** Who orders it, for people: `controller`, `alice@example.com`. */
  readonly by: string;
  /** ms since 1970. */
  readonly now: number;
}

/**
 * Signs an order and publishes it, if nobody has ordered anything about the release since.
 *
 * The number of an order grows with the clock, so that it is above one that the stream has forgotten, and always above the last one known.
 *
 * @param before - what was ordered of the release so far, as it was read
 * @returns the order; null when somebody else ordered something in between: read what, and think again
 * @throws UpdateError `FLEET_UNREACHABLE` (then nobody knows whether it was stored: read again), `SIGNING_FAILED`
 */
export async function giveOrder(desk: OrderDesk, before: Ordered, wish: Wish): Promise<OrderPayload | null> {
  const { connection, product, signer, by, now } = desk;
  const order: OrderPayload = {
    iss: by,
    aud: product,
    iat: Math.floor(now / 1000),
    seq: Math.max(now, (before.order?.seq ?? 0) + 1),
    ...wish,
  };
  const bytes = await signOrder(order, signer);
  const { jetstream } = await import('@nats-io/jetstream');
  try {
    await jetstream(connection).publish(fleetNames(product).order(wish.release.digest), bytes, {
      expect: { lastSubjectSequence: before.lastSeq },
    });
    return order;
  } catch (error) {
    if (isLostRace(error)) return null;
    throw fleetFault(error, `cannot order anything about ${wish.release.version}`);
  }
}
