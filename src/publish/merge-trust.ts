import { importTrustSet } from '../bundle/trust-set.ts';
import { parseStrictJson } from '../bundle/strict-json.ts';
import { trustSetSchema, type TrustFile } from '../bundle/trust.ts';
import { readFile } from 'node:fs/promises';
import { hasErrno, UpdateError } from '../errors.ts';
import { writeAtomically } from './atomic-write.ts';
import { readTrustFile } from './trust-file.ts';

/** Which trust files become one. */
export interface MergeTrustOptions {
  /** Trust files of one product, the oldest first. */
  readonly files: readonly string[];
  /** Where the new one is written. The same content is left as it is; another file is never overwritten. */
  readonly out: string;
  /** `kid`s that are left out. */
  readonly drop?: readonly string[] | undefined;
  /** When keys end, by `kid`, ms since 1970: what they sign later is refused. */
  readonly notAfter?: ReadonlyMap<string, number> | undefined;
}

/**
 * Makes one trust file of several, for the rotation of keys: a program that is built with it knows the old keys and the new ones.
 *
 * @throws UpdateError `TRUST_FILE_NOT_FOUND`; `TRUST_SET_INVALID` for files that are none, of different products, or whose keys do
 * not go together; `USAGE` for a `kid` that is in none of them; `KEYS_EXIST` when `out` is there with other content; `WRITE_FAILED`
 * @example
 * await mergeTrustFiles({ files: ['keys-2025/trust.json', 'keys-2026/trust.json'], out: 'trust.json' });
 */
export async function mergeTrustFiles(options: MergeTrustOptions): Promise<TrustFile> {
  const { drop = [], notAfter = new Map<string, number>() } = options;
  const trusts: TrustFile[] = [];
  for (const file of options.files) trusts.push(await readContent(file));
  const [first] = trusts;
  if (first === undefined) throw new UpdateError('USAGE', 'expected at least one trust file, found none');
  for (const { product } of trusts)
    if (product !== first.product)
      throw new UpdateError(
        'TRUST_SET_INVALID',
        `expected trust files of one product, found ${first.product} and ${product}`,
      );

  // A later file's entry replaces an earlier one of the same key.
  const keys = new Map(trusts.flatMap((trust) => trust.keys.map((key) => [key.kid, key] as const)));
  for (const kid of [...drop, ...notAfter.keys()])
    if (!keys.has(kid))
      throw new UpdateError('USAGE', `expected the kid of a key in the trust files, found ${kid}`);
  for (const kid of drop) keys.delete(kid);
  const merged: TrustFile = {
    schema: 1,
    product: first.product,
    ...(trusts.some(({ development }) => development === true) ? { development: true } : {}),
    keys: [...keys.values()].map((key) => {
      const end = notAfter.get(key.kid);
      return end === undefined ? key : { ...key, not_after: new Date(end).toISOString() };
    }),
  };
  importTrustSet(merged);
  await writeNew(options.out, `${JSON.stringify(merged, null, 2)}\n`);
  return merged;
}

async function readContent(path: string): Promise<TrustFile> {
  // Checks each key.
  await readTrustFile(path);
  return trustSetSchema.parse(parseStrictJson(await readFile(path), 'the trust file'));
}

async function writeNew(path: string, content: string): Promise<void> {
  try {
    if ((await readFile(path, 'utf8')) === content) return;
    throw new UpdateError('KEYS_EXIST', `expected no file at ${path}, found another trust file`);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT'))
      throw UpdateError.from(error, 'WRITE_FAILED', `${path} cannot be written`);
  }
  try {
    await writeAtomically(path, (file) => file.writeFile(content));
  } catch (error) {
    throw UpdateError.from(error, 'WRITE_FAILED', `${path} cannot be written`);
  }
}
