import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { addressIsFree } from '../../src/services/address.ts';
import { swap } from '../../src/services/swap.ts';
import type { VersionRef } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { createFakeDrain } from '../fakes/drain.ts';
import { attempt } from '../machines/values.ts';
import { createRig, damage, install, NEVER, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
let from: VersionRef;
let to: VersionRef;
beforeEach(async () => {
  rig = createRig();
  from = install(rig, '1.0.0');
  to = install(rig, '1.1.0', null);
  await rig.store.activate(from);
  await rig.workload.start({ ref: from, entry: '/memory/1.0.0/run' }, NEVER);
  rig.calls.length = 0;
});
const run = (signal = NEVER): Promise<{ pid: number }> =>
  swap(rig, SETTINGS)({ attempt: attempt(), plan: { from, to } }, signal);

describe('swap', () => {
  it('stops the old, sees that nobody answers, points `current`, starts the new – in that order', async () => {
    const { pid } = await run();
    expect(rig.calls).toEqual(['stop', 'address silent', 'activate 1.1.0', 'start 1.1.0']);
    expect(rig.workload.running).toEqual({ pid, target: { ref: to, entry: '/memory/1.1.0/run' } });
    expect(await rig.store.current()).toEqual(to);
  });

  it('drains the old before it is stopped, and tells how that went', async () => {
    const drained = { tookMs: 20, connectionsLeft: 3, fault: 'expected nobody, found 3 connections' };
    const ports = { ...rig, drain: createFakeDrain(drained, rig.calls) };
    await swap(ports, SETTINGS)({ attempt: attempt(), plan: { from, to } }, NEVER);
    expect(rig.calls.slice(0, 2)).toEqual(['drain 1.0.0', 'stop']);
    expect(rig.reporter.reports).toContainEqual({ kind: 'drained', version: '1.0.0', drained });
  });

  it('drains nobody where nothing runs', async () => {
    await rig.workload.stop(NEVER);
    rig.calls.length = 0;
    const drain = createFakeDrain(null, rig.calls);
    await swap({ ...rig, drain }, SETTINGS)({ attempt: attempt(), plan: { from, to } }, NEVER);
    expect(rig.calls[0]).toBe('stop');
  });

  it('waits a while for the address to fall silent', async () => {
    rig.probe.script = [200];
    const swapping = run();
    await rig.clock.advance(100);
    rig.probe.script = ['refused'];
    await rig.clock.advance(100);
    await swapping;
    expect(rig.calls.filter((call) => call !== 'address answers')).toEqual([
      'stop',
      'address silent',
      'activate 1.1.0',
      'start 1.1.0',
    ]);
  });

  it('starts and points to nothing while somebody else answers at the probe’s address', async () => {
    rig.probe.script = [200];
    const swapping = expect(run()).rejects.toMatchObject({
      code: 'PROBE_ADDRESS_TAKEN',
      message:
        'expected nobody at http://probe.invalid/healthz after 1.0.0 was stopped; something still answers there',
    });
    await rig.clock.advance(SETTINGS.addressFreeMs + 100);
    await swapping;
    expect(new Set(rig.calls)).toEqual(new Set(['stop', 'address answers']));
    expect(await rig.store.current()).toEqual(from);
    expect(rig.workload.running).toBeNull();
  });

  it('goes no further when the old version cannot be stopped', async () => {
    rig.workload.stopFault = new UpdateError('WORKLOAD_STOP_FAILED', 'state D');
    expect(await refusal(run())).toBe('WORKLOAD_STOP_FAILED');
    expect(rig.calls).toEqual(['stop']);
  });

  it('does not even stop the old one for what was changed on disk since it was verified', async () => {
    damage(rig, '1.1.0');
    expect(await refusal(run())).toBe('VERSION_DAMAGED');
    expect(rig.calls).toEqual([]);
    expect(rig.workload.running?.target.ref).toEqual(from);
  });

  it('does not start what was changed on disk while the old one was stopped', async () => {
    const activate = rig.store.activate.bind(rig.store);
    rig.store.activate = async (ref) => {
      await activate(ref);
      damage(rig, '1.1.0');
    };
    expect(await refusal(run())).toBe('VERSION_DAMAGED');
    expect(rig.calls).toEqual(['stop', 'address silent', 'activate 1.1.0']);
    expect(rig.workload.running).toBeNull();
  });

  it('reads nothing again of what has not changed since', async () => {
    const seal = new Map([['run', 'stamp']]);
    const seen: unknown[] = [];
    rig.store.check = (_ref, _signal, since) => {
      seen.push(since);
      return Promise.resolve(seal);
    };
    await run();
    expect(seen).toEqual([undefined, seal]);
  });

  it('passes on that the new version cannot be started', async () => {
    rig.workload.startFault = new UpdateError('WORKLOAD_START_FAILED', 'no such file');
    expect(await refusal(run())).toBe('WORKLOAD_START_FAILED');
  });

  it('can be run again', async () => {
    await run();
    await run();
    expect(rig.workload.running?.target.ref).toEqual(to);
    expect(await rig.store.current()).toEqual(to);
  });

  it('ends with the signal while it waits', async () => {
    rig.probe.script = [200];
    const ended = new AbortController();
    const swapping = refusal(run(ended.signal));
    await rig.clock.advance(100);
    ended.abort();
    expect(await swapping).toBe('CANCELLED');
    expect(rig.clock.sleeping).toBe(0);
  });
});

describe('addressIsFree', () => {
  it('looks once more at the very end', async () => {
    rig.probe.script = [200];
    const free = addressIsFree(rig, 0, NEVER);
    expect(await free).toBe(false);
    rig.probe.script = ['refused'];
    expect(await addressIsFree(rig, 0, NEVER)).toBe(true);
  });
});
