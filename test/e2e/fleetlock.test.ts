import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createHost, type Host } from './support/host.ts';
import { startFleetLockServer, type FleetLockServer } from '../support/fleetlock-server.ts';

const hostOn = (lock: FleetLockServer, name: string, preSwap: string): Promise<Host> =>
  createHost({
    config: {
      update: { gate: 'fleetlock', check_interval: 0.2 },
      fleet: { fleetlock_url: lock.url, host: name },
      hooks: { pre_swap: ['/bin/sh', '-c', preSwap] },
    },
  });

it('two hosts of a group with one place: never both between waiting and the end of their update', async () => {
  const lock = await startFleetLockServer(1);
  try {
    await using one = await hostOn(lock, 'one', 'exit 0');
    await using two = await hostOn(lock, 'two', 'exit 0');
    for (const host of [one, two]) await host.publisher.publish({ version: '1.1.0' });
    await Promise.all([one.start(), two.start()]);
    for (const host of [one, two])
      await host.until('the update', ({ current, state }) => current.version === '1.1.0' && state === 'idle');
    await lock.when(() => lock.holders().length === 0);
    expect([lock.most, lock.taken, lock.freed, lock.faults]).toEqual([1, 2, 2, []]);
  } finally {
    await lock.stop();
  }
});

it('a daemon that is killed while it holds a place gives it back after its restart, once', async () => {
  const lock = await startFleetLockServer(1);
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-fleetlock-'));
  const go = join(folder, 'go');
  try {
    await using host = await hostOn(lock, 'one', `while ! test -e ${go}; do sleep 0.1; done`);
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await lock.when(() => lock.holders().length === 1);
    await host.kill();
    expect(lock.holders()).toEqual(['one']);
    await writeFile(go, '');
    await host.start();
    await host.until('the update', ({ current, state }) => current.version === '1.1.0' && state === 'idle');
    await lock.when(() => lock.freed === 2);
    // Once for the attempt that was cut off, once for the one that went through.
    expect([lock.most, lock.taken, lock.freed, lock.faults]).toEqual([1, 2, 2, []]);
  } finally {
    await writeFile(go, '');
    await lock.stop();
    await rm(folder, { recursive: true });
  }
});
