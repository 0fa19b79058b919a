import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDownloads } from '../../src/adapters/downloads.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Ports } from '../../src/services/ports.ts';
import type { Attempt } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { createRig, type Rig } from '../services/rig.ts';
import {
  answering,
  breaking,
  delayed,
  failing,
  failingAfterwards,
  followed,
  holding,
  hurrying,
  preceded,
} from './fault.ts';
import { createFaults, type Faults } from './faults.ts';
import { createServiceRuns, type ServiceRuns } from './service-runs.ts';

const told = new UpdateError('STATE_DIR_UNUSABLE', 'a fault');
const attempt: Attempt = { id: 'a-1', trigger: 'check', mode: 'apply' };
const signal = new AbortController().signal;

let folder: string;
let rig: Rig;
let runs: ServiceRuns;
let faults: Faults;
let ports: Ports;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faults-'));
  rig = createRig();
  runs = createServiceRuns();
  faults = createFaults(runs);
  ports = faults.adapt({ ...rig, downloads: openDownloads(faults.disk, folder) });
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs work as the door of the services does: its intent first. */
async function inCheck<T>(work: () => Promise<T>): Promise<T> {
  await ports.journal.enter(attempt, 'checking', {});
  runs.observe({ step: 'check', state: 'checking', attempt, phase: 'began' });
  return work();
}

describe('a fault', () => {
  it('meets the call that is meant, counted from 1, and no other', async () => {
    faults.arm(failing('VersionStore.current', told, { nth: 2, times: 2 }));
    const look = (): Promise<unknown> => ports.store.current();
    await look();
    expect(await refusal(look())).toBe('STATE_DIR_UNUSABLE');
    expect(await refusal(look())).toBe('STATE_DIR_UNUSABLE');
    await look();
  });

  it('meets only calls with the arguments that are meant', async () => {
    faults.arm(failing('HeadStore.read', told, { when: (channel) => channel === 'edge' }));
    await ports.heads.read('stable');
    expect(await refusal(ports.heads.read('edge'))).toBe('STATE_DIR_UNUSABLE');
  });

  it('meets only calls of the service that is meant', async () => {
    faults.arm(failing('VersionStore.current', told, { in: 'check' }));
    await ports.store.current();
    expect(await refusal(inCheck(() => ports.store.current()))).toBe('STATE_DIR_UNUSABLE');
    await runs.outside(() => ports.store.current());
  });

  it('is told of until a call has met it, and can be taken away', async () => {
    faults.arm(failing('VersionStore.current', told));
    expect(faults.unmet()).toEqual(['VersionStore.current fails with STATE_DIR_UNUSABLE']);
    await refusal(ports.store.current());
    expect(faults.unmet()).toEqual([]);
    faults.arm(failing('VersionStore.current', told));
    faults.clear();
    await ports.store.current();
  });
});

describe('the kinds of fault', () => {
  it('failing, with an errno: the disk below the call fails, and the adapter says what it says of any', async () => {
    faults.arm(failing('Downloads.append', 'ENOSPC'), failing('Downloads.tidy', 'EIO'));
    expect(await refusal(ports.downloads.append('a.jws'))).toBe('DISK_FULL');
    expect(await refusal(ports.downloads.tidy([]))).toBe('STATE_DIR_UNUSABLE');
    await (await ports.downloads.append('a.jws')).close();
    expect(await readdir(folder)).toEqual(['a.jws']);
  });

  it('failing afterwards: the effect is there, the answer is not', async () => {
    faults.arm(failingAfterwards('Journal.enter', told));
    expect(await refusal(ports.journal.enter(attempt, 'checking', {}))).toBe('STATE_DIR_UNUSABLE');
    expect(await rig.journal.inFlight()).toMatchObject({ attempt });
  });

  it('breaking: what no port may reject with', async () => {
    faults.arm(breaking('VersionStore.current'));
    await expect(ports.store.current()).rejects.toBeInstanceOf(TypeError);
  });

  it('answering: the call is not made', async () => {
    faults.arm(answering('Downloads.freeBytes', 7));
    expect(await ports.downloads.freeBytes()).toBe(7);
    expect(await ports.downloads.freeBytes()).toBeGreaterThan(7);
  });

  it('preceded and followed: something happens right before, and right after', async () => {
    const seen: string[] = [];
    faults.arm(
      preceded('Journal.enter', async (_attempt, state) => {
        seen.push(`before ${state}: ${(await rig.journal.inFlight())?.state ?? 'nothing'}`);
      }),
    );
    await ports.journal.enter(attempt, 'checking', {});
    faults.arm(
      followed('Journal.inFlight', (found) => void seen.push(`after: ${found?.state ?? 'nothing'}`)),
    );
    await ports.journal.inFlight();
    expect(seen).toEqual(['before checking: nothing', 'after: checking']);
  });

  it('holding: the call waits until it is released', async () => {
    const hold = holding('Journal.enter');
    faults.arm(hold);
    const entered = ports.journal.enter(attempt, 'checking', {});
    await hold.reached;
    expect(await rig.journal.inFlight()).toBeNull();
    hold.release();
    await entered;
    expect(await rig.journal.inFlight()).toMatchObject({ attempt });
  });

  it('holding and delayed: a signal ends the wait, and the call sees it', async () => {
    const over = new AbortController();
    const hold = holding('Clock.sleep');
    faults.arm(hold, delayed('VersionStore.check', 3_600_000));
    const slept = ports.clock.sleep(1, over.signal);
    await hold.reached;
    const current = await ports.store.current();
    const checked = ports.store.check(current, over.signal);
    over.abort();
    expect(await refusal(slept)).toBe('CANCELLED');
    await Promise.allSettled([checked]);
  });

  it('hurrying: the sleep is over at once, and the monotonic clock is as late', async () => {
    faults.arm(hurrying());
    const before = ports.clock.monotonic();
    await ports.clock.sleep(600_000, signal);
    expect(ports.clock.monotonic() - before).toBe(600_000);
  });
});
