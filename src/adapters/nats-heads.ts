import type { FleetNames } from '../fleet/names.ts';
import { lastMessage } from '../fleet/last.ts';
import type { FeedChannel } from '../types.ts';
import type { NatsLink } from './nats-link.ts';

/**
 * Hears of the heads of a channel: of the newest at each new connection, then of each that is announced.
 *
 * @param take - gets the bytes as they came, unjudged; never rejects
 */
export function listenForHeads(
  link: NatsLink,
  names: FleetNames,
  channel: FeedChannel,
  take: (bytes: Uint8Array) => Promise<void>,
): void {
  link.each(async (connection) => {
    connection.subscribe(names.head(channel), {
      callback: (error, message) => {
        if (error === null) void take(message.data);
      },
    });
    const last = await lastMessage(connection, names.streams.heads, names.head(channel));
    if (last !== null) await take(last.bytes);
  });
}
