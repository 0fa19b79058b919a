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

/**
 * A lease from a FleetLock server. It asks nothing by itself.
 *
 * @example
 * const lease = createFleetLock({ url: 'https://lock.example.com', group: 'web', id: fleetHostId(machineId), client });
 * await lease.acquire(attempt.id, signal); // POST https://lock.example.com/v1/pre-reboot
 * await lease.release(attempt.id, signal); // POST https://lock.example.com/v1/steady-state
 */
export function createFleetLock({ url, group, id, client, timeoutMs = 30_000 }: FleetLockOptions): Lease {
  const base = url.replace(/\/+$/, '');
  const body = JSON.stringify({ client_params: { id, group } });
  const headers = {
    'content-type': 'application/json',
    'fleet-lock-protocol': 'true',
    'user-agent': 'coresdk-sidecar',
  };
  const name = `the FleetLock server ${base}, group ${group}`;

  const ask = async (operation: Operation, signal: AbortSignal): Promise<void> => {
    throwIfCancelled(signal);
    const address = `${base}/v1/${operation}`;
    const late = AbortSignal.timeout(timeoutMs);
    const away = (what: string, cause?: unknown): UpdateError =>
      new UpdateError('FLEET_UNREACHABLE', `expected ${address} to answer HTTP 200, found ${what}`, {
        cause,
      });
    let status: number;
    let text: string;
    try {
      const answer = await client.post(new URL(address), {
        headers,
        body,
        signal: AbortSignal.any([signal, late]),
      });
      status = answer.statusCode;
      text = await readText(answer.body);
    } catch (error) {
      throwIfCancelled(signal);
      if (late.aborted) throw away(`nothing in ${String(timeoutMs / 1000)} s`, error);
      throw away(error instanceof Error ? error.message : String(error), error);
    }
    if (status === 200) return;
    const refusal = refusalIn(text);
    const found = `HTTP ${String(status)}${refusal === null ? '' : `: ${refusal}`}`;
    if (operation === 'pre-reboot' && refusal !== null && status >= 400 && status < 500)
      throw new UpdateError('LEASE_HELD', `no place from ${name}: ${found}`);
    throw away(found);
  };
  return {
    name,
    acquire: (_attempt, signal) => ask('pre-reboot', signal),
    release: (_attempt, signal) => ask('steady-state', signal),
  };
}
