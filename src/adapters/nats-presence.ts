import { fleetFault } from '../fleet/faults.ts';
import type { FleetNames } from '../fleet/names.ts';
import type { PresenceRecord } from '../fleet/records.ts';
import type { NatsLink } from './nats-link.ts';

/** How long an acknowledgement may take, ms. */
const ACK_MS = 5_000;

/**
 * Writes the presence of a host under its key.
 *
 * @returns a function that rejects with `FLEET_UNREACHABLE`
 */
export function natsPresence(link: NatsLink, names: FleetNames): (record: PresenceRecord) => Promise<void> {
  return async (record) => {
    try {
      const { Kvm } = await import('@nats-io/kv');
      const bucket = await new Kvm(link.connection()).open(names.buckets.hosts, { allow_direct: true });
      await bucket.put(names.hostKey(record.group, record.host), JSON.stringify(record), { timeout: ACK_MS });
    } catch (error) {
      throw fleetFault(error, 'the presence of this host was not acknowledged');
    }
  };
}
