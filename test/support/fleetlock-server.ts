/**
 * A strict FleetLock server (Zincati, "FleetLock protocol"): refuses every request that is not exactly as the protocol says, and counts
 * what it did. In memory; on loopback; stops with `stop`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the server saw and did. */
export interface FleetLockServer {
  readonly url: string;
  /** Ids of the hosts that hold a place, by group. */
  holders(group?: string): string[];
  /** The most that ever held a place of a group at once. */
  readonly most: number;
  /** How often a place was taken by somebody who did not hold one. */
  readonly taken: number;
  /** How often a place was freed by who held it. */
  readonly freed: number;
  /** `pre-reboot ID 200`, in order. */
  readonly log: string[];
  /** Requests that were not as the protocol says. */
  readonly faults: string[];
  /** What is answered in its place while set; `drop` does what was asked and breaks the connection. */
  answer: { status: number; body: string } | 'drop' | null;
  /** Resolves at the next request that this is true of, once it was answered. */
  when(holds: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

const ID = /^[0-9a-zA-Z._-]+$/;
const GROUP = /^[a-zA-Z0-9.-]+$/;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** What is wrong with a request; or whom it is from. */
function parse(
  { method, url, headers }: IncomingMessage,
  text: string,
): { fault: string } | { operation: string; id: string; group: string } {
  const operation = /^\/base\/v1\/(pre-reboot|steady-state)$/.exec(url ?? '')?.[1];
  if (operation === undefined) return { fault: `path ${url ?? ''}` };
  if (method !== 'POST') return { fault: `method ${method ?? ''}` };
  if (headers['fleet-lock-protocol'] !== 'true') return { fault: 'no header fleet-lock-protocol: true' };
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { fault: `body ${text}` };
  }
  const keys = (value: unknown): string =>
    Object.keys(value as object)
      .sort()
      .join(' ');
  if (keys(body) !== 'client_params') return { fault: `members ${keys(body)}` };
  const { client_params: client } = body as { client_params: Record<string, unknown> };
  if (keys(client) !== 'group id') return { fault: `client_params ${keys(client)}` };
  const { id, group } = client;
  if (typeof id !== 'string' || !ID.test(id)) return { fault: `id ${JSON.stringify(id)}` };
  if (typeof group !== 'string' || !GROUP.test(group)) return { fault: `group ${JSON.stringify(group)}` };
  return { operation, id, group };
}

/**
 * @param slots - hosts of a group that may hold a place at once
 * @param port - where it listens; a free port unless told
 */
export async function startFleetLockServer(slots = 1, port = 0): Promise<FleetLockServer> {
  const groups = new Map<string, Set<string>>();
  const watchers = new Set<() => void>();
  const state = { most: 0, taken: 0, freed: 0 };
  const log: string[] = [];
  const faults: string[] = [];
  let answer: FleetLockServer['answer'] = null;

  const act = (operation: string, id: string, holders: Set<string>): { status: number; body: string } => {
    if (operation === 'steady-state') {
      if (holders.delete(id)) state.freed += 1;
      return { status: 200, body: '' };
    }
    if (!holders.has(id)) {
      if (holders.size >= slots)
        return {
          status: 409,
          body: JSON.stringify({
            kind: 'failed_lock_semaphore_full',
            value: 'semaphore currently full, all slots are locked already',
          }),
        };
      holders.add(id);
      state.taken += 1;
      state.most = Math.max(state.most, holders.size);
    }
    return { status: 200, body: '' };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parsed = parse(request, await bodyOf(request));
    let given: { status: number; body: string };
    if ('fault' in parsed) {
      faults.push(parsed.fault);
      given = { status: 400, body: JSON.stringify({ kind: 'bad_request', value: parsed.fault }) };
    } else {
      const { operation, id, group } = parsed;
      const holders = groups.get(group) ?? new Set();
      groups.set(group, holders);
      const told = answer;
      given = told === null || told === 'drop' ? act(operation, id, holders) : told;
      log.push(`${operation} ${id} ${told === 'drop' ? 'dropped' : String(given.status)}`);
      if (told === 'drop') {
        request.socket.destroy();
        for (const look of watchers) look();
        return;
      }
    }
    response.writeHead(given.status, { 'content-type': 'application/json', connection: 'close' });
    response.end(given.body, () => {
      for (const look of watchers) look();
    });
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      faults.push(String(error));
      request.socket.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(bound)}/base`,
    holders: (group = 'default') => [...(groups.get(group) ?? [])],
    get most() {
      return state.most;
    },
    get taken() {
      return state.taken;
    },
    get freed() {
      return state.freed;
    },
    log,
    faults,
    get answer() {
      return answer;
    },
    set answer(next) {
      answer = next;
    },
    when: (holds) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!holds()) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
