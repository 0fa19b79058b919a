/**
 * A look at what a host finds on NATS: whether it may do there what it does in a fleet. Nothing is stored, taken or freed.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats, type NatsAccess } from '../fleet/connect.ts';
import { fleetFault } from '../fleet/faults.ts';
import { lastMessage } from '../fleet/last.ts';
import { fleetNames, inboxOf } from '../fleet/names.ts';
import type { FeedChannel } from '../types.ts';

/** Who asks, and for what. */
export interface NatsQuestions {
  readonly product: string;
  readonly group: string;
  readonly host: string;
  /** Whose heads are listened for; null where none are. */
  readonly channel: FeedChannel | null;
  /** Whether orders are obeyed. */
  readonly orders: boolean;
  /** Whether places are taken. */
  readonly places: boolean;
  /** How long the server may take for each answer, ms. */
  readonly answerMs: number;
}

/** The same, by a connection of its own. */
export interface NatsLook extends NatsQuestions {
  readonly access: NatsAccess;
  /** What the connection is for, for people. */
  readonly by: string;
  /** How long the server may take to let the host in, ms. */
  readonly connectMs: number;
}

/** What stands in the way. */
export interface NatsFault {
  /** `right`: the server refuses it to this host; `stream`: it is not there; `other`: no answer, say. */
  readonly kind: 'right' | 'stream' | 'other';
  /** Whether an update with `update.gate: nats` cannot begin by it. */
  readonly places: boolean;
  readonly message: string;
}

/** JetStream's error code for a message that names another stream than it came to (JSStreamNotMatchErr): nothing is stored. */
const NOT_MATCH = 10_060;
/** The name of no stream of a fleet. */
const NO_STREAM = 'coresdk-doctor';

/** Whether a write would reach a stream: by one that the stream refuses, since it names another. */
async function mayWrite(connection: NatsConnection, subject: string, timeout: number): Promise<void> {
  const { jetstream } = await import('@nats-io/jetstream');
  try {
    await jetstream(connection).publish(subject, '', { timeout, expect: { streamName: NO_STREAM } });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NOT_MATCH) return;
    throw fleetFault(error, `cannot write ${subject}`);
  }
}

function faultOf(error: unknown, places: boolean): NatsFault {
  const { message } = fleetFault(error, 'NATS');
  const right = /permissions violation/i.test(message);
  const stream = /no responders|no stream|not found/i.test(message);
  return { kind: right ? 'right' : stream ? 'stream' : 'other', places, message };
}

/** What stands in the way of a host with this connection; empty where nothing does. */
export async function askNats(
  connection: NatsConnection,
  { product, group, host, channel, orders, places, answerMs }: NatsQuestions,
): Promise<readonly NatsFault[]> {
  const names = fleetNames(product);
  const { streams, buckets } = names;
  const read = (stream: string, subject: string): Promise<unknown> =>
    lastMessage(connection, stream, subject, answerMs);
  const write = (subject: string): Promise<void> => mayWrite(connection, subject, answerMs);
  const place = `$KV.${buckets.leases}.${names.leaseKey(group, 0)}`;
  const tries: readonly (readonly [boolean, Promise<unknown>])[] = [
    [false, write(names.outcome(group, host))],
    [false, write(`$KV.${buckets.hosts}.${names.hostKey(group, host)}`)],
    ...(channel === null ? [] : [[false, read(streams.heads, names.head(channel))] as const]),
    ...(orders ? [[false, read(streams.orders, names.order('0'.repeat(64)))] as const] : []),
    ...(places ? [[true, write(place)] as const, [true, read(`KV_${buckets.leases}`, place)] as const] : []),
  ];
  const done = await Promise.allSettled(tries.map(([, tried]) => tried));
  return done.flatMap((result, at) =>
    result.status === 'rejected' ? [faultOf(result.reason, tries[at]?.[0] ?? false)] : [],
  );
}

/** What was found. */
export interface NatsSight {
  /** The server that let the host in, `host:port`. */
  readonly server: string;
  /** What stands in its way; empty where nothing does. */
  readonly faults: readonly NatsFault[];
}

/**
 * Looks at NATS with a connection of its own.
 *
 * @throws UpdateError `FLEET_UNREACHABLE`, `CONFIG_INVALID`: no connection
 * @example
 * const { server, faults } = await lookAtNats({
 *   access, product, group, host, by: 'doctor', channel: 'stable', orders: true, places: false, connectMs: 5_000, answerMs: 3_000,
 * });
 */
export async function lookAtNats(look: NatsLook): Promise<NatsSight> {
  const { access, group, host, by, connectMs } = look;
  const connection = await connectNats(access, {
    name: `coresdk ${group}.${host} ${by}`,
    inbox: inboxOf(group, host),
    timeoutMs: connectMs,
  });
  try {
    return { server: connection.getServer(), faults: await askNats(connection, look) };
  } finally {
    await connection.close();
  }
}
