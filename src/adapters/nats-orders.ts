import { everyMessage } from '../fleet/last.ts';
import type { FleetNames } from '../fleet/names.ts';
import type { NatsLink } from './nats-link.ts';

/** How long is waited for an answer before an update goes by what is known here, ms. */
const ANSWER_MS = 2_000;

/**
 * Asks for the orders for a release: once a connection, since from then on each that is given comes by itself. For all that the stream
 * keeps: the last may be one that nobody signed, or an old one that was sent again, and hides the true one.
 *
 * @param take - gets each order as it came, unjudged; never rejects
 * @returns what `openOrderBook` asks by; rejects with `FLEET_UNREACHABLE`
 */
export function natsOrders(
  link: NatsLink,
  names: FleetNames,
  take: (bytes: Uint8Array) => Promise<void>,
): (digest: string) => Promise<readonly Uint8Array[]> {
  let asked = new Set<string>();
  link.each((connection) => {
    asked = new Set();
    connection.subscribe(names.order('*'), {
      callback: (error, message) => {
        if (error === null) void take(message.data);
      },
    });
    return Promise.resolve();
  });
  return async (digest) => {
    const ofThis = asked;
    if (ofThis.has(digest)) return [];
    const { orders } = names.streams;
    const found = await everyMessage(link.connection(), orders, names.order(digest), ANSWER_MS);
    ofThis.add(digest);
    return found;
  };
}
