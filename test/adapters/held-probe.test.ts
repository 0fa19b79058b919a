import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { probeOfHeld } from '../../src/adapters/held-probe.ts';
import { openListenSockets, type ListenSockets } from '../../src/adapters/listen-sockets.ts';
import type { ProbeTarget } from '../../src/adapters/probe-address.ts';
import { answersAt } from '../../src/adapters/probe-address.ts';
import { createScriptedProbe } from '../fakes/scripted-probe.ts';

const never = new AbortController().signal;

describe('a probe at a socket that the daemon holds', () => {
  let folder: string;
  let port: number;
  let sockets: ListenSockets;
  let holder: ChildProcess | null = null;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'held-'));
    port = await freePort();
    sockets = await openListenSockets({
      specs: [`tcp://127.0.0.1:${String(port)}`, `unix:${folder}/s.sock`],
      inherited: [],
      warn: () => undefined,
    });
  });
  afterEach(async () => {
    if (holder !== null) {
      const exited = once(holder, 'exit');
      holder.kill('SIGKILL');
      await exited;
      holder = null;
    }
    sockets.close();
    await rm(folder, { recursive: true });
  });
  const answered = (target: ProbeTarget | null): Promise<boolean> =>
    probeOfHeld(createScriptedProbe('refused'), target, sockets).answered(never);
  const hold = (index: number): void => {
    const fd = sockets.held()[index]?.fd ?? -1;
    // In a session of its own, and it never accepts: as a process that a version left behind.
    holder = spawn('/bin/sleep', ['60'], { detached: true, stdio: ['ignore', 'ignore', 'ignore', fd] });
  };

  it('is silent though the kernel takes connections, as long as no other process has the socket', async () => {
    await sockets.open();
    const target = { host: '127.0.0.1', port };
    expect(await answersAt(target, never)).toBe(true);
    expect(await answered(target)).toBe(false);
    expect(await answered({ host: 'localhost', port })).toBe(false);
    expect(await answered({ path: `${folder}/s.sock` })).toBe(false);
  });

  it.each(['localhost', 'a-name-of-this-host.example'])(
    'is silent by the name %s, whichever of this host’s addresses is held',
    async (host) => {
      const other = await openListenSockets({
        specs: [`tcp://[::1]:${String(port)}`],
        inherited: [],
        warn: () => undefined,
      });
      try {
        await other.open();
        // What would be asked otherwise says that somebody is there.
        const probe = probeOfHeld(createScriptedProbe(200), { host, port }, other);
        expect(await probe.answered(never)).toBe(false);
      } finally {
        other.close();
      }
    },
  );

  it('is answered once a process of an old version has the socket still', async () => {
    await sockets.open();
    hold(0);
    expect(await answered({ host: '127.0.0.1', port })).toBe(true);
    expect(await answered({ path: `${folder}/s.sock` })).toBe(false);
    expect(await answered(null)).toBe(true);
  });

  it('asks as ever where the address is none of those held', async () => {
    expect(await answered({ host: '127.0.0.1', port })).toBe(false);
    await sockets.open();
    const probe = createScriptedProbe(200);
    expect(await probeOfHeld(probe, { host: '127.0.0.1', port: 1 }, sockets).answered(never)).toBe(true);
  });
});
