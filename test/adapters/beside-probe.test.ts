import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBesideProbe } from '../../src/adapters/beside-probe.ts';
import type { ConfigFile } from '../../src/config/schema.ts';
import { configFrom } from '../fixtures/config.ts';

const never = new AbortController().signal;

describe('the check of a version that runs beside another', () => {
  let folder: string;
  let path: string;
  let server: Server;
  let asked: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beside-'));
    path = join(folder, 'check.sock');
    asked = [];
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(asked.length > 1 ? 503 : 200).end('{}');
    }).listen(path);
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const probe = (settings: ConfigFile['probe'], address: () => string | null = () => path) =>
    createBesideProbe(configFrom({ probe: { timeout: 20_000, ...settings } }).probe, address);

  it('asks at its own address what the workload is asked, each time anew', async () => {
    // Nobody listens at the address of the workload.
    const beside = await probe({ url: 'http://127.0.0.1:1/healthz' });
    expect(await beside.look(never)).toMatchObject({ healthy: true });
    expect(await beside.look(never)).toMatchObject({
      healthy: false,
      detail: expect.stringContaining('503'),
    });
    expect(asked).toEqual(['/healthz', '/healthz']);
    expect(await beside.answered(never)).toBe(true);
  });

  it('connects there where a connection is all that is asked for', async () => {
    expect(await (await probe({ url: 'tcp://127.0.0.1:1' })).look(never)).toMatchObject({ healthy: true });
    expect(asked).toEqual([]);
  });

  it('tells a program where it is', async () => {
    const program = join(folder, 'look');
    await writeFile(program, '#!/bin/sh\n[ "$CORESDK_CHECK_SOCKET" = "$1" ]\n', { mode: 0o755 });
    expect(await (await probe({ exec: [program, path] })).look(never)).toMatchObject({ healthy: true });
    expect(await (await probe({ exec: [program, 'other'] })).look(never)).toMatchObject({ healthy: false });
  });

  it('finds nobody while nothing runs beside', async () => {
    let address: string | null = null;
    const beside = await probe({ url: 'http://127.0.0.1:1/healthz' }, () => address);
    expect(beside.address).toBe('a check address that is not there yet');
    expect(await beside.look(never)).toEqual({ healthy: false, detail: 'nothing runs beside' });
    expect(await beside.answered(never)).toBe(false);
    address = path;
    expect(beside.address).toContain(path);
    expect(await beside.look(never)).toMatchObject({ healthy: true });
  });
});
