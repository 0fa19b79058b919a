import { lastMessage } from '../fleet/last.ts';
import type { FleetNames } from '../fleet/names.ts';
import type { NatsLink } from './nats-link.ts';

/** How long is waited for an answer before an update goes by what is known here, ms. */
const ANSWER_MS = 2_000;

/**
 * Asks for the newest order for a release: once a connection, since from then on each that is given comes by itself.
 *
 * @param take - gets each order as it came, unjudged; never rejects
 * @returns what `openOrderBook` asks by; rejects with `FLEET_UNREACHABLE`
 */
export function natsOrders(
  link: NatsLink,
  names: FleetNames,
  take: (bytes: Uint8Array) => Promise<void>,
): (digest: string) => Promise<Uint8Array | null> {
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
    if (ofThis.has(digest)) return null;
    const last = await lastMessage(link.connection(), names.streams.orders, names.order(digest), ANSWER_MS);
    ofThis.add(digest);
    return last?.bytes ?? null;
  };
}
