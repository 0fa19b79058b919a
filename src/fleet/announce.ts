import type { NatsConnection } from '@nats-io/transport-node';
import type { FeedChannel } from '../types.ts';
import { fleetFault } from './faults.ts';
import type { FleetNames } from './names.ts';

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
