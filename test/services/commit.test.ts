import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { commit } from '../../src/services/commit.ts';
import type { VersionRef, Watch } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt, EVIDENCE } from '../machines/values.ts';
import { createRig, install, NEVER, NOW, type Rig } from './rig.ts';

let rig: Rig;
let from: VersionRef;
let to: VersionRef;
beforeEach(async () => {
  rig = createRig();
  install(rig, '0.9.5', { watched: false });
  from = install(rig, '1.0.0');
  to = install(rig, '1.1.0', null);
  await rig.store.activate(to);
  await rig.gate.pass(attempt(), { from, to }, NEVER);
});
const run = (): Promise<Watch> => commit(rig)({ attempt: attempt(), plan: { from, to }, evidence: EVIDENCE });
const versions = async (): Promise<string[]> => (await rig.store.list()).map(({ ref }) => ref.version);

describe('commit', () => {
  it('marks the new version, prunes the rest, frees the gate, and says what to watch', async () => {
    expect(await run()).toEqual({ version: to, previous: from });
    expect(rig.store.versions.get('1.1.0')?.mark).toEqual({ at: NOW, previous: from, watched: false });
    expect(await versions()).toEqual(['1.1.0', '1.0.0']);
    expect(rig.gate.held.size).toBe(0);
  });

  it('lets a version that counted for the version floor go on counting', async () => {
    to = install(rig, '1.1.0', { watched: true });
    await run();
    expect(rig.store.versions.get('1.1.0')?.mark).toEqual({ at: NOW, previous: from, watched: true });
  });

  it('takes nothing from the mark of another version', async () => {
    install(rig, '1.2.0', { watched: true });
    await run();
    expect(rig.store.versions.get('1.1.0')?.mark).toEqual({ at: NOW, previous: from, watched: false });
  });

  it('keeps the version that it came from, committed or not', async () => {
    rig.store.versions.get('1.0.0')!.mark = null;
    await run();
    expect(await versions()).toContain('1.0.0');
  });

  it('can be run again', async () => {
    await run();
    expect(await run()).toEqual({ version: to, previous: from });
    expect(await versions()).toEqual(['1.1.0', '1.0.0']);
  });

  it('says when the mark cannot be written, prunes nothing, and frees the gate all the same', async () => {
    rig.store.mark = () => Promise.reject(new UpdateError('DISK_FULL', 'no space'));
    await expect(run()).rejects.toMatchObject({
      code: 'COMMIT_FAILED',
      message: '1.1.0 is healthy, but could not be marked: no space',
      cause: expect.objectContaining({ code: 'DISK_FULL' }),
    });
    expect(await versions()).toHaveLength(3);
    expect(rig.gate.held.size).toBe(0);
  });

  it('only warns when old versions cannot be deleted', async () => {
    rig.store.prune = () => Promise.reject(new UpdateError('STAGE_FAILED', 'busy'));
    await run();
    expect(rig.reporter.warnings()).toEqual([{ code: 'STAGE_FAILED', message: 'busy' }]);
  });

  it('makes an UpdateError of anything else', async () => {
    rig.store.mark = () => Promise.reject(new Error('boom'));
    expect(await refusal(run())).toBe('COMMIT_FAILED');
  });
});
