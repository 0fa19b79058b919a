/**
 * What torture does to a host beside killing: each fault is made, and taken away again before the host is judged.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../e2e/support/host-on.ts';
import { flipByte } from '../e2e/support/publisher.ts';
import { hasErrno } from '../../src/errors.ts';

/** Whether this machine lets us mount a small file system; it takes root. */
export function canMount(folder: string): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** How large the disk is that may be filled. */
const DISK_MIB = 24;

/** Puts the state directory of a host on a small disk of its own. Returns what takes it away again. */
export async function smallDisk(host: Host): Promise<() => void> {
  await mkdir(host.stateDir, { mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(DISK_MIB)}m,mode=0700`, 'tmpfs', host.stateDir]);
  return () => {
    execFileSync('umount', ['--lazy', host.stateDir]);
  };
}

/** A fault of the host or of the feed. */
export interface TortureFault {
  readonly name: string;
  /** Whether a good release cannot be installed while it lasts. */
  readonly stops: boolean;
  /** Makes it. `bundle` is the bundle of the release that is offered. Resolves with what takes it away. */
  readonly make: (host: Host, bundle: string) => Promise<() => Promise<void> | void>;
}

const fillerOf = (host: Host): string => join(host.stateDir, 'filler');

/** Writes until the disk is full; never more than that disk can hold. */
async function fill(host: Host): Promise<void> {
  const file = await open(fillerOf(host), 'w');
  try {
    for (let written = 0; written <= DISK_MIB; written += 1) await file.writeFile(Buffer.alloc(1024 * 1024));
    throw new Error(`expected a disk of ${String(DISK_MIB)} MiB to be full`);
  } catch (error) {
    if (!hasErrno(error, 'ENOSPC')) throw error;
  } finally {
    await file.close();
  }
}

/** All faults; the disk that is full needs `smallDisk`. */
export const FAULTS: readonly TortureFault[] = [
  { name: 'none', stops: false, make: () => Promise.resolve(() => undefined) },
  {
    name: 'feed down',
    stops: true,
    make: ({ feed }) => {
      feed.fault((request) => {
        request.socket.destroy();
        return true;
      });
      return Promise.resolve(() => {
        feed.fault(null);
      });
    },
  },
  {
    name: 'feed slow',
    stops: false,
    make: ({ feed }) => {
      let slowed = 0;
      feed.fault((_, response) => {
        // Each second request gets no answer for a while, and then none at all.
        slowed += 1;
        if (slowed % 2 === 0) return false;
        setTimeout(() => response.destroy(), 400);
        return true;
      });
      return Promise.resolve(() => {
        feed.fault(null);
      });
    },
  },
  {
    name: 'bundle tampered with',
    stops: true,
    make: async (_, bundle) => {
      const bytes = await readFile(bundle);
      await flipByte(bundle);
      return () => writeFile(bundle, bytes);
    },
  },
  {
    name: 'disk full',
    stops: true,
    make: async (host) => {
      await fill(host);
      return () => rm(fillerOf(host), { force: true });
    },
  },
];
