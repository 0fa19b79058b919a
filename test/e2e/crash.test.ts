import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { FaultOrder } from '../kill/support/fault-order.ts';
import type { FaultPoint } from '../kill/support/fault-points.ts';
import { workloadProcesses } from '../kill/support/invariants.ts';
import { buildKillDaemon } from '../kill/support/kill-daemon.ts';
import { createHost, isAlive, type Host } from './support/host.ts';
import type { Behaviour } from './support/workload-program.ts';

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coresdk-crash-'));
  program = await buildKillDaemon(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** Starts a daemon that kills itself in a state: its intent written and its service about to run, or its service done. */
async function dieIn(host: Host, state: string, when: FaultPoint['when'] = 'before'): Promise<void> {
  const order: FaultOrder = { kill: { at: `step ${state}`, nth: 1, when } };
  await host.start({
    argv: [process.execPath, program, host.configFile],
    env: { TRUST_FILE: join(inject('built').keys, 'trust.json'), CORESDK_TEST_FAULT: JSON.stringify(order) },
  });
  expect(await host.exited()).toBe('SIGKILL');
}

/** What must hold after every recovery. */
async function expectOneHealthyVersion(host: Host, allowed: readonly string[]): Promise<void> {
  const status = await host.until(
    'it is idle again',
    ({ state, workload }) => state === 'idle' && workload.state === 'running',
  );
  expect(allowed).toContain(await host.untilAnswer());
  expect(status.workload.version === '0.0.0-0' ? 'baseline' : status.workload.version).toBe(
    await host.answer(),
  );
  expect(await workloadProcesses(host)).toEqual([status.workload.pid]);
  const folders = await readdir(join(host.stateDir, 'versions'));
  expect(folders.filter((name) => name.startsWith('.'))).toEqual([]);
}

describe('kill -9 of the daemon', () => {
  // Every other state, and every write in each: `npm run kill`.
  const before = ['staging'] as const;
  it.each(before)(
    'in %s: the next start runs the old version, says so in the history, and updates after all',
    async (state) => {
      await using host = await createHost();
      await host.publisher.publish({ version: '1.1.0' });
      await dieIn(host, state);
      await host.start();
      await host.until('1.1.0 is current', ({ current }) => current.version === '1.1.0');
      await expectOneHealthyVersion(host, ['1.1.0']);
      const history = await host.history();
      expect(history.map(({ outcome }) => outcome)).toEqual(['committed', 'interrupted']);
      expect(history[1]).toMatchObject({ error: { code: 'ATTEMPT_INTERRUPTED' } });
      expect(history[1]?.steps.at(-1)?.state).toBe(state);
    },
  );

  const after = [['swapping', 'after']] as const;
  it.each(after)('in %s (%s its service): it goes back, and tries once more', async (state, when) => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await dieIn(host, state, when);
    await host.start();
    await host.until(
      '1.1.0 is committed',
      ({ current, last_attempt }) => current.version === '1.1.0' && last_attempt?.outcome === 'committed',
    );
    await expectOneHealthyVersion(host, ['1.1.0']);
    const history = await host.history();
    expect(history.map(({ outcome, error }) => `${String(outcome)} ${error?.code ?? ''}`)).toEqual([
      'committed ',
      'rolledBack ATTEMPT_INTERRUPTED',
    ]);
    expect((await host.status())?.quarantine).toEqual([]);
  });

  it('in probing, twice: the release is quarantined and the old version stays', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await dieIn(host, 'probing');
    await dieIn(host, 'probing');
    await host.start();
    const status = await host.until(
      'the quarantine',
      ({ quarantine, state }) => quarantine.length === 1 && state === 'idle',
    );
    expect(status.quarantine[0]).toMatchObject({ version: '1.1.0', reason: { code: 'ATTEMPT_INTERRUPTED' } });
    await expectOneHealthyVersion(host, ['baseline']);
  });

  it('in committed: the new version was healthy, is probed once more, and committed', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await dieIn(host, 'committed');
    await host.start();
    await host.until('1.1.0 is committed', ({ last_attempt }) => last_attempt?.outcome === 'committed');
    await expectOneHealthyVersion(host, ['1.1.0']);
    expect(await host.history()).toHaveLength(1);
  });

  const back: readonly [string, Behaviour][] = [['rollingBack', 'answers500']];
  it.each(back)('in %s: the rollback is finished, and the release quarantined', async (state, behaviour) => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0', behaviour });
    await dieIn(host, state);
    await host.start();
    await host.until(
      'the quarantine',
      ({ quarantine, state: now }) => quarantine.length === 1 && now === 'idle',
    );
    await expectOneHealthyVersion(host, ['baseline']);
    const [attempt] = await host.history();
    expect(attempt).toMatchObject({
      outcome: 'rolledBack',
      error: { code: behaviour === 'exits' ? 'PROBE_EXITED' : 'PROBE_TIMEOUT' },
    });
  });

  it('in idle: the survivor is ended, and the same version runs again', async () => {
    await using host = await createHost();
    await host.start();
    const { workload } = await host.until(
      'idle',
      (status) => status.state === 'idle' && status.workload.state === 'running',
    );
    await host.kill();
    expect(await isAlive(workload.pid ?? 0)).toBe(true);
    await host.start();
    await expectOneHealthyVersion(host, ['baseline']);
    expect(await isAlive(workload.pid ?? 0)).toBe(false);
  });
});

describe('an orderly stop in probing', () => {
  it('is no interruption: the new version is started again and probed with the time that is left', async () => {
    await using host = await createHost({ config: { update: { rollback_timeout: 60 } } });
    await host.publisher.publish({ version: '1.1.0', behaviour: 'silent' });
    await host.start();
    const before = await host.until('probing', ({ state }) => state === 'probing');
    expect(await host.stop()).toBe(0);
    await host.start();
    const status = await host.until('probing again', ({ state }) => state === 'probing');
    expect(status.workload.version).toBe('1.1.0');
    expect(status.attempt).toBe(before.attempt);
    expect(await host.history()).toEqual([]);
  });
});
