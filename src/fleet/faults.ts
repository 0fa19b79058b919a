import { UpdateError } from '../errors.ts';

/** JetStream's error code for a compare-and-set that lost (nats-server, server/errors.json: JSStreamWrongLastSequenceErrF). */
const WRONG_LAST_SEQUENCE = 10_071;

const causesOf = (error: unknown): unknown[] =>
  error instanceof Error && error.cause !== undefined ? [error, ...causesOf(error.cause)] : [error];

/**
 * Whatever the NATS client threw as an error of the table.
 *
 * @param what - what was being done: `cannot connect to nats://…`
 * @returns `FLEET_UNREACHABLE`, or the `UpdateError` that it was already
 */
export function fleetFault(error: unknown, what: string): UpdateError {
  if (error instanceof UpdateError) return error;
  const words = causesOf(error).map((one) => {
    if (!(one instanceof Error)) return String(one);
    // The library says this of a subject that no stream takes.
    if (one.name === 'JetStreamNotEnabled') return 'no stream is there for it; `core fleet init` makes them';
    return one.message === '' ? one.name : one.message;
  });
  const said = [...new Set(words)].filter(
    (text, at, all) => !all.slice(0, at).some((it) => it.includes(text)),
  );
  return new UpdateError('FLEET_UNREACHABLE', `${what}: ${said.join(': ')}`, { cause: error });
}

/** Whether a write was refused because somebody else wrote in between. */
export function isLostRace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === WRONG_LAST_SEQUENCE;
}

/** JetStream's error code for an account that has none (JSNotEnabledForAccountErr). */
const NOT_ENABLED = 10_039;

/** Whether the account of whoever asked has no streams. */
export function isElsewhere(error: unknown): boolean {
  return causesOf(error).some((one) => one instanceof Error && 'code' in one && one.code === NOT_ENABLED);
}

/** Whether the server answered, and refused: a stream that is full or not there, say. It does not mend itself by a new connection. */
export function isRefusal(error: unknown): boolean {
  return causesOf(error).some((one) => one instanceof Error && 'code' in one && typeof one.code === 'number');
}
