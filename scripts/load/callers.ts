/** The callers of `npm run load`, good and bad. Each runs until its signal fires, and then leaves nothing open. */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlClient } from '../../src/control/client.ts';
import type { Tally } from './tally.ts';

/** What every caller needs. */
export interface CallerOptions {
  readonly socket: string;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}

/** How long a good caller thinks between two looks, ms at most. */
const THINK_MS = 1_000;

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const nameOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

/** Asks once; resolves with the status, or the name of an error. */
async function ask(socketPath: string, agent: Agent): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const call = request({ socketPath, path: '/v1/status', agent }, (response) => {
    response.on('error', (error) => {
      resolve(nameOf(error));
    });
    response.resume();
    response.once('end', () => {
      resolve(String(response.statusCode));
    });
  });
  call.once('error', (error) => {
    resolve(nameOf(error));
  });
  call.end();
  return promise;
}

/** Looks at the status again and again, over a connection that it keeps. */
export async function statusCaller({ socket, tally, signal }: CallerOptions): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await pause(Math.random() * THINK_MS, signal);
  while (!signal.aborted) {
    const began = performance.now();
    const answer = await ask(socket, agent);
    tally.count(answer === '200' ? 'ok' : answer);
    if (answer === '200') tally.took(performance.now() - began);
    await pause(Math.random() * THINK_MS, signal);
  }
  agent.destroy();
}

/** Reads events, and sees that none is left out. */
export async function streamCaller(
  client: ControlClient,
  tally: Tally,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const states: string[] = [];
  let last: number | null = null;
  try {
    for await (const event of client.events({ signal })) {
      tally.count('events');
      if (last !== null && event.id !== last + 1) tally.count('gaps');
      last = event.id;
      if (event.kind === 'state') states.push(event.state);
    }
  } catch (error) {
    tally.count(nameOf(error));
  }
  return states;
}

/** Opens a connection, sends this, and resolves when it is closed by the daemon or the signal fires. */
async function hold({ socket, tally, signal }: CallerOptions, text: string, read: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const client: Socket = connect({ path: socket });
  let answer = '';
  const end = (): void => {
    client.destroy();
  };
  signal.addEventListener('abort', end);
  client.on('error', (error) => {
    if (!signal.aborted) tally.count(nameOf(error));
  });
  if (read) client.on('data', (chunk: Buffer) => (answer ||= chunk.toString('latin1', 0, 12)));
  else client.pause();
  client.once('close', () => {
    signal.removeEventListener('abort', end);
    if (!signal.aborted) tally.count(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'closed unanswered');
    resolve(undefined);
  });
  if (text !== '') client.write(text);
  tally.count('opened');
  return promise;
}

/** Asks for events and never reads one. */
export async function deafCaller(options: CallerOptions): Promise<void> {
  while (!options.signal.aborted) {
    await hold(options, 'GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n', false);
    await pause(100, options.signal);
  }
}

/** Connects and sends nothing, or half a request; connects again when it was shown the door. */
export async function halfOpenCaller(options: CallerOptions, text: string): Promise<void> {
  while (!options.signal.aborted) {
    await hold(options, text, true);
    await pause(100, options.signal);
  }
}

const JSON_HEAD = 'POST /v1/update HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

/** What is no request, or a monstrous one; the daemon closes after each. */
export const BAD_REQUESTS: readonly string[] = [
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  'GET /v1/status HTTP/1.1\r\n\r\n',
  'GET /v1/status HTTP/9.9\r\nhost: localhost\r\n\r\n',
  `GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
  `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(1_000_000)}\r\n\r\n`,
  `${JSON_HEAD}connection: close\r\ncontent-length: 2000000\r\n\r\n${'z'.repeat(2_000_000)}`,
  `${JSON_HEAD}transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n`,
  `${JSON_HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`,
  `${JSON_HEAD}connection: close\r\ncontent-length: 12000\r\n\r\n${'['.repeat(12_000)}`,
  `${JSON_HEAD}connection: close\r\ncontent-length: 17\r\n\r\n{"dry_run":"yes"}`,
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
];

/** Sends one bad request after another. */
export async function badCaller(options: CallerOptions): Promise<void> {
  for (let at = 0; !options.signal.aborted; at += 1) {
    await hold(options, BAD_REQUESTS[at % BAD_REQUESTS.length] ?? '', true);
    await pause(50, options.signal);
  }
}
