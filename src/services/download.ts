import { createHash } from 'node:crypto';
import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { BundleSource, Downloaded } from '../types.ts';
import { openGrowing, type Growing } from './growing-file.ts';
import type { Doubt, Feed, Ports } from './ports.ts';
import { persistently } from './retry.ts';
import { requireSpace } from './space.ts';

type Needs = Pick<Ports, 'feed' | 'downloads' | 'reporter' | 'store' | 'clock'>;
type FeedSource = Extract<BundleSource, { kind: 'feed' }>;

/** A try that brings fewer new bytes than this has not moved on: the same measure as for a feed that stalls. */
const PROGRESS_BYTES = 1024;

/** One request: what comes is kept, however it ends. */
async function fetchOnce(
  feed: Feed,
  file: Growing,
  { path, size }: FeedSource,
  signal: AbortSignal,
): Promise<Doubt | undefined> {
  // Ends the answer where it is not read to its end.
  const done = new AbortController();
  try {
    const either = AbortSignal.any([signal, done.signal]);
    const body = await feed.bundle(path, file.received, size, either, file.validator);
    if (body.offset > 0 && body.offset === file.received) file.resume();
    else await file.restart(body.validator);
    try {
      for await (const chunk of body.chunks) await file.add(chunk);
    } finally {
      await file.flush();
    }
    return body.doubt;
  } finally {
    done.abort();
  }
}

/** Asks until all of the file is here, from wherever it stands; where a mirror ends too early without saying so, at the next one. */
async function fill(
  ports: Needs & { readonly feed: Feed },
  file: Growing,
  source: FeedSource,
  signal: AbortSignal,
): Promise<Doubt | undefined> {
  const { feed } = ports;
  let furthest = file.received;
  let doubt: Doubt | undefined;
  // Ends: each doubt leaves one mirror less that is well.
  while (file.received !== source.size) {
    await persistently(ports, feed.retry, signal, async (moved) => {
      try {
        // It broke after its last byte.
        if (file.received < source.size) doubt = await fetchOnce(feed, file, source, signal);
      } finally {
        if (file.received >= furthest + PROGRESS_BYTES) moved();
        furthest = Math.max(furthest, file.received);
      }
    });
    if (file.received === source.size) break;
    const short = new UpdateError(
      'DOWNLOAD_TRUNCATED',
      `expected ${String(source.size)} bytes of ${source.path}, as the head promises; found ${String(file.received)}`,
    );
    if (doubt?.(short.toRecord()) !== true) throw short;
  }
  return doubt;
}

async function fromFeed(ports: Needs, source: FeedSource, signal: AbortSignal): Promise<Downloaded> {
  const { feed, downloads } = ports;
  if (feed === null)
    throw new UpdateError('FEED_NOT_CONFIGURED', 'expected update.feed_url to name a feed, found none');
  const name = `${source.sha256}.jws`;
  await downloads.tidy([name]);
  const file = await openGrowing(ports, name, source.size, signal);
  try {
    for (let again = false; ;) {
      const doubt = await fill({ ...ports, feed }, file, source, signal);
      const found = file.digest();
      if (found === source.sha256) break;
      // Parts of two files, or a disk that lost power: nobody's doing yet. Bytes of one answer are judged as they are, unless another
      // mirror may have the right ones. Ends: each doubt leaves one mirror less that is well.
      const fault = {
        code: 'BUNDLE_NOT_NAMED',
        message: `expected ${source.path} with SHA-256 ${source.sha256}, found ${found}`,
      } as const;
      const isMixed: boolean = file.isMixed && !again;
      if (!isMixed && doubt?.(fault) !== true) break;
      again ||= isMixed;
      await file.restart(null);
    }
    return { file: name, size: file.received, sha256: file.digest() };
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
 * A file that came in parts and has not the SHA-256 that the head names is fetched once more, whole: a mirror that changed its bytes
 * in between must not cost the attempt; and where there are several mirrors, at another one. That also lets a part be asked for where the server gave no strong entity tag.
 *
 * @throws UpdateError `DISK_FULL` before the first byte, `DOWNLOAD_TRUNCATED`, `DOWNLOAD_TOO_LARGE`, `BUNDLE_NOT_FOUND`,
 * `BUNDLE_CHANGED`, `STATE_DIR_UNUSABLE`, and the codes of the feed
 */
export const download =
  (ports: Needs) =>
  async ({ offer: { source } }: Steps['download']['input'], signal: AbortSignal): Promise<Downloaded> => {
    if (source.kind === 'file') return fromFile(ports, source.path, signal);
    const needed = source.size + (await expectedUnpackedBytes(ports, source.size));
    await requireSpace(ports.downloads, needed, `for a bundle of ${String(source.size)} bytes and its files`);
    return fromFeed(ports, source, signal);
  };
