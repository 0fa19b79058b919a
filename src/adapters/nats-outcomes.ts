import type { FleetNames } from '../fleet/names.ts';
import type { OutcomeRecord } from '../fleet/records.ts';
import { fleetFault } from '../fleet/faults.ts';
import type { NatsLink } from './nats-link.ts';

/** Where outcomes go. */
export interface Outcomes {
  /**
   * Sends one; resolves once it is stored for good. Sent before: stored once all the same, as long as the server remembers its id, and
   * counted once for ever, by its id. Rejects with `FLEET_UNREACHABLE` when that is not certain.
   */
  publish(record: OutcomeRecord): Promise<void>;
}

/** How long an acknowledgement may take, ms. */
const ACK_MS = 10_000;

/**
 * Outcomes in JetStream, acknowledged by the server, and told apart by `Nats-Msg-Id`.
 *
 * @param ackMs - how long an acknowledgement may take
 */
export function natsOutcomes(
  link: NatsLink,
  names: FleetNames,
  { ackMs = ACK_MS }: { readonly ackMs?: number } = {},
): Outcomes {
  return {
    publish: async (record) => {
      try {
        const { jetstream } = await import('@nats-io/jetstream');
        await jetstream(link.connection()).publish(
          names.outcome(record.group, record.host),
          JSON.stringify(record),
          { msgID: record.id, timeout: ackMs, expect: { streamName: names.streams.outcomes } },
        );
      } catch (error) {
        throw fleetFault(error, `the outcome ${record.id} was not acknowledged`);
      }
    },
  };
}
