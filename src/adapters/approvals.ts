/**
 * `approvals.json`: the releases that a person approved on this host, newest first.
 *
 * Invariant: a file that cannot be read approves nothing (fail closed).
 */
import { z } from 'zod';
import { hasErrno, UpdateError } from '../errors.ts';
import type { Approval, Approvals } from '../services/ports.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded, throwIfCancelled } from './disk-errors.ts';
import { jsonBytes, JsonFileError, readJsonFile } from './json-file.ts';

const FILE_CAP = 64 * 1024;
/** More are not needed: only the release that waits is ever asked for. */
const KEPT = 20;

const approvalSchema = z.object({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  version: z.string(),
  at: z.number(),
});
/** One that is of another shape is none; the others count. */
const approvalsSchema = z
  .array(z.unknown())
  .transform((all): Approval[] => all.flatMap((each) => approvalSchema.safeParse(each).data ?? []));

/**
 * The approvals of a state directory. All faults are `STATE_DIR_UNUSABLE` or `DISK_FULL`.
 *
 * @param file - absolute path of `approvals.json`
 */
export function openApprovals(disk: Disk, file: string): Approvals {
  const waiting = new Map<() => void, string>();
  /** One after the other: each adds to what the one before wrote. */
  let written: Promise<unknown> = Promise.resolve();

  const read = (): Promise<readonly Approval[]> =>
    guarded('STATE_DIR_UNUSABLE', `could not read ${file}`, async () => {
      try {
        return await readJsonFile(disk, file, FILE_CAP, approvalsSchema);
      } catch (error) {
        if (hasErrno(error, 'ENOENT') || error instanceof JsonFileError) return [];
        throw error;
      }
    });
  const get = async (digest: string): Promise<Approval | null> =>
    (await read()).find((it) => it.digest === digest) ?? null;

  const write = async (approval: Approval): Promise<void> => {
    const others = await read();
    if (others.some(({ digest }) => digest === approval.digest)) return;
    const bytes = jsonBytes([approval, ...others].slice(0, KEPT));
    await guarded('STATE_DIR_UNUSABLE', `could not write ${file}`, () =>
      writeFileAtomically(disk, file, bytes, 0o600),
    );
  };

  return {
    get,
    add: async (approval) => {
      const turn = written.then(() => write(approval));
      written = turn.catch(() => undefined);
      await turn;
      for (const [tell, digest] of waiting) if (digest === approval.digest) tell();
    },
    approved: async (digest, signal) => {
      throwIfCancelled(signal);
      const heard = Promise.withResolvers<undefined>();
      const tell = (): void => {
        heard.resolve(undefined);
      };
      const abort = (): void => {
        heard.reject(
          new UpdateError('CANCELLED', 'no longer waiting for an approval', { cause: signal.reason }),
        );
      };
      // Before the look, so that an approval between the two is not missed.
      waiting.set(tell, digest);
      signal.addEventListener('abort', abort, { once: true });
      get(digest).then((found) => {
        if (found !== null) tell();
      }, heard.reject);
      try {
        await heard.promise;
      } finally {
        waiting.delete(tell);
        signal.removeEventListener('abort', abort);
      }
    },
  };
}
