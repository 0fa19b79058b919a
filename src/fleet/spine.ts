/**
 * Makes the fleet's streams and buckets. Whoever runs the fleet does it (`core fleet init`, the controller, a publisher); a host
 * never does, and needs no right to.
 *
 * Invariants: nothing is without a limit; done already with the same limits: changes nothing; nothing is ever deleted by it.
 */
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { fleetFault } from './faults.ts';
import { fleetNames, type FleetNames } from './names.ts';

/** The limits of what the fleet keeps. Bytes are of disk on the server, and reserved there. */
export interface SpineLimits {
  /** Copies in a cluster: 1, 3 or 5. */
  readonly replicas: number;
  readonly headsBytes: number;
  readonly outcomesBytes: number;
  /** How long outcomes are kept, ms. */
  readonly outcomesAgeMs: number;
  readonly ordersBytes: number;
  readonly hostsBytes: number;
  /** How long a host that is silent stays listed, ms. */
  readonly hostsAgeMs: number;
  readonly leasesBytes: number;
  /** How long a lease lasts without a renewal, ms, by the server's clock. */
  readonly leaseMs: number;
}

const MIB = 1024 * 1024;
const DAY_MS = 24 * 3_600_000;

/** For 100,000 hosts: an outcome takes about 1.5 KiB, a presence about 0.5 KiB. */
export const SPINE_LIMITS: SpineLimits = {
  replicas: 1,
  headsBytes: 16 * MIB,
  outcomesBytes: 512 * MIB,
  outcomesAgeMs: 90 * DAY_MS,
  ordersBytes: 32 * MIB,
  hostsBytes: 128 * MIB,
  hostsAgeMs: 30 * DAY_MS,
  leasesBytes: 8 * MIB,
  leaseMs: 120_000,
};

/** How long the server knows a message id again, ms: an outcome whose acknowledgement was lost is sent again within this. */
export const DUPLICATE_WINDOW_MS = 3_600_000;

/** So many outcomes of one host are kept, the newest: one that floods pushes out its own, and nobody else's. */
const OUTCOMES_PER_HOST = 512;
/** The most that `RECORD_LIMITS` can make, escaped as JSON, bytes. */
const OUTCOME_MAX_BYTES = 384 * 1024;

type Wanted = Pick<StreamConfig, 'name' | 'subjects'> & Partial<StreamConfig>;

const nanos = (ms: number): number => ms * 1_000_000;

/** What is to be there. Buckets are streams with the options of ADR-8 of NATS (nats-architecture-and-design). */
async function wantedStreams(names: FleetNames, limits: SpineLimits): Promise<Wanted[]> {
  const { DiscardPolicy, RetentionPolicy, StorageType } = await import('@nats-io/jetstream');
  const common: Partial<StreamConfig> = {
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    num_replicas: limits.replicas,
    // Whoever may only read one subject can ask for its last message, and nothing else (ADR-31).
    allow_direct: true,
  };
  const bucket = (name: string): Partial<StreamConfig> & { name: string; subjects: string[] } => ({
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    max_msgs_per_subject: 1,
    discard: DiscardPolicy.New,
    // With it, whoever may write one key could empty the whole bucket (`Nats-Rollup: all`): every presence, every lease.
    allow_rollup_hdrs: false,
    deny_delete: true,
  });
  const { streams, buckets } = names;
  return [
    {
      ...common,
      name: streams.heads,
      subjects: [names.head('*')],
      max_msgs_per_subject: 16,
      max_bytes: limits.headsBytes,
      discard: DiscardPolicy.Old,
    },
    {
      ...common,
      name: streams.outcomes,
      subjects: [names.outcome('*', '*')],
      max_msgs_per_subject: OUTCOMES_PER_HOST,
      max_msg_size: OUTCOME_MAX_BYTES,
      max_bytes: limits.outcomesBytes,
      max_age: nanos(limits.outcomesAgeMs),
      discard: DiscardPolicy.Old,
      duplicate_window: nanos(Math.min(DUPLICATE_WINDOW_MS, limits.outcomesAgeMs)),
    },
    {
      ...common,
      name: streams.orders,
      subjects: [names.order('*')],
      max_msgs_per_subject: 16,
      max_bytes: limits.ordersBytes,
      discard: DiscardPolicy.Old,
    },
    {
      ...common,
      ...bucket(buckets.hosts),
      max_bytes: limits.hostsBytes,
      max_age: nanos(limits.hostsAgeMs),
      max_msg_size: 8 * 1024,
    },
    {
      ...common,
      ...bucket(buckets.leases),
      max_bytes: limits.leasesBytes,
      max_age: nanos(limits.leaseMs),
      duplicate_window: nanos(Math.min(limits.leaseMs, 120_000)),
      max_msg_size: 4 * 1024,
    },
  ];
}

const STREAM_NOT_FOUND = 10_059;

async function ensure(manager: JetStreamManager, wanted: Wanted): Promise<'made' | 'changed' | 'there'> {
  let found: StreamConfig;
  try {
    found = (await manager.streams.info(wanted.name)).config;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === STREAM_NOT_FOUND)) throw error;
    await manager.streams.add(wanted);
    return 'made';
  }
  const differs = Object.entries(wanted).some(
    ([key, value]) => JSON.stringify(found[key as keyof StreamConfig]) !== JSON.stringify(value),
  );
  if (!differs) return 'there';
  await manager.streams.update(wanted.name, { ...found, ...wanted });
  return 'changed';
}

/**
 * Makes what is missing, and gives what is there the limits.
 *
 * @param product - the product of the trust set
 * @returns what was done, by the name of the stream
 * @throws UpdateError `FLEET_UNREACHABLE`, also when the server has no JetStream, or no room for so much
 * @example
 * await ensureSpine(connection, 'coresdk-sidecar', { replicas: 3 });
 */
export async function ensureSpine(
  connection: NatsConnection,
  product: string,
  limits: Partial<SpineLimits> = {},
): Promise<ReadonlyMap<string, 'made' | 'changed' | 'there'>> {
  try {
    const { jetstreamManager } = await import('@nats-io/jetstream');
    const manager = await jetstreamManager(connection);
    const done = new Map<string, 'made' | 'changed' | 'there'>();
    for (const wanted of await wantedStreams(fleetNames(product), { ...SPINE_LIMITS, ...limits }))
      done.set(wanted.name, await ensure(manager, wanted));
    return done;
  } catch (error) {
    throw fleetFault(error, `cannot make the streams of ${product}`);
  }
}
