import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { drain } from '../../src/services/drain.ts';
import type { Steps } from '../../src/steps.ts';
import type { VersionRef } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt } from '../machines/values.ts';
import { createRig, install, NEVER, type Rig } from './rig.ts';

let rig: Rig;
let from: VersionRef;
let to: VersionRef;
let pid: number;
beforeEach(async () => {
  rig = createRig();
  from = install(rig, '1.0.0');
  to = install(rig, '1.1.0', null);
  await rig.store.activate(from);
  await rig.workload.start({ ref: from, entry: '/memory/1.0.0/run' }, NEVER);
  pid = (await rig.workload.beside?.start({ ref: to, entry: '/memory/1.1.0/run' }, NEVER))?.pid ?? 0;
  rig.calls.length = 0;
});
const DRAINED = { tookMs: 12, connectionsLeft: 0, fault: null };
const run = (port: Rig['drain'] = rig.drain): Promise<Steps['drain']['output']> =>
  drain({ ...rig, drain: port })({ attempt: attempt(), plan: { from, to }, pid }, NEVER);

describe('drain', () => {
  it('points `current` at the new version before clients meet it, and stops the old one last', async () => {
    const drained = await run({
      run: ({ pid: asked, version }) => {
        rig.calls.push(`drain ${version} as ${String(asked)}`);
        return Promise.resolve(DRAINED);
      },
    });
    expect(drained).toEqual({ drained: DRAINED });
    expect(rig.calls).toEqual([
      'activate 1.1.0',
      'promote 1.1.0',
      `drain 1.0.0 as ${String(pid - 1)}`,
      'relieve by 1.1.0',
    ]);
    expect(rig.workload.running).toMatchObject({ pid, target: { ref: to } });
  });

  it('does not wait for the old version once the new one has ended: nobody would be served', async () => {
    const waiting = refusal(run({ run: () => new Promise(() => undefined) }));
    await rig.clock.advance(0);
    rig.workload.exitNow('exit code 3');
    expect(await waiting).toBe('PROBE_EXITED');
    expect(rig.calls).not.toContain('relieve by 1.1.0');
  });

  it('promotes nobody to clients whom `current` does not name', async () => {
    rig.store.activate = () => Promise.reject(new UpdateError('STAGE_FAILED', 'EIO'));
    expect(await refusal(run())).toBe('STAGE_FAILED');
    expect(rig.calls).toEqual([]);
  });
});
