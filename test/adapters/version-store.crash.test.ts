/**
 * The process is killed at every single change that an operation makes on disk. Whatever was left, the next process finds
 * only whole versions and a usable pointer, and the operation done again succeeds.
 */
import { cpSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openDownloads } from '../../src/adapters/downloads.ts';
import { openStateDir } from '../../src/adapters/state-dir.ts';
import { openVersionStore } from '../../src/adapters/version-store.ts';
import type { VersionStore } from '../../src/services/ports.ts';
import { dyingDisk, quickDisk } from '../fakes/faulty-disk.ts';
import { inFolder, never, testRelease, unpackInto, type TestRelease } from './state-fixture.ts';

const baseline = { version: '0.9.0', entry: '/baseline/app' };
const one = testRelease('1.0.0');
const two = testRelease('1.1.0');
const other = testRelease('1.1.0', 'other');
const mark = { at: 1, previous: { origin: 'baseline', version: '0.9.0' }, watched: true } as const;

const operations: [
  string,
  { before: readonly TestRelease[]; run: (store: VersionStore) => Promise<unknown> },
][] = [
  ['stage', { before: [one], run: (store) => store.stage('unpacked', two.manifest, two.digest, never) }],
  [
    'stage over another release',
    { before: [one, other], run: (store) => store.stage('unpacked', two.manifest, two.digest, never) },
  ],
  ['activate', { before: [one, two], run: (store) => store.activate(two.ref) }],
  ['activate the baseline', { before: [one], run: (store) => store.activate(store.baseline) }],
  ['mark', { before: [one], run: (store) => store.mark(one.ref, mark) }],
  ['prune', { before: [one, two], run: (store) => store.prune([]) }],
  ['tidy', { before: [one], run: (store) => store.tidy() }],
];

describe('a version store that is killed', () => {
  it.each(operations)('in %s is whole again', (_, { before, run }) =>
    inFolder(async (template) => {
      await prepare(template, before);
      let calls = 0;
      while (await inFolder((folder) => killedAt(calls, template, folder, run))) calls += 1;
      expect(calls).toBeGreaterThan(0);
    }),
  );
});

/** Makes a state directory with some versions, the first of which is current, and `two` unpacked. */
async function prepare(folder: string, releases: readonly TestRelease[]): Promise<void> {
  const paths = await openStateDir(folder, quickDisk);
  const downloads = openDownloads(quickDisk, paths.downloads);
  const store = openVersionStore({ disk: quickDisk, paths, baseline });
  for (const release of releases) {
    await unpackInto(downloads, 'unpacked', release);
    await store.stage('unpacked', release.manifest, release.digest, never);
  }
  await store.activate(one.ref);
  await unpackInto(downloads, 'unpacked', two);
}

/** Runs an operation that is killed before change number `change`, and looks at what is left. False if it ended before. */
async function killedAt(
  change: number,
  template: string,
  folder: string,
  run: (store: VersionStore) => Promise<unknown>,
): Promise<boolean> {
  cpSync(template, folder, { recursive: true, verbatimSymlinks: true });
  const paths = await openStateDir(folder, quickDisk);
  const { disk, died } = dyingDisk(change);
  const outcome = await run(openVersionStore({ disk, paths, baseline })).catch((error: unknown) => error);
  expect(outcome instanceof Error).toBe(died());

  const store = openVersionStore({ disk: quickDisk, paths, baseline });
  const current = await store.current();
  await store.tidy();
  expect(await store.current()).toEqual(current);
  await store.check(current, never);
  const listed = await store.list();
  expect((await readdir(paths.versions)).sort()).toEqual(listed.map(({ ref }) => ref.version).sort());
  for (const { ref } of listed) await store.check(ref, never);
  expect(listed.map(({ ref }) => ref)).toContainEqual(one.ref);

  await unpackInto(openDownloads(quickDisk, paths.downloads), 'unpacked', two);
  await run(store);
  return died();
}
