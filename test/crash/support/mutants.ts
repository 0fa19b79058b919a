/**
 * A guard against self-deception: hosts that do one thing wrong. The enumeration must find each of them.
 *
 * Some are wrong by their disk (an fsync that does nothing, a rename that is none), some by their adapters. Each names the scenario in
 * which it must be found.
 */
import { join } from 'node:path';
import type { Disk, DiskHandle } from '../../../src/adapters/disk.ts';
import type { Ports } from '../../../src/services/ports.ts';
import { STATE_DIR } from './daemon.ts';
import type { Mutation } from './explorer.ts';

/** A host that does one thing wrong. */
export interface Mutant {
  readonly name: string;
  readonly scenario: string;
  readonly mutation: Mutation;
  /** What the enumeration must say, in part. */
  readonly says: RegExp;
}

const nothing = (): Promise<void> => Promise.resolve();

/** A disk on which an fsync of some folders does nothing. */
const unsyncedFolder =
  (isMeant: (path: string) => boolean) =>
  (disk: Disk): Disk => ({ ...disk, fsyncDir: (path) => (isMeant(path) ? nothing() : disk.fsyncDir(path)) });

/** A disk on which an fsync of some files does nothing. */
const unsyncedFile =
  (isMeant: (path: string) => boolean) =>
  (disk: Disk): Disk => {
    const forget = (path: string, handle: DiskHandle): DiskHandle =>
      isMeant(path) ? { ...handle, sync: nothing } : handle;
    return {
      ...disk,
      createExclusive: async (path, mode) => forget(path, await disk.createExclusive(path, mode)),
      openAppend: async (path, mode) => forget(path, await disk.openAppend(path, mode)),
      openRead: async (path, links) => forget(path, await disk.openRead(path, links)),
    };
  };

/** A disk on which a rename onto some paths first deletes what is there. */
const renameByHalves =
  (isMeant: (path: string) => boolean) =>
  (disk: Disk): Disk => ({
    ...disk,
    rename: async (from, to) => {
      if (isMeant(to) && (await disk.readdir(join(to, '..'))).includes(to.slice(to.lastIndexOf('/') + 1)))
        await disk.unlink(to);
      await disk.rename(from, to);
    },
  });

const inFolder = (name: string) => (path: string) => path === join(STATE_DIR, name);
const below = (name: string) => (path: string) => path.startsWith(`${STATE_DIR}/${name}/`);

/** Adapters of which one does something else. */
const adapted =
  (change: (ports: Ports) => Partial<Ports>) =>
  (ports: Ports): Ports => ({ ...ports, ...change(ports) });

const OVER_STORED = 'update over a stored version';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the folder of `current` is not synced after its rename',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFolder((path) => path === STATE_DIR) },
    says: /current is/,
  },
  {
    name: 'versions/ is not synced after a version got its name',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFolder(inFolder('versions')) },
    says: /current is|in the long run|floor fell/,
  },
  {
    name: 'the folders inside a version are not synced',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFolder(below('downloads')) },
    says: /current is|not complete|no version in|floor fell/,
  },
  {
    name: 'the files of a version are not synced',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFile((path) => path.includes('/downloads/unpacked/files/')) },
    says: /not complete|no version in|current is/,
  },
  {
    name: 'the manifest of a version is not synced before its rename',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFile((path) => /downloads\/unpacked\/(\.tmp-|manifest\.json)/.test(path)) },
    says: /no version in|current is/,
  },
  {
    name: 'the folder of the committed mark is not synced',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFolder(below('versions')) },
    says: /floor fell/,
  },
  {
    name: 'the committed mark is not synced before its rename',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFile(below('versions')) },
    says: /mark .* cannot be read/,
  },
  {
    name: 'heads/ is not synced after a head was replaced',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFolder(inFolder('heads')) },
    says: /head .*(went back|is gone)/,
  },
  {
    name: 'a head is not synced before its rename',
    scenario: OVER_STORED,
    mutation: { wrapDisk: unsyncedFile(below('heads')) },
    says: /head/,
  },
  {
    name: 'quarantine/ is not synced after an entry was made',
    scenario: 'sick release',
    mutation: { wrapDisk: unsyncedFolder(inFolder('quarantine')) },
    says: /quarantine/,
  },
  {
    name: '`current` is deleted, and then made anew',
    scenario: OVER_STORED,
    mutation: { wrapDisk: renameByHalves(inFolder('current')) },
    says: /current is the baseline/,
  },
  {
    name: 'a head is deleted, and then made anew',
    scenario: OVER_STORED,
    mutation: { wrapDisk: renameByHalves(below('heads')) },
    says: /head .* is gone/,
  },
  {
    name: 'the mark is written before the version is current',
    scenario: 'sick release',
    mutation: {
      adapt: adapted(({ store, clock }) => ({
        store: {
          ...store,
          activate: async (ref) => {
            const stored = (await store.list()).find((it) => it.ref.version === ref.version);
            if (stored?.mark === null)
              await store.mark(ref, { at: clock.now(), previous: store.baseline, watched: false });
            await store.activate(ref);
          },
        },
      })),
    },
    says: /not healthy|current is/,
  },
  {
    name: 'no intent is written before the swap and after it',
    scenario: 'sick release',
    mutation: {
      adapt: adapted(({ journal }) => ({
        journal: {
          ...journal,
          enter: (attempt, state, facts) =>
            ['swapping', 'probing', 'rollingBack', 'rolledBack'].includes(state)
              ? nothing()
              : journal.enter(attempt, state, facts),
        },
      })),
    },
    says: /./,
  },
  {
    name: 'the quarantine is told, and does nothing',
    scenario: 'sick release',
    mutation: { adapt: adapted(({ quarantine }) => ({ quarantine: { ...quarantine, add: nothing } })) },
    says: /not in quarantine/,
  },
  {
    name: 'a survivor is not ended',
    scenario: OVER_STORED,
    mutation: {
      adapt: adapted(({ workload }) => ({
        workload: { ...workload, endSurvivor: () => Promise.resolve(null) },
      })),
      wrapDisk: (disk) => ({
        ...disk,
        // With the record the launch itself would end it.
        readFile: (path, cap) =>
          path.endsWith('/workload.json') ? Promise.resolve(Buffer.from('{}')) : disk.readFile(path, cap),
      }),
    },
    says: /run at once|found .* as/,
  },
  {
    name: 'what runs beside is named by no record',
    scenario: 'a version that runs beside the old one first',
    mutation: {
      wrapDisk: (disk) => ({
        ...disk,
        readFile: (path, cap) =>
          path.endsWith('/workload-beside.json')
            ? Promise.resolve(Buffer.from('{}'))
            : disk.readFile(path, cap),
      }),
    },
    says: /current is|run at once|expected one workload that runs/,
  },
  {
    name: 'a rollback leaves what runs beside',
    scenario: 'a version that is sick beside the old one',
    mutation: {
      adapt: adapted(({ workload }) => ({
        workload: {
          ...workload,
          ...(workload.beside === undefined ? {} : { beside: { ...workload.beside, end: nothing } }),
        },
      })),
    },
    says: /run at once, at rest/,
  },
  {
    name: 'the start does not tidy',
    scenario: OVER_STORED,
    mutation: { adapt: adapted(({ store }) => ({ store: { ...store, tidy: nothing } })) },
    says: /left behind/,
  },
  {
    name: 'an interruption never counts',
    scenario: 'second interruption',
    mutation: {
      adapt: adapted(({ journal }) => ({ journal: { ...journal, interruptions: () => Promise.resolve(0) } })),
    },
    says: /is not in quarantine/,
  },
  {
    name: 'an attempt that was interrupted is never closed',
    scenario: OVER_STORED,
    mutation: {
      adapt: adapted(({ journal }) => ({
        journal: {
          ...journal,
          close: (ended) => (ended.outcome === 'interrupted' ? nothing() : journal.close(ended)),
        },
      })),
    },
    says: /has no outcome|in flight/,
  },
];
