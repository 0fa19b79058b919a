import type { NatsConnection } from '@nats-io/transport-node';
import type { FleetNames } from '../fleet/names.ts';
import { fleetFault } from '../fleet/faults.ts';
import type { FeedChannel } from '../types.ts';
import { lastMessage } from './nats-last.ts';
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

/**
 * Announces a head to all hosts; resolves once it is stored.
 *
 * @param bytes - a channel's head as the feed holds it
 * @throws UpdateError `FLEET_UNREACHABLE`
 */
export async function announceHead(
  connection: NatsConnection,
  names: FleetNames,
  channel: FeedChannel,
  bytes: Uint8Array,
): Promise<void> {
  try {
    const { jetstream } = await import('@nats-io/jetstream');
    await jetstream(connection).publish(names.head(channel), bytes, {
      expect: { streamName: names.streams.heads },
    });
  } catch (error) {
    throw fleetFault(error, `the ${channel} head was not announced`);
  }
}
