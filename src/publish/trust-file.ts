import { readFile } from 'node:fs/promises';
import { importTrustSet } from '../bundle/trust-set.ts';
import { parseStrictJson } from '../bundle/strict-json.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';

/**
 * Reads a trust file and checks each of its keys. For publisher commands, which judge files for their author; an updater's
 * own keys are built in.
 *
 * @param path - what `core keys generate` wrote as `trust.json`
 * @throws UpdateError `TRUST_SET_INVALID`
 */
export async function readTrustFile(path: string): Promise<TrustSet> {
  try {
    return importTrustSet(parseStrictJson(await readFile(path), 'the trust file'));
  } catch (error) {
    if (error instanceof UpdateError && error.code === 'TRUST_SET_INVALID') throw error;
    throw new UpdateError('TRUST_SET_INVALID', `the trust file cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
