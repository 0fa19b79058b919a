/**
 * `quarantine/`: one file a release that failed here, named by its release digest; and one a daemon, named by the SHA-256 of its file.
 *
 * Invariants:
 * - The name alone counts. A file that cannot be read still holds its release back (fail closed); only `clear` lets it go.
 * - A release's file has the members that the first daemons knew; a daemon's has a name that they pass over (docs/decisions/0017).
 */
import { join } from 'node:path';
import { z } from 'zod';
import { UpdateError, hasErrno } from '../errors.ts';
import type { Quarantine, QuarantineEntry } from '../services/ports.ts';
import { removeLeftovers, writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded } from './disk-errors.ts';
import { removeTree, statOrNull } from './disk-tree.ts';
import { firstError, knownError } from './first-words.ts';
import { jsonBytes, readJsonFile } from './json-file.ts';

const DIGEST = /^[0-9a-f]{64}$/;
const FILE = /^([0-9a-f]{64})(\.daemon)?\.json$/;
/** Most lines of evidence, and most characters a line, so that a file stays under {@link FILE_CAP}. */
const EVIDENCE = { lines: 100, characters: 1000 };
const FILE_CAP = 1024 * 1024;

const entrySchema = z.object({
  digest: z.string().regex(DIGEST),
  version: z.string(),
  at: z.number(),
  attempt: z.string(),
  reason: z.object({ code: z.string(), message: z.string() }).transform(knownError),
  evidence: z.array(z.string()),
});

/** What stands for an entry whose file says nothing. */
function unreadable(digest: string, error: unknown): QuarantineEntry {
  const why = error instanceof Error ? error.message : String(error);
  return {
    digest,
    version: 'unknown',
    at: 0,
    attempt: 'unknown',
    reason: { code: 'RELEASE_QUARANTINED', message: `its quarantine file could not be read: ${why}` },
    evidence: [],
  };
}

/**
 * Opens the folder of quarantined releases, and deletes what an interrupted write left there; so call it only with the
 * one-daemon lock held (`openJournal`). All faults are `QUARANTINE_FAILED`, or `DISK_FULL` while opening.
 *
 * Evidence is cut to 100 lines of 1000 characters. An entry whose file cannot be read has version `unknown`, and says so.
 *
 * @param folder - absolute; exists (`openStateDir`)
 */
export async function openQuarantine(disk: Disk, folder: string): Promise<Quarantine> {
  const nameOf = (digest: string, role?: 'daemon'): string =>
    join(folder, role === 'daemon' ? `${digest}.daemon.json` : `${digest}.json`);
  await guarded('QUARANTINE_FAILED', `could not tidy ${folder}`, () => removeLeftovers(disk, folder));

  async function read(digest: string, role?: 'daemon'): Promise<QuarantineEntry | null> {
    const about = role === undefined ? {} : { role };
    try {
      const entry = await readJsonFile(disk, nameOf(digest, role), FILE_CAP, entrySchema);
      const found = entry.digest === digest ? entry : unreadable(digest, `it is about ${entry.digest}`);
      return { ...found, ...about };
    } catch (error) {
      return hasErrno(error, 'ENOENT') ? null : { ...unreadable(digest, error), ...about };
    }
  }

  const get = async (digest: string): Promise<QuarantineEntry | null> =>
    DIGEST.test(digest) ? ((await read(digest)) ?? (await read(digest, 'daemon'))) : null;

  return {
    get,
    list: async () => {
      const names = await guarded('QUARANTINE_FAILED', `could not list ${folder}`, () =>
        disk.readdir(folder),
      );
      const entries = await Promise.all(
        names.map(async (name) => {
          const [, digest, daemon] = FILE.exec(name) ?? [];
          return digest === undefined
            ? null
            : await read(digest, daemon === undefined ? undefined : 'daemon');
        }),
      );
      return entries
        .filter((entry) => entry !== null)
        .sort((a, b) => b.at - a.at || (a.digest < b.digest ? -1 : 1));
    },
    add: async ({ role, ...entry }) => {
      try {
        if (!DIGEST.test(entry.digest))
          throw new Error(`expected 64 hex digits as digest, found ${entry.digest}`);
        const evidence = entry.evidence
          .slice(0, EVIDENCE.lines)
          .map((line) => line.slice(0, EVIDENCE.characters));
        const { code, message } = firstError(entry.reason);
        const reason = { code, message: message.slice(0, EVIDENCE.characters) };
        const bytes = jsonBytes({ ...entry, reason, evidence });
        const file = nameOf(entry.digest, role);
        if ((await statOrNull(disk, file)) === null) await writeFileAtomically(disk, file, bytes, 0o600);
        // The first try may have ended between its rename and its sync.
        else await disk.fsyncDir(folder);
      } catch (error) {
        // A full disk too: what matters to the operator is that the release is not held back.
        throw UpdateError.from(error, 'QUARANTINE_FAILED', `could not record release ${entry.digest}`);
      }
    },
    clear: async (digest) => {
      if (!DIGEST.test(digest)) return false;
      return guarded('QUARANTINE_FAILED', `could not clear release ${digest}`, async () => {
        const files = [nameOf(digest), nameOf(digest, 'daemon')];
        let cleared = false;
        for (const file of files) {
          if ((await statOrNull(disk, file)) === null) continue;
          await removeTree(disk, file);
          await disk.fsyncDir(folder);
          cleared = true;
        }
        return cleared;
      });
    },
  };
}
