import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CONTROL_LIMITS, type ControlLimits } from '../../../src/control/limits.ts';
import { startControlServer, type ControlServerOptions } from '../../../src/control/server.ts';
import { createControlClient, type ControlClient } from '../../../src/control/client.ts';
import { scriptedApi, type Script, type ScriptedApi } from './scripted-api.ts';

/** A folder of its own, removed when the test is over. */
export async function ownFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'coresdk-control-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A real server over a scripted daemon, and a client of it. */
export interface ControlFixture {
  readonly api: ScriptedApi;
  readonly socket: string;
  readonly client: ControlClient;
  readonly faults: unknown[];
  readonly warnings: string[];
  /** Where the TCP listener is; null where there is none. */
  readonly url: string | null;
  readonly streams: () => number;
  readonly close: () => Promise<void>;
}

/** What a test wants to be different about the server. */
export interface FixtureOptions extends Partial<
  Pick<ControlServerOptions, 'group' | 'tcp' | 'metrics' | 'pages'>
> {
  readonly limits?: Partial<ControlLimits>;
}

/** Starts a real server on a real socket; it is closed when the test is over. */
export async function startControl(
  script: Script = {},
  { limits = {}, ...options }: FixtureOptions = {},
): Promise<ControlFixture> {
  const socket = join(await ownFolder(), 'control.sock');
  const api = scriptedApi(script);
  const faults: unknown[] = [];
  const warnings: string[] = [];
  const server = await startControlServer({
    api,
    socket,
    version: '1.0.0',
    onFault: (error) => faults.push(error),
    onWarning: (message) => warnings.push(message),
    limits: { ...CONTROL_LIMITS, ...limits },
    ...options,
  });
  const { url, streams } = server;
  onTestFinished(() => server.close());
  return {
    api,
    socket,
    faults,
    warnings,
    url,
    streams,
    client: createControlClient({ socket }),
    close: () => server.close(),
  };
}

/** A token that is good enough. */
export const TOKEN = 'f'.repeat(64);

/** A token file of its own, mode 0600. */
export async function tokenFile(token: string = TOKEN): Promise<string> {
  const path = join(await ownFolder(), 'token');
  await writeFile(path, `${token}\n`, { mode: 0o600 });
  return path;
}

/** {@link startControl} with a TCP listener on a free port of loopback. */
export async function startTcp(
  script: Script = {},
  options: FixtureOptions & { readonly hosts?: readonly string[]; readonly address?: string } = {},
): Promise<ControlFixture & { readonly url: string; readonly port: number }> {
  const { hosts = [], address = '127.0.0.1:0', ...rest } = options;
  const fixture = await startControl(script, {
    tcp: { address, tokenFile: await tokenFile(), hosts },
    ...rest,
  });
  const { url } = fixture;
  if (url === null) throw new Error('expected a TCP listener');
  return { ...fixture, url, port: Number(new URL(url).port) };
}

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A raw request to a socket or a port, for what the client would never send. */
export async function raw(
  at: string | number,
  method: string,
  path: string,
  body = '',
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const where = typeof at === 'string' ? { socketPath: at } : { host: '127.0.0.1', port: at };
  const call = request({ ...where, method, path, agent: false, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: Buffer.concat(chunks).toString('utf8'),
      });
    });
  });
  call.once('error', reject);
  call.end(body);
  return promise;
}

/** Sends bytes as they are, and resolves with all that comes until the other side hangs up. */
export async function bytes(at: string | number, sent: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const client = typeof at === 'string' ? connect({ path: at }) : connect({ host: '127.0.0.1', port: at });
  let got = '';
  client.setEncoding('utf8');
  client.on('data', (chunk: string) => (got += chunk));
  // A reset is a way to hang up.
  client.on('error', () => undefined);
  client.once('close', () => {
    resolve(got);
  });
  client.write(sent);
  return promise;
}
