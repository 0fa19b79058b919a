/**
 * Whether the state directory can do what an update needs of it. Tried for real, since mode bits say nothing of read-only file
 * systems, `noexec`, sandboxes and quotas.
 *
 * Invariant: nothing is left behind. Should the power go in the middle, the next start deletes it: its names are those of files that
 * an update left unfinished.
 */
import { execFile } from 'node:child_process';
import { statfs, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freshName } from '../adapters/atomic-file.ts';
import { nodeDisk } from '../adapters/disk.ts';
import { removeTree } from '../adapters/disk-tree.ts';
import { statePaths } from '../adapters/state-dir.ts';
import { hasErrno } from '../errors.ts';
import { fail, pass, skip, warn, type Check, type Finding } from './check.ts';
import type { NextRelease, Patient } from './patient.ts';

const PREFIX = '.tmp-doctor-';
const MIB = 1024 ** 2;
/** Fewer free inodes than this are not enough for a release of many files. */
const INODES = { fail: 64, warn: 1024 } as const;

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Why nothing can be tried there by whoever asks; null when it can. */
async function whyNot(patient: Patient, root: string): Promise<Finding | null> {
  if (patient.inside !== null) return null;
  try {
    const { uid } = await stat(root);
    const own = process.geteuid?.() ?? uid;
    if (uid === own) return null;
    return skip(
      `${root} belongs to uid ${String(uid)}, and this is uid ${String(own)}: only the daemon can tell`,
    );
  } catch (error) {
    if (hasErrno(error, 'ENOENT'))
      return skip(`${root} is not there yet: the daemon makes it at its first start`);
    return skip(`${root} cannot be seen from here: ${messageOf(error)}`);
  }
}

/** Does `body` in a folder of its own inside of `parent`, and deletes it. */
async function inScratch<T>(parent: string, body: (folder: string) => Promise<T>): Promise<T> {
  const folder = freshName(join(parent, 'x'), PREFIX);
  await nodeDisk.mkdir(folder, 0o700);
  try {
    return await body(folder);
  } finally {
    await removeTree(nodeDisk, folder);
  }
}

async function writeFile(path: string, text: string, mode: number): Promise<void> {
  const handle = await nodeDisk.createExclusive(path, mode);
  try {
    await handle.write(Buffer.from(text));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What staging and the swap do: write, sync, rename a folder's content, point a link somewhere else. */
async function swapFor(folder: string): Promise<void> {
  await writeFile(join(folder, 'new'), 'a file\n', 0o600);
  await nodeDisk.rename(join(folder, 'new'), join(folder, 'file'));
  await nodeDisk.symlink('nowhere', join(folder, 'current'));
  await nodeDisk.symlink('file', join(folder, 'next'));
  await nodeDisk.rename(join(folder, 'next'), join(folder, 'current'));
  await nodeDisk.fsyncDir(folder);
}

async function write(root: string, versions: string): Promise<Finding> {
  try {
    for (const parent of [root, versions]) await inScratch(parent, swapFor);
    return pass(`files and links can be written, synced and swapped in ${root}`);
  } catch (error) {
    return fail(
      `expected to write, sync and rename in ${root}, found ${messageOf(error)}`,
      'Make it a directory of the daemon’s user with mode 0700 on a writable disk; under systemd name it in StateDirectory= or ReadWritePaths=.',
    );
  }
}

async function execute(versions: string, signal: AbortSignal): Promise<Finding> {
  try {
    await inScratch(versions, async (folder) => {
      const program = join(folder, 'program');
      await writeFile(program, '#!/bin/sh\nexit 0\n', 0o700);
      await promisify(execFile)(program, [], { signal, env: {}, cwd: '/' });
    });
    return pass(`programs can be executed in ${versions}`);
  } catch (error) {
    return fail(
      `expected to execute a program in ${versions}, found ${messageOf(error)}`,
      'Mount the disk without noexec; under systemd look at NoExecPaths= and SystemCallFilter=.',
    );
  }
}

async function sameDisk(downloads: string, versions: string): Promise<Finding> {
  const [from, to] = await Promise.all([stat(downloads), stat(versions)]);
  if (from.dev === to.dev) return pass('downloads and versions are on one disk');
  return fail(
    `expected ${downloads} and ${versions} on one disk, found two: a version could not be renamed into place`,
    'Mount one disk at the state directory, and none below it.',
  );
}

/** Bytes that the next update writes: the bundle, and its files. */
async function neededBytes(
  { inside }: Patient,
  next: NextRelease | null,
): Promise<{ readonly bytes: number; readonly because: string }> {
  const versions = (await inside?.ports.store.list()) ?? [];
  const largest = Math.max(0, ...versions.map(({ size }) => size));
  if (next !== null)
    return {
      // As `download` reckons before the manifest is known.
      bytes: next.bundleBytes + Math.max(2 * next.bundleBytes, largest),
      because: `for ${next.version}, a bundle of ${mib(next.bundleBytes)} and its files`,
    };
  return { bytes: 2 * largest, because: 'for a bundle as large as the largest version here, and its files' };
}

async function space(
  patient: Patient,
  root: string,
  next: () => Promise<NextRelease | null>,
): Promise<Finding> {
  const { bytes, because } = await neededBytes(patient, await next());
  const free = await nodeDisk.freeBytes(root);
  if (bytes === 0) return pass(`${mib(free)} are free in ${root}; how much a release needs is not known yet`);
  if (free >= bytes) return pass(`${mib(free)} are free in ${root}, and ${mib(bytes)} are needed ${because}`);
  return fail(
    `expected ${mib(bytes)} free in ${root} ${because}, found ${mib(free)}`,
    `Free ${mib(bytes - free)} more, or move state_dir to a larger disk.`,
  );
}

async function inodes(root: string): Promise<Finding> {
  const { files, ffree } = await statfs(root);
  // Some file systems (btrfs) have no fixed number of them.
  if (files === 0) return skip('this file system does not count inodes');
  const text = `${String(ffree)} inodes are free in ${root}`;
  if (ffree < INODES.fail)
    return fail(
      `expected at least ${String(INODES.fail)} free inodes, found that ${text}`,
      'Delete small files on that disk.',
    );
  if (ffree < INODES.warn) return warn(text, 'Delete small files on that disk.');
  return pass(text);
}

/** The checks of the state directory. `next` gives what the feed offers, if that is known. */
export function stateDirChecks(patient: Patient, next: () => Promise<NextRelease | null>): Check[] {
  const { root, downloads, versions } = statePaths(patient.config.stateDir);
  const check = (name: string, look: Check['look']): Check => ({
    name: `state_dir.${name}`,
    look: async (signal) => (await whyNot(patient, root)) ?? look(signal),
  });
  return [
    check('write', () => write(root, versions)),
    check('execute', (signal) => execute(versions, signal)),
    check('same_disk', () => sameDisk(downloads, versions)),
    check('space', () => space(patient, root, next)),
    check('inodes', () => inodes(root)),
  ];
}
