import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { stage } from '../../src/services/stage.ts';
import type { Release, Verified } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt, DOWNLOADED } from '../machines/values.ts';
import { createRig, install, manifestFor, NEVER, type Rig } from './rig.ts';

const { manifest, digest, content } = manifestFor('1.1.0');
const verified: Verified = {
  release: { version: '1.1.0', digest },
  manifest,
  kid: 'k',
  unpacked: 'unpacked',
};

let rig: Rig;
beforeEach(() => {
  rig = createRig();
  rig.downloads.files.set(DOWNLOADED.file, Buffer.from('the bundle'));
  rig.downloads.folders.set('unpacked', new Map([['run', { mode: 0o755, bytes: content }]]));
});
const run = (change: Partial<Verified> = {}, signal = NEVER): Promise<Release> =>
  stage(rig)({ attempt: attempt(), downloaded: DOWNLOADED, verified: { ...verified, ...change } }, signal);
const failing = (code: ConstructorParameters<typeof UpdateError>[0]): void => {
  rig.store.stage = () => Promise.reject(new UpdateError(code, 'no'));
};

describe('stage', () => {
  it('makes a version of the unpacked files, and tidies up', async () => {
    expect(await run()).toEqual({ version: '1.1.0', digest });
    expect(rig.store.versions.get('1.1.0')).toMatchObject({ digest, mark: null });
    expect(rig.downloads.files.size + rig.downloads.folders.size).toBe(0);
  });

  it('can be run again', async () => {
    await run();
    expect(await run()).toEqual({ version: '1.1.0', digest });
  });

  it('leaves `current` alone', async () => {
    await run();
    expect(await rig.store.current()).toEqual(rig.store.baseline);
  });

  it('deletes and remembers a bundle whose program cannot be executed here', async () => {
    failing('STAGE_NOT_EXECUTABLE');
    expect(await refusal(run())).toBe('STAGE_NOT_EXECUTABLE');
    expect(rig.downloads.files.size + rig.downloads.folders.size).toBe(0);
    expect(await rig.journal.refusal(DOWNLOADED.sha256)).toMatchObject({
      code: 'STAGE_NOT_EXECUTABLE',
      count: 1,
    });
  });

  it.each(['DISK_FULL', 'STAGE_FAILED'] as const)(
    'keeps the bundle after %s, but nothing unpacked',
    async (code) => {
      failing(code);
      expect(await refusal(run())).toBe(code);
      expect([...rig.downloads.files.keys()]).toEqual([DOWNLOADED.file]);
      expect(rig.downloads.folders.size).toBe(0);
      expect(await rig.journal.refusal(DOWNLOADED.sha256)).toBeNull();
    },
  );

  it('has nothing to do with a release that runs already', async () => {
    await expect(run({ unpacked: null })).rejects.toMatchObject({
      code: 'INTERNAL',
      message: '1.1.0 runs already and has nothing to stage',
    });
  });

  it('passes on the signal', async () => {
    expect(await refusal(run({}, AbortSignal.abort()))).toBe('CANCELLED');
    expect(rig.store.versions.size).toBe(0);
  });
});

describe('what was staged before and never ran', () => {
  const left = (): string[] => [...rig.store.versions.keys()].sort();

  it('goes once the new one is there; what was committed stays, and so does what runs', async () => {
    install(rig, '1.0.0');
    const ran = install(rig, '1.0.1', null);
    await rig.store.activate(install(rig, '1.0.2', { previous: ran, watched: false }));
    install(rig, '1.0.8', null);
    install(rig, '1.0.9', null);
    await run();
    expect(left()).toEqual(['1.0.0', '1.0.1', '1.0.2', '1.1.0']);
  });

  it('stays where the new one could not be staged', async () => {
    install(rig, '1.0.9', null);
    failing('DISK_FULL');
    await refusal(run());
    expect(left()).toEqual(['1.0.9']);
  });

  it('is only warned of where it cannot be deleted', async () => {
    rig.store.prune = () => Promise.reject(new UpdateError('STAGE_FAILED', 'busy'));
    expect(await run()).toMatchObject({ version: '1.1.0' });
    expect(rig.reporter.warnings()).toEqual([{ code: 'STAGE_FAILED', message: 'busy' }]);
  });
});
