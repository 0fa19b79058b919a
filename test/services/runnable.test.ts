import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { runnable } from '../../src/services/runnable.ts';
import type { VersionRef } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { createRig, damage, install, NEVER, NOW, type Rig } from './rig.ts';

let rig: Rig;
let wanted: VersionRef;
beforeEach(() => {
  rig = createRig();
  install(rig, '1.0.0');
  wanted = install(rig, '1.1.0');
  install(rig, '1.2.0', null);
});
const found = async (condemned: VersionRef | null = null): Promise<string> =>
  (await runnable(rig, wanted, NEVER, condemned)).ref.version;

describe('runnable', () => {
  it('is the wanted version, committed or not', async () => {
    expect(await runnable(rig, wanted, NEVER)).toEqual({ ref: wanted, entry: '/memory/1.1.0/run' });
    wanted = install(rig, '1.3.0', null);
    expect(await found()).toBe('1.3.0');
    expect(rig.reporter.reports).toEqual([]);
  });

  it('is the newest other committed one when the wanted one is damaged', async () => {
    install(rig, '0.9.5');
    damage(rig, '1.1.0');
    expect(await found()).toBe('1.0.0');
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'VERSION_DAMAGED' }]);
  });

  it('is the baseline rather than another version that is older than it', async () => {
    rig = createRig({ baseline: '1.0.5' });
    install(rig, '1.0.0');
    wanted = install(rig, '1.1.0');
    damage(rig, '1.1.0');
    expect(await found()).toBe('1.0.5');
    install(rig, '1.0.6');
    expect(await found()).toBe('1.0.6');
  });

  it('is the baseline when nothing else is whole', async () => {
    damage(rig, '1.1.0');
    damage(rig, '1.0.0');
    expect(await runnable(rig, wanted, NEVER)).toEqual({ ref: rig.store.baseline, entry: '/opt/sidecar' });
    expect(rig.reporter.warnings()).toHaveLength(2);
  });

  it('is the baseline when that is wanted', async () => {
    wanted = rig.store.baseline;
    expect(await found()).toBe('0.9.0');
  });

  it('passes over what failed here, but not the wanted one', async () => {
    const reason = { code: 'CRASH_LOOP', message: 'again and again' } as const;
    for (const { ref } of await rig.store.list())
      await rig.quarantine.add({
        digest: ref.digest,
        version: ref.version,
        at: NOW,
        attempt: 'a',
        reason,
        evidence: [],
      });
    expect(await found()).toBe('1.1.0');
    damage(rig, '1.1.0');
    expect(await found()).toBe('0.9.0');
  });

  it('passes over what is gone back from', async () => {
    damage(rig, '1.1.0');
    const condemned = (await rig.store.list()).find(({ ref }) => ref.version === '1.0.0')!.ref;
    expect(await found(condemned)).toBe('0.9.0');
  });

  it('rejects with what is wrong with the wanted one when there is nothing at all', async () => {
    damage(rig, '1.1.0');
    damage(rig, '1.0.0');
    rig.store.entry = () => Promise.reject(new UpdateError('VERSION_NOT_FOUND', 'nothing'));
    expect(await refusal(found())).toBe('VERSION_DAMAGED');
  });

  it('passes on the signal instead of looking further', async () => {
    expect(await refusal(runnable(rig, wanted, AbortSignal.abort()))).toBe('CANCELLED');
    expect(rig.reporter.reports).toEqual([]);
  });
});
