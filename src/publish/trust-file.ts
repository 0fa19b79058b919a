import { readFile } from 'node:fs/promises';
import { importTrustSet } from '../bundle/trust-set.ts';
import { parseStrictJson } from '../bundle/strict-json.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { hasErrno, UpdateError } from '../errors.ts';

/**
 * Reads a trust file and checks each of its keys. For publisher commands, which judge files for their author; an updater's
 * own keys are built in.
 *
 * @param path - what `core keys generate` wrote as `trust.json`
 * @throws UpdateError `TRUST_FILE_NOT_FOUND`, `TRUST_SET_INVALID`
 */
export async function readTrustFile(path: string): Promise<TrustSet> {
  const bytes = await readBytes(path);
  try {
    return importTrustSet(parseStrictJson(bytes, 'the trust file'));
  } catch (error) {
    if (error instanceof UpdateError && error.code === 'TRUST_SET_INVALID') throw error;
    throw new UpdateError('TRUST_SET_INVALID', `the trust file ${path} is none: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR'))
      throw new UpdateError('TRUST_FILE_NOT_FOUND', `expected a trust file, found no file at ${path}`, {
        cause: error,
      });
    throw UpdateError.from(error, 'TRUST_FILE_NOT_FOUND', 'the trust file cannot be read');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
