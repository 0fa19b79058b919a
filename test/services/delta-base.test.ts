import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';
import { withBase } from '../../src/services/delta-base.ts';
import { MANIFEST } from '../machines/values.ts';
import { createRig, damage, install, NEVER, type Rig } from './rig.ts';

let rig: Rig;
let manifest: Manifest;
beforeEach(() => {
  rig = createRig();
  install(rig, '1.0.0');
  const { digest } = install(rig, '1.0.1');
  manifest = { ...MANIFEST, base: { version: '1.0.1', release_digest: digest } };
});
const failing = (fault: UpdateError, signal = NEVER): Promise<void> =>
  withBase(rig, manifest, signal, () => Promise.reject(fault));
/** What it rejects with. */
const thrown = async (work: Promise<void>): Promise<UpdateError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof UpdateError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
};
const notApplied = new UpdateError('DELTA_FAILED', 'expected other bytes');

describe('work with the base of a delta', () => {
  it('is given the files of the base, and none for a full bundle', async () => {
    const seen: boolean[] = [];
    const look = ({ base }: { base?: object }): Promise<void> => {
      seen.push(base !== undefined);
      return Promise.resolve();
    };
    await withBase(rig, manifest, NEVER, look);
    await withBase(rig, MANIFEST, NEVER, look);
    expect(seen).toEqual([true, false]);
  });

  it('that fails by a damaged base says so, with the cause, and warns', async () => {
    damage(rig, '1.0.1');
    expect(await thrown(failing(notApplied))).toMatchObject({
      code: 'DELTA_FAILED',
      message: 'expected other bytes; its base is damaged: expected the manifest, found run',
      cause: notApplied,
    });
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'VERSION_DAMAGED' }]);
  });

  it('that fails with a whole base is passed on as it is', async () => {
    expect(await thrown(failing(notApplied))).toBe(notApplied);
    expect(rig.reporter.reports).toEqual([]);
  });

  it.each<[string, () => [UpdateError, AbortSignal]]>([
    ['for another reason', () => [new UpdateError('DISK_FULL', 'no space'), NEVER]],
    ['once it is cancelled', () => [notApplied, AbortSignal.abort()]],
  ])('that fails %s is passed on, and the base is not read again', async (_, given) => {
    damage(rig, '1.0.1');
    let checks = 0;
    rig.store.check = () => {
      checks += 1;
      return Promise.reject(new UpdateError('VERSION_DAMAGED', 'found another size'));
    };
    const [fault, signal] = given();
    expect(await thrown(failing(fault, signal))).toBe(fault);
    expect(checks).toBe(0);
    expect(rig.reporter.reports).toEqual([]);
  });

  it('that fails is not blamed on a base that cannot be read', async () => {
    rig.store.check = () => Promise.reject(new UpdateError('STATE_DIR_UNUSABLE', 'EIO'));
    expect(await thrown(failing(notApplied))).toBe(notApplied);
  });
});

describe('a base', () => {
  const unused = (): Promise<void> => Promise.reject(new Error('the work must not begin'));

  it('that is nowhere here is missed, and what is here is named', async () => {
    rig.store.versions.delete('1.0.1');
    install(rig, '0.9.5');
    const found = (await rig.store.list()).map(({ ref }) => `${ref.version} (${ref.digest.slice(0, 12)})`);
    expect(await thrown(withBase(rig, manifest, NEVER, unused))).toMatchObject({
      code: 'DELTA_BASE_MISSING',
      message: expect.stringMatching(new RegExp(`; found ${found.join(', ').replace(/[().]/g, '\\$&')}$`)),
    });
  });

  it('that goes between the look and its opening is missed too', async () => {
    const gone = new UpdateError('VERSION_NOT_FOUND', 'pruned');
    rig.store.files = () => Promise.reject(gone);
    expect(await thrown(withBase(rig, manifest, NEVER, unused))).toMatchObject({
      code: 'DELTA_BASE_MISSING',
      message: 'the base 1.0.1 is gone: pruned',
      cause: gone,
    });
  });

  it('that cannot be opened for another reason is not called missing', async () => {
    const fault = new UpdateError('STATE_DIR_UNUSABLE', 'EIO');
    rig.store.files = () => Promise.reject(fault);
    expect(await thrown(withBase(rig, manifest, NEVER, unused))).toBe(fault);
  });
});
