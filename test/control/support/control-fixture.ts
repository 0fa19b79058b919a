import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startControlServer } from '../../../src/control/server.ts';
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
  readonly close: () => Promise<void>;
}

/** Starts a real server on a real socket; it is closed when the test is over. */
export async function startControl(script: Script = {}): Promise<ControlFixture> {
  const socket = join(await ownFolder(), 'control.sock');
  const api = scriptedApi(script);
  const faults: unknown[] = [];
  const server = await startControlServer({
    api,
    socket,
    version: '1.0.0',
    onFault: (error) => faults.push(error),
  });
  onTestFinished(() => server.close());
  return { api, socket, faults, client: createControlClient({ socket }), close: () => server.close() };
}

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A raw request to a socket, for what the client would never send. */
export async function raw(
  socketPath: string,
  method: string,
  path: string,
  body = '',
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const call = request({ socketPath, method, path, agent: false, headers }, (response) => {
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
