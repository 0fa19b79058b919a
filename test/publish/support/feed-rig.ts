import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyHead } from '../../../src/bundle/head-document.ts';
import type { Head } from '../../../src/bundle/head.ts';
import type { TrustSet } from '../../../src/bundle/trust.ts';
import type { HeadOptions } from '../../../src/publish/head-options.ts';
import { loadSignerFor } from '../../../src/publish/signer.ts';
import type { FeedChannel } from '../../../src/types.ts';
import { whenFileEnds } from '../../fixtures/file-end.ts';
import { PRODUCT, testKeys, type TestKeys } from '../../fixtures/keys.ts';
import { makeRelease } from '../../fixtures/release.ts';

export const NOW = Date.UTC(2026, 5, 1);
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const LINUX = { os: 'linux', arch: 'x64' } as const;
export const ARM = { os: 'linux', arch: 'arm64', libc: 'musl' } as const;

const made = new Map<string, Promise<string>>();

/** A bundle of a version, made once a test file with the test keys. */
export function bundle(version: string, platform: typeof LINUX | typeof ARM = LINUX): Promise<string> {
  const name = `${version}-${platform.arch}`;
  const known = made.get(name);
  if (known !== undefined) return known;
  const path = makeRelease({ version, platform, createdAt: NOW }).then((it) => it.path);
  made.set(name, path);
  // Its folder goes with the file.
  whenFileEnds(() => void made.delete(name));
  return path;
}

/** What every command that writes heads takes, for one generation of keys or more, the newest first. */
export async function headOptions(
  feedDir: string,
  channel: FeedChannel,
  now: number,
  generations: readonly TestKeys[] = [],
  trust?: TrustSet,
): Promise<HeadOptions> {
  const [newest, ...older] = generations.length === 0 ? [await testKeys()] : generations;
  const signerOf = ({ dir }: TestKeys) => loadSignerFor(dir, `head-${channel}`);
  return {
    feedDir,
    channel,
    now,
    trust: trust ?? newest!.trust,
    signer: await signerOf(newest!),
    olderSigners: await Promise.all(older.map(signerOf)),
  };
}

/** The head that clients read, verified with all dates. */
export async function headOf(
  feedDir: string,
  channel: FeedChannel,
  now: number,
  { trust, kid }: { readonly trust?: TrustSet; readonly kid?: string } = {},
): Promise<Head> {
  const path = kid === undefined ? `${channel}.jws` : join('by-key', kid, `${channel}.jws`);
  const rule = { trust: trust ?? (await testKeys()).trust, channel, product: PRODUCT, now };
  return verifyHead(await readFile(join(feedDir, path)), rule);
}

/** SHA-256 of every file, by its path. */
export async function tree(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(dir.length + 1)] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }
  return found;
}

/** Changes one byte in the middle of a file, so that it stays base64url. */
export async function flipByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
  await writeFile(path, bytes);
}
