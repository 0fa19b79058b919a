/**
 * A lease by the FleetLock protocol: a counting semaphore with recursive locks, each owned by the client that took it (Zincati,
 * "FleetLock protocol", https://coreos.github.io/zincati/development/fleetlock/protocol/). Servers exist, airlock on etcd among them.
 *
 * Invariants:
 * - Only a 200 is a success. A redirect is an error, and never followed.
 * - Only an answer of the protocol's own shape, with a status of 4xx, is a refusal; whatever else comes leaves open whether a place was
 *   taken.
 */
import { z } from 'zod';
import { UpdateError } from '../errors.ts';
import type { Lease } from '../services/ports.ts';
import { throwIfCancelled } from './disk-errors.ts';
import type { HttpClient } from './http-client.ts';

/** What {@link createFleetLock} needs. */
export interface FleetLockOptions {
  /** The base of the server's endpoints. */
  readonly url: string;
  /** The client's group: letters, digits, `.` and `-`. */
  readonly group: string;
  /** What tells this host from others; never the raw machine id. */
  readonly id: string;
  readonly client: HttpClient;
  /** How long an answer may take, ms; 30 000 unless told. */
  readonly timeoutMs?: number | undefined;
}

const ANSWER_CAP = 16 * 1024;
const VALUE_CHARACTERS = 300;

/** Section "Errors". */
const refusalSchema = z.object({ kind: z.string().min(1), value: z.string().min(1) });

type Operation = 'pre-reboot' | 'steady-state';

/** What stands in each request; a server refuses one without the header of the protocol. */
const CONTENT = { 'content-type': 'application/json', 'user-agent': 'coresdk-sidecar' };

const endpoint = (url: string, operation: Operation): string => `${url.replace(/\/+$/, '')}/v1/${operation}`;

async function readText(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > ANSWER_CAP) break;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What the server said, where it is of the agreed shape; as one short line. */
function refusalIn(text: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = refusalSchema.safeParse(value);
  if (!parsed.success) return null;
  const line = `${parsed.data.value} (${parsed.data.kind})`.replaceAll(/[\p{Cc}\s]+/gu, ' ');
  return line.slice(0, VALUE_CHARACTERS);
}

/** An answer, whatever it is. */
interface Answered {
  readonly status: number;
  /** What it says, where it is of the protocol's shape for a refusal. */
  readonly refusal: string | null;
}

/** Sends one request. Rejects with `CANCELLED`, and `FLEET_UNREACHABLE` where nothing came. */
async function post(
  { client, timeoutMs = 30_000 }: Pick<FleetLockOptions, 'client' | 'timeoutMs'>,
  address: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  signal: AbortSignal,
): Promise<Answered> {
  throwIfCancelled(signal);
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await client.post(new URL(address), {
      ...request,
      signal: AbortSignal.any([signal, late]),
    });
    return { status: answer.statusCode, refusal: refusalIn(await readText(answer.body)) };
  } catch (error) {
    throwIfCancelled(signal);
    const message = error instanceof Error ? error.message : String(error);
    throw away(address, late.aborted ? `nothing in ${String(timeoutMs / 1000)} s` : message, error);
  }
}

const away = (address: string, what: string, cause?: unknown): UpdateError =>
  new UpdateError('FLEET_UNREACHABLE', `expected ${address} to answer HTTP 200, found ${what}`, { cause });

/**
 * Looks whether a FleetLock server is there, and takes and frees nothing: it is sent a request that every server must refuse, without the
 * header of the protocol and without a host in it.
 *
 * @returns the status, and what it says where that is of the protocol's shape
 * @throws UpdateError `FLEET_UNREACHABLE`, `CANCELLED`
 * @example
 * const { status, refusal } = await lookAtFleetLock({ url: 'https://lock.example.com', client }, signal);
 */
export async function lookAtFleetLock(
  options: Pick<FleetLockOptions, 'url' | 'client' | 'timeoutMs'>,
  signal: AbortSignal,
): Promise<Answered> {
  return post(options, endpoint(options.url, 'steady-state'), { headers: CONTENT, body: '{}' }, signal);
}

/**
 * A lease from a FleetLock server. It asks nothing by itself.
 *
 * @example
 * const lease = createFleetLock({ url: 'https://lock.example.com', group: 'web', id: fleetHostId(machineId), client });
 * await lease.acquire(attempt.id, signal); // POST https://lock.example.com/v1/pre-reboot
 * await lease.release(attempt.id, signal); // POST https://lock.example.com/v1/steady-state
 */
export function createFleetLock({ url, group, id, client, timeoutMs }: FleetLockOptions): Lease {
  const body = JSON.stringify({ client_params: { id, group } });
  const headers = { ...CONTENT, 'fleet-lock-protocol': 'true' };
  const name = `the FleetLock server ${url.replace(/\/+$/, '')}, group ${group}`;

  const ask = async (operation: Operation, signal: AbortSignal): Promise<void> => {
    const address = endpoint(url, operation);
    const { status, refusal } = await post({ client, timeoutMs }, address, { headers, body }, signal);
    if (status === 200) return;
    const found = `HTTP ${String(status)}${refusal === null ? '' : `: ${refusal}`}`;
    if (operation === 'pre-reboot' && refusal !== null && status >= 400 && status < 500)
      throw new UpdateError('LEASE_HELD', `no place from ${name}: ${found}`);
    throw away(address, found);
  };
  return {
    name,
    acquire: (_attempt, signal) => ask('pre-reboot', signal),
    release: (_attempt, signal) => ask('steady-state', signal),
  };
}
