import { createHash, type Hash } from 'node:crypto';
import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { BundleSource, Downloaded } from '../types.ts';
import type { Downloads, Ports } from './ports.ts';
import { requireSpace } from './space.ts';

type Needs = Pick<Ports, 'feed' | 'downloads' | 'reporter' | 'store'>;

const READ_BYTES = 1024 * 1024;

/** Hashes what an earlier try left, so that the rest can be hashed as it comes. */
async function hashPrefix(
  downloads: Downloads,
  name: string,
  hash: Hash,
  signal: AbortSignal,
): Promise<void> {
  const file = await downloads.read(name);
  try {
    const buffer = new Uint8Array(READ_BYTES);
    for (let at = 0; at < file.size;) {
      signal.throwIfAborted();
      const read = await file.read(buffer, at);
      if (read === 0) break;
      hash.update(buffer.subarray(0, read));
      at += read;
    }
  } finally {
    await file.close();
  }
}

async function fromFeed(
  { feed, downloads, reporter }: Needs,
  source: Extract<BundleSource, { kind: 'feed' }>,
  signal: AbortSignal,
): Promise<Downloaded> {
  if (feed === null)
    throw new UpdateError('FEED_NOT_CONFIGURED', 'expected update.feed_url to name a feed, found none');
  const name = `${source.sha256}.jws`;
  await downloads.tidy([name]);
  const file = await downloads.append(name);
  try {
    if (file.size > source.size) await file.truncate();
    let hash = createHash('sha256');
    let received = file.size > source.size ? 0 : file.size;
    await hashPrefix(downloads, name, hash, signal);
    if (received < source.size) {
      const body = await feed.bundle(source.path, received, source.size, signal);
      if (body.offset !== received) {
        await file.truncate();
        hash = createHash('sha256');
        received = 0;
      }
      for await (const chunk of body.chunks) {
        await file.append(chunk);
        hash.update(chunk);
        received += chunk.length;
        reporter.report({ kind: 'download', received, total: source.size });
      }
    }
    if (received !== source.size)
      throw new UpdateError(
        'DOWNLOAD_TRUNCATED',
        `expected ${String(source.size)} bytes, as the head promises; found ${String(received)}`,
      );
    return { file: name, size: received, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

async function fromFile(
  { downloads, reporter }: Needs,
  path: string,
  signal: AbortSignal,
): Promise<Downloaded> {
  const name = 'local.jws';
  await downloads.tidy([]);
  const source = await downloads.openLocal(path);
  await requireSpace(downloads, source.size * 2, `for a copy of ${path} and its files`);
  const file = await downloads.append(name);
  try {
    const hash = createHash('sha256');
    let received = 0;
    for await (const chunk of source.chunks) {
      signal.throwIfAborted();
      await file.append(chunk);
      hash.update(chunk);
      received += chunk.length;
      reporter.report({ kind: 'download', received, total: source.size });
    }
    return { file: name, size: received, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** Room for the files of a bundle, before its manifest is known: as much as the largest version here, or twice the bundle. */
async function expectedUnpackedBytes({ store }: Needs, bundleBytes: number): Promise<number> {
  const sizes = (await store.list()).map(({ size }) => size);
  return Math.max(bundleBytes * 2, ...sizes);
}

/**
 * `downloading`: brings the bundle to a private file in `downloads/`. From a feed it goes on where an earlier try
 * stopped, and never takes more bytes than the signed head promises; a local file is copied, so that nobody can
 * change it between verification and staging. What it is worth is judged by `verify`, not here.
 *
 * @throws UpdateError `DISK_FULL` before the first byte, `DOWNLOAD_TRUNCATED`, `DOWNLOAD_TOO_LARGE`, `BUNDLE_NOT_FOUND`,
 * and the codes of the feed
 */
export const download =
  (ports: Needs) =>
  async ({ offer: { source } }: Steps['download']['input'], signal: AbortSignal): Promise<Downloaded> => {
    if (source.kind === 'file') return fromFile(ports, source.path, signal);
    const needed = source.size + (await expectedUnpackedBytes(ports, source.size));
    await requireSpace(ports.downloads, needed, `for a bundle of ${String(source.size)} bytes and its files`);
    return fromFeed(ports, source, signal);
  };
