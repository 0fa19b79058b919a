/**
 * `quarantine/`: one file a release that failed here, named by its release digest.
 *
 * Invariant: the name alone counts. A file that cannot be read still holds its release back (fail closed); only `clear`
 * lets it go.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';
import { UpdateError, hasErrno } from '../errors.ts';
import type { Quarantine, QuarantineEntry } from '../services/ports.ts';
import { removeLeftovers, writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded } from './disk-errors.ts';
import { removeTree, statOrNull } from './disk-tree.ts';
import { jsonBytes, readJsonFile } from './json-file.ts';

const DIGEST = /^[0-9a-f]{64}$/;
const FILE = /^([0-9a-f]{64})\.json$/;
/** Most lines of evidence, and most characters a line, so that a file stays under {@link FILE_CAP}. */
const EVIDENCE = { lines: 100, characters: 1000 };
const FILE_CAP = 1024 * 1024;

const errorCode = z.custom<ErrorCode>(
  (code) => typeof code === 'string' && code in ERROR_CODES,
  'unknown error code',
);

const entrySchema = z.strictObject({
  digest: z.string().regex(DIGEST),
  version: z.string(),
  at: z.number(),
  attempt: z.string(),
  reason: z.strictObject({ code: errorCode, message: z.string() }),
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
  const file = (digest: string): string => join(folder, `${digest}.json`);
  await guarded('QUARANTINE_FAILED', `could not tidy ${folder}`, () => removeLeftovers(disk, folder));

  async function get(digest: string): Promise<QuarantineEntry | null> {
    if (!DIGEST.test(digest)) return null;
    try {
      const entry = await readJsonFile(disk, file(digest), FILE_CAP, entrySchema);
      return entry.digest === digest ? entry : unreadable(digest, `it is about ${entry.digest}`);
    } catch (error) {
      return hasErrno(error, 'ENOENT') ? null : unreadable(digest, error);
    }
  }

  return {
    get,
    list: async () => {
      const names = await guarded('QUARANTINE_FAILED', `could not list ${folder}`, () =>
        disk.readdir(folder),
      );
      const digests = names.flatMap((name) => FILE.exec(name)?.[1] ?? []);
      const entries = await Promise.all(digests.map(get));
      return entries
        .filter((entry) => entry !== null)
        .sort((a, b) => b.at - a.at || (a.digest < b.digest ? -1 : 1));
    },
    add: async (entry) => {
      try {
        if (!DIGEST.test(entry.digest))
          throw new Error(`expected 64 hex digits as digest, found ${entry.digest}`);
        const evidence = entry.evidence
          .slice(0, EVIDENCE.lines)
          .map((line) => line.slice(0, EVIDENCE.characters));
        const message = entry.reason.message.slice(0, EVIDENCE.characters);
        const bytes = jsonBytes({ ...entry, reason: { code: entry.reason.code, message }, evidence });
        if ((await statOrNull(disk, file(entry.digest))) === null)
          await writeFileAtomically(disk, file(entry.digest), bytes, 0o600);
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
        if ((await statOrNull(disk, file(digest))) === null) return false;
        await removeTree(disk, file(digest));
        await disk.fsyncDir(folder);
        return true;
      });
    },
  };
}
