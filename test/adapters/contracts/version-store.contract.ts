import { describe, expect, it } from 'vitest';
import type { Downloads, VersionStore } from '../../../src/services/ports.ts';
import type { VersionRef } from '../../../src/types.ts';
import { never, testRelease, unpackInto, type TestRelease } from '../state-fixture.ts';

/** A store under test. Its baseline is version 0.9.0 with the entry `/baseline/app`. */
export interface VersionStoreWorld {
  readonly store: VersionStore;
  readonly downloads: Downloads;
  /** Changes a byte of `lib/deep/data.bin` of a version. */
  readonly damage: (version: string) => Promise<void>;
  /** The same store, opened by another process. */
  readonly reopen: () => Promise<VersionStore>;
}

const baseline: VersionRef = { origin: 'baseline', version: '0.9.0' };

async function put({ store, downloads }: VersionStoreWorld, release: TestRelease): Promise<void> {
  await unpackInto(downloads, 'unpacked', release);
  await store.stage('unpacked', release.manifest, release.digest, never);
}

/** What every version store does. */
export function describeVersionStore(
  name: string,
  make: (test: (world: VersionStoreWorld) => Promise<void>) => Promise<void>,
): void {
  describe(`VersionStore: ${name}`, () => {
    const one = testRelease('1.0.0');
    const two = testRelease('1.1.0');

    it('runs the baseline while there is nothing else', () =>
      make(async ({ store }) => {
        expect(store.baseline).toEqual(baseline);
        expect(await store.current()).toEqual(baseline);
        expect(await store.entry(baseline)).toBe('/baseline/app');
        expect(await store.list()).toEqual([]);
        await store.check(baseline, never);
        await store.mark(baseline, { at: 1, previous: baseline, watched: true });
      }));

    it('stages a version without making it current', () =>
      make(async (world) => {
        await put(world, one);
        for (const store of [world.store, await world.reopen()]) {
          const size = [...one.files.values()].reduce((sum, { length }) => sum + length, 0);
          expect(await store.list()).toEqual([{ ref: one.ref, mark: null, size }]);
          expect(await store.current()).toEqual(baseline);
          await store.check(one.ref, never);
          expect(await store.entry(one.ref)).toMatch(/\/bin\/app$/);
        }
      }));

    it('lets the files of a version be read as the base of a delta, and nothing else', () =>
      make(async (world) => {
        await put(world, one);
        const files = await world.store.files(one.ref);
        const path = 'lib/deep/data.bin';
        const file = await files.open(path);
        const expected = one.files.get(path) ?? new Uint8Array();
        expect(file.size).toBe(expected.length);
        const buffer = new Uint8Array(expected.length + 10);
        expect(await file.read(buffer, 1)).toBe(expected.length - 1);
        expect(buffer.subarray(0, expected.length - 1)).toEqual(new Uint8Array(expected.subarray(1)));
        await file.close();
        for (const missing of ['lib/none', 'manifest.json', '../manifest.json'])
          await expect(files.open(missing)).rejects.toMatchObject({ code: 'DELTA_BASE_MISSING' });
        await expect(world.store.files(two.ref)).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
      }));

    it('stages again without harm, with or without the unpacked folder', () =>
      make(async (world) => {
        await put(world, one);
        await world.store.activate(one.ref);
        await world.store.stage('unpacked', one.manifest, one.digest, never);
        await put(world, one);
        expect(await world.store.current()).toEqual(one.ref);
        await world.store.check(one.ref, never);
      }));

    it('replaces another release of the same version, unless it is current', () =>
      make(async (world) => {
        const again = testRelease('1.0.0', 'again');
        await put(world, one);
        await put(world, again);
        expect((await world.store.list()).map(({ ref }) => ref)).toEqual([again.ref]);
        await world.store.activate(again.ref);
        await expect(put(world, one)).rejects.toMatchObject({ code: 'STAGE_FAILED' });
        expect((await world.store.list()).map(({ ref }) => ref)).toEqual([again.ref]);
        await world.store.check(again.ref, never);
      }));

    it('replaces a damaged version by the same release, and keeps its mark', () =>
      make(async (world) => {
        await put(world, one);
        await world.damage('1.0.0');
        const mark = { at: 5, previous: baseline, watched: true };
        await world.store.mark(one.ref, mark);
        await expect(world.store.check(one.ref, never)).rejects.toMatchObject({ code: 'VERSION_DAMAGED' });
        await put(world, one);
        await world.store.check(one.ref, never);
        // It was committed all the same: the version floor must not fall.
        expect((await world.store.list()).map((version) => version.mark)).toEqual([mark]);
      }));

    it('stages nothing whose files are not those of the manifest', () =>
      make(async (world) => {
        await unpackInto(world.downloads, 'unpacked', testRelease('1.0.0', 'other'));
        const { store } = world;
        await expect(store.stage('unpacked', one.manifest, one.digest, never)).rejects.toMatchObject({
          code: 'BUNDLE_CHANGED',
        });
        await expect(store.stage('nothing', one.manifest, one.digest, never)).rejects.toMatchObject({
          code: 'STAGE_FAILED',
        });
        await expect(store.stage('unpacked', one.manifest, two.digest, never)).rejects.toMatchObject({
          code: 'STAGE_FAILED',
        });
        expect(await store.list()).toEqual([]);
      }));

    it('stages nothing under the digest of another release', () =>
      make(async (world) => {
        await unpackInto(world.downloads, 'unpacked', one);
        const { store } = world;
        const staged = store.stage('unpacked', one.manifest, two.digest, never);
        await expect(staged).rejects.toMatchObject({ code: 'STAGE_FAILED' });
        expect(await store.list()).toEqual([]);
      }));

    it('stops when it is cancelled', () =>
      make(async (world) => {
        await put(world, one);
        await unpackInto(world.downloads, 'unpacked', two);
        const { store } = world;
        const gone = AbortSignal.abort();
        await expect(store.stage('unpacked', two.manifest, two.digest, gone)).rejects.toMatchObject({
          code: 'CANCELLED',
        });
        await expect(store.check(one.ref, gone)).rejects.toMatchObject({ code: 'CANCELLED' });
        expect(await store.list()).toHaveLength(1);
      }));

    it('points current at a version and back', () =>
      make(async (world) => {
        await put(world, one);
        await put(world, two);
        for (const ref of [one.ref, two.ref, two.ref, one.ref, baseline, baseline]) {
          await world.store.activate(ref);
          expect(await (await world.reopen()).current()).toEqual(ref);
        }
      }));

    it('knows only versions that are there, by their digest', () =>
      make(async (world) => {
        await put(world, one);
        const { store } = world;
        for (const ref of [two.ref, { ...one.ref, digest: two.digest }]) {
          await expect(store.activate(ref)).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
          await expect(store.entry(ref)).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
          await expect(store.check(ref, never)).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
        }
        expect(await store.current()).toEqual(baseline);
      }));

    it('keeps what a mark says of an explicit act', () =>
      make(async (world) => {
        await put(world, one);
        const mark = { at: 5, previous: baseline, watched: false, appliedOver: '0.9.0' };
        await world.store.mark(one.ref, mark);
        expect((await (await world.reopen()).list())[0]?.mark).toEqual(mark);
      }));

    it('keeps and replaces the committed mark', () =>
      make(async (world) => {
        await put(world, one);
        for (const watched of [false, true]) {
          await world.store.mark(one.ref, { at: 5, previous: baseline, watched });
          expect((await (await world.reopen()).list())[0]?.mark).toEqual({
            at: 5,
            previous: baseline,
            watched,
          });
        }
        await world.store.check(one.ref, never);
      }));

    it('lists the newest first, by SemVer order', () =>
      make(async (world) => {
        for (const version of ['1.9.0', '1.10.0', '1.10.0-rc.1']) await put(world, testRelease(version));
        expect((await world.store.list()).map(({ ref }) => ref.version)).toEqual([
          '1.10.0',
          '1.10.0-rc.1',
          '1.9.0',
        ]);
      }));

    it('prunes all but the kept, the current, and the holder of the floor', () =>
      make(async (world) => {
        const releases = ['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0'].map((version) => testRelease(version));
        for (const release of releases) await put(world, release);
        const [r0, r1, r2, r3, r4] = releases.map(({ ref }) => ref);
        if (r0 === undefined || r1 === undefined || r2 === undefined || r3 === undefined || r4 === undefined)
          throw new Error();
        const { store } = world;
        await store.mark(r1, { at: 1, previous: r0, watched: true });
        await store.mark(r2, { at: 2, previous: r1, watched: true });
        await store.mark(r3, { at: 3, previous: r2, watched: false });
        await store.activate(r3);
        const gone = await store.prune([r0, baseline]);
        expect(gone.map(({ version }) => version).sort()).toEqual(['1.1.0', '1.4.0']);
        expect((await store.list()).map(({ ref }) => ref.version)).toEqual(['1.3.0', '1.2.0', '1.0.0']);
        expect(await store.current()).toEqual(r3);
        expect(await store.prune([r0])).toEqual([]);
      }));

    it('tidies nothing that is whole', () =>
      make(async (world) => {
        await put(world, one);
        await world.store.activate(one.ref);
        await world.store.tidy();
        expect(await world.store.current()).toEqual(one.ref);
        await world.store.check(one.ref, never);
      }));
  });
}
