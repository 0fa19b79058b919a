import { UpdateError } from '../errors.ts';
import type { RunningDaemon, VersionStore } from '../services/ports.ts';
import { hashFile, versionOfProgram } from './daemon-file.ts';
import type { Disk } from './disk.ts';
import type { StatePaths } from './state-dir.ts';

/** What {@link identifyDaemon} needs. */
export interface IdentifyOptions {
  readonly disk: Disk;
  readonly paths: Pick<StatePaths, 'versions'>;
  readonly store: Pick<VersionStore, 'list' | 'daemon'>;
  /** This program: absolute path and version. */
  readonly program: string;
  readonly version: string;
}

/** Which daemon this process is; each answer is found once, and only when it is asked for. */
export interface DaemonIdentity {
  /** The release that it came from; null for the installed one. It reads no program. */
  readonly origin: () => Promise<RunningDaemon['ref']>;
  /** With the SHA-256 of its file, for which the installed program is read as a whole. */
  readonly running: () => Promise<RunningDaemon>;
}

/** Finds once; what could not be found out is looked for again. */
function once<T>(find: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | null = null;
  return () => {
    known ??= find().catch((error: unknown) => {
      known = null;
      throw error;
    });
    return known;
  };
}

/** Says which daemon this process is. A process runs one program for as long as it lives, so nothing is looked at twice. */
export function identifyDaemon({ disk, paths, store, program, version }: IdentifyOptions): DaemonIdentity {
  const stored = once(async (): Promise<RunningDaemon | null> => {
    const name = versionOfProgram(paths, program);
    const found = name === null ? undefined : (await store.list()).find((each) => each.ref.version === name);
    const daemon = found === undefined ? null : await store.daemon(found.ref);
    if (found === undefined || daemon?.path !== program) return null;
    return { version, sha256: daemon.sha256, ref: found.ref };
  });
  const running = once(async (): Promise<RunningDaemon> => {
    const known = await stored();
    if (known !== null) return known;
    try {
      // The bytes that run, though a package may have put another file in their place; of a script Node keeps no hold.
      const file = program === process.execPath ? '/proc/self/exe' : program;
      return { version, sha256: await hashFile(disk, file), ref: null };
    } catch (error) {
      throw UpdateError.from(error, 'STATE_DIR_UNUSABLE', `cannot read ${program}`);
    }
  });
  return { origin: async () => (await stored())?.ref ?? null, running };
}
