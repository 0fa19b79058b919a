/** Everything that is known of a fleet, read out of its streams and buckets at once. */
import type { NatsConnection } from '@nats-io/transport-node';
import { readOutcome } from './controller.ts';
import { readAll, type Arrived } from './follow.ts';
import { fleetNames, isOwn } from './names.ts';
import { createOrderLedger, type OrderLedger } from './order-ledger.ts';
import type { OperatorKeys } from './orders.ts';
import { presenceSchema, type OutcomeRecord, type PresenceRecord } from './records.ts';
import type { FleetFacts, Kept } from './view.ts';

/** What {@link readFleet} reads. */
export interface FleetReading extends FleetFacts {
  /** The orders, with their places in the stream: what a new order has to follow. */
  readonly ledger: OrderLedger;
  /** Messages for releases that no operators' key has signed rightly. */
  readonly refused: number;
}

/** Who is there, out of the bytes under that host's key; null for anything else. */
function readPresence(data: Uint8Array, subject: string): PresenceRecord | null {
  try {
    const parsed = presenceSchema.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
    return parsed.success && isOwn(parsed.data, subject) ? parsed.data : null;
  } catch {
    return null;
  }
}

function kept<T>(
  messages: readonly Arrived[],
  read: (data: Uint8Array, subject: string) => T | null,
): Kept<T>[] {
  return messages.flatMap(({ data, subject, at, operation }) => {
    const value = operation === '' ? read(data, subject) : null;
    return value === null ? [] : [{ value, at }];
  });
}

/**
 * Reads a fleet.
 *
 * @param options.keys - whose orders count; an empty map: nobody's
 * @param options.signal - ends the wait
 * @throws UpdateError `FLEET_UNREACHABLE`
 * @example
 * const facts = await readFleet(connection, { product, keys, now: Date.now(), signal: AbortSignal.timeout(30_000) });
 */
export async function readFleet(
  connection: NatsConnection,
  options: {
    readonly product: string;
    readonly keys: OperatorKeys;
    readonly now: number;
    readonly signal: AbortSignal;
  },
): Promise<FleetReading> {
  const { product, keys, now, signal } = options;
  const { streams, buckets } = fleetNames(product);
  const [hosts, outcomes, orders] = await Promise.all([
    readAll(connection, `KV_${buckets.hosts}`, signal),
    readAll(connection, streams.outcomes, signal),
    readAll(connection, streams.orders, signal),
  ]);
  const ledger = createOrderLedger({ keys, product });
  let refused = 0;
  for (const message of orders) if ((await ledger.hear(message)).refused !== null) refused += 1;
  return {
    product,
    now,
    hosts: kept<PresenceRecord>(hosts, readPresence),
    outcomes: kept<OutcomeRecord>(outcomes, readOutcome),
    orders: ledger.all(),
    ledger,
    refused,
  };
}
