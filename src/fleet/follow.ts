/**
 * What is in a stream, and what comes: read from its beginning, in order, each message once.
 *
 * Invariants:
 * - Nothing is kept on the server for a reader: whoever starts again reads all of it again.
 * - It never waits for ever for a server that is away: the reader ends with `FLEET_UNREACHABLE`, and may be started anew.
 */
import type { ConsumerMessages } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { UpdateError } from '../errors.ts';
import { fleetFault } from './faults.ts';

/** One message of a stream. */
export interface Arrived {
  readonly subject: string;
  readonly data: Uint8Array;
  /** When the server stored it, ms since 1970, by the server's clock. */
  readonly at: number;
  /** Its number in the stream. */
  readonly seq: number;
  /** What a bucket says instead of a value: `DEL` or `PURGE`; empty for a value. */
  readonly operation: string;
}

/** A message; or null, once, when everything has been read that was there. */
export type Read = Arrived | null;

/** Set on the deletion of a bucket's key (NATS ADR-8). */
const OPERATION = 'KV-Operation';
/** The server says so often that it is there; after two that are missing it is away, ms. */
const HEARTBEAT_MS = 5_000;
/** So many messages are asked for at once. */
const AHEAD = 1_000;

const gone = (stream: string, why: string): UpdateError =>
  new UpdateError('FLEET_UNREACHABLE', `cannot go on reading ${stream}: ${why}`);

/** Ends the reading when the server is missed: then somebody starts anew, and by what is there. */
async function watchOver(messages: ConsumerMessages, miss: (why: string) => void): Promise<void> {
  for await (const { type } of messages.status())
    if (['heartbeats_missed', 'consumer_not_found', 'stream_not_found', 'consumer_deleted'].includes(type)) {
      miss(type.replaceAll('_', ' '));
      return;
    }
}

/**
 * Reads a stream from its beginning, and goes on until the signal fires.
 *
 * @param stream - its name; the stream of a bucket is `KV_` and the bucket's name
 * @throws UpdateError `FLEET_UNREACHABLE`; none for the signal
 * @example
 * for await (const read of follow(connection, names.streams.outcomes, signal)) if (read === null) break;
 */
export async function* follow(
  connection: NatsConnection,
  stream: string,
  signal: AbortSignal,
): AsyncGenerator<Read, void, undefined> {
  const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
  const isWanted = (): boolean => !signal.aborted;
  let messages: ConsumerMessages;
  let empty: boolean;
  let last: number;
  try {
    // Without the question for the account: a reader needs no right to it.
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const { state } = await manager.streams.info(stream);
    empty = state.messages === 0;
    last = state.last_seq;
  } catch (error) {
    throw fleetFault(error, `cannot read ${stream}`);
  }
  // Before anything is asked for: a reader that is never read on cannot be closed.
  if (empty) yield null;
  if (!isWanted()) return;
  try {
    const consumer = await jetstream(connection).consumers.get(stream, { inactive_threshold: 60_000 });
    messages = await consumer.consume({ max_messages: AHEAD, idle_heartbeat: HEARTBEAT_MS });
  } catch (error) {
    throw fleetFault(error, `cannot read ${stream}`);
  }
  const missed: UpdateError[] = [];
  const stop = (): void => {
    messages.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (!isWanted()) stop();
  const watching = watchOver(messages, (why) => {
    missed.push(gone(stream, why));
    stop();
  });
  void connection.closed().then(stop);
  try {
    let caughtUp = empty;
    for await (const message of messages) {
      yield {
        subject: message.subject,
        data: message.data,
        at: message.time.getTime(),
        seq: message.seq,
        operation: message.headers?.get(OPERATION) ?? '',
      };
      // In a bucket the last message may have been replaced meanwhile: then what replaced it comes, with a higher number.
      if (!caughtUp && (message.seq >= last || message.info.pending === 0)) {
        caughtUp = true;
        yield null;
      }
    }
  } catch (error) {
    throw fleetFault(error, `cannot go on reading ${stream}`);
  } finally {
    signal.removeEventListener('abort', stop);
    await messages.close();
    await watching;
  }
  if (missed[0] !== undefined) throw missed[0];
  if (isWanted()) throw gone(stream, 'the connection was closed');
}

/**
 * Everything that is in a stream now.
 *
 * @param signal - ends the wait; then it rejects
 * @throws UpdateError `FLEET_UNREACHABLE`
 */
export async function readAll(
  connection: NatsConnection,
  stream: string,
  signal: AbortSignal,
): Promise<Arrived[]> {
  const all: Arrived[] = [];
  for await (const read of follow(connection, stream, signal)) {
    if (read === null) return all;
    all.push(read);
  }
  throw gone(stream, 'it took too long');
}
