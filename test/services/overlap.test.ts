import { beforeEach, describe, expect, it } from 'vitest';
import { overlap } from '../../src/services/overlap.ts';
import type { VersionRef } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
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
  overlap({ ...rig, probeBeside: rig.probe }, SETTINGS)({ attempt: attempt(), plan: { from, to } }, signal);

describe('overlap', () => {
  it('starts the new version beside the old one, and leaves that and `current` alone', async () => {
    rig.probe.script = ['refused', 500, 200];
    const going = run();
    await rig.clock.advance(5_000);
    expect(await going).toEqual({ pid: rig.workload.second?.pid });
    expect(rig.workload.running?.target.ref).toEqual(from);
    expect(rig.workload.second?.target).toEqual({ ref: to, entry: '/memory/1.1.0/run' });
    expect(await rig.store.current()).toEqual(from);
    expect(rig.calls).toEqual(['start 1.1.0 beside']);
  });

  it('says what was seen of one that does not become healthy', async () => {
    rig.probe.script = [500];
    const refused = expect(run()).rejects.toMatchObject({
      code: 'PROBE_TIMEOUT',
      evidence: [expect.stringContaining('looks at'), 'last: HTTP 500', '1.0.0 was never stopped'],
    });
    await rig.clock.advance(SETTINGS.rollbackTimeoutMs + 1_000);
    await refused;
  });

  it('says how one ended that ended', async () => {
    rig.probe.script = [500];
    const refused = refusal(run());
    await rig.clock.advance(0);
    rig.workload.exitNow('exit code 3');
    await rig.clock.advance(1_000);
    expect(await refused).toBe('PROBE_EXITED');
  });

  it('starts nothing whose files are not those of its manifest', async () => {
    damage(rig, '1.1.0');
    expect(await refusal(run())).toBe('VERSION_DAMAGED');
    expect(rig.calls).toEqual([]);
  });

  it('is no way for a workload of which only one can run', async () => {
    const { beside: _, ...single } = rig.workload;
    const alone = overlap({ ...rig, probeBeside: rig.probe, workload: single }, SETTINGS);
    expect(await refusal(alone({ attempt: attempt(), plan: { from, to } }, NEVER))).toBe('INTERNAL');
  });
});
