import type { NatsConnection } from '@nats-io/transport-node';
import { fleetFault } from './faults.ts';

/** The last message of a subject, as a stream keeps it. */
export interface LastMessage {
  readonly bytes: Uint8Array;
  /** Its number in the stream. */
  readonly revision: number;
  /** `KV-Operation`: `DEL` and `PURGE` mark what was removed; empty for what is there. */
  readonly operation: string;
}

/** How long the server may take, ms. */
const ANSWER_MS = 5_000;

/**
 * Asks a stream for the last message of a subject, straight (ADR-31 of NATS): the subject stands in the request's own, so that a server
 * can grant a host the right to ask for just that. No consumer is made for it.
 *
 * @returns null where there is none
 * @throws UpdateError `FLEET_UNREACHABLE`
 */
export async function lastMessage(
  connection: NatsConnection,
  stream: string,
  subject: string,
  answerMs = ANSWER_MS,
): Promise<LastMessage | null> {
  try {
    const { jetstreamManager } = await import('@nats-io/jetstream');
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: answerMs });
    const found = await manager.direct.getMessage(stream, { last_by_subj: subject });
    if (found === null) return null;
    return { bytes: found.data, revision: found.seq, operation: found.header.get('KV-Operation') };
  } catch (error) {
    throw fleetFault(error, `cannot read ${subject}`);
  }
}

/** More of one subject are not read: the streams keep fewer. */
const MOST = 64;

/**
 * Asks a stream for every message of a subject that it keeps, straight, the oldest first. It takes the right to ask the stream for any
 * message (`$JS.API.DIRECT.GET.STREAM`); whoever has only that for the subject gets the last one.
 *
 * @param answerMs - how long the server may take for each, ms
 * @throws UpdateError `FLEET_UNREACHABLE`
 */
export async function everyMessage(
  connection: NatsConnection,
  stream: string,
  subject: string,
  answerMs = ANSWER_MS,
): Promise<readonly Uint8Array[]> {
  const all: Uint8Array[] = [];
  try {
    const { jetstreamManager } = await import('@nats-io/jetstream');
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: answerMs });
    for (let seq = 1; all.length < MOST;) {
      const found = await manager.direct.getMessage(stream, { seq, next_by_subj: subject });
      if (found === null) break;
      all.push(found.data);
      seq = found.seq + 1;
    }
    return all;
  } catch (error) {
    const fault = fleetFault(error, `cannot read ${subject}`);
    if (!/permission/i.test(fault.message)) throw fault;
    const last = await lastMessage(connection, stream, subject, answerMs);
    return last === null ? [] : [last.bytes];
  }
}
