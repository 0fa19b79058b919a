/** What a feed says on a channel, verified. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareHeads, verifyHead, type HeadDocument } from '../bundle/head-document.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import { FEED_FOLDERS, headPath, keyHeadPath } from './feed-layout.ts';

/** The heads that a feed shows on a channel. */
export interface ChannelHeads {
  /** The one that clients read first; null when there is none. */
  readonly main: HeadDocument | null;
  /** Those for clients that know only one key, by its `kid`. */
  readonly byKid: ReadonlyMap<string, HeadDocument>;
  /** The last of them all, by place; null when there is none. */
  readonly newest: HeadDocument | null;
  /** Whether a head was passed over because it does not verify. */
  readonly passedOver: boolean;
}

/** Which heads are read. */
export interface ReadChannelOptions {
  readonly feedDir: string;
  readonly channel: FeedChannel;
  /** The keys that they must verify with. What lies under a key that is not among them is not read. */
  readonly trust: TrustSet;
  /** ms since 1970. */
  readonly now: number;
  /** Passes over heads that do not verify, instead of refusing. */
  readonly lenient?: boolean;
}

/**
 * Reads and verifies the heads of a channel. Expired ones count too.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for a head that cannot be read, or is not of this publisher
 */
export async function readChannel(options: ReadChannelOptions): Promise<ChannelHeads> {
  const { feedDir, channel, trust } = options;
  let passedOver = false;
  const read = async (path: string): Promise<HeadDocument | null> => {
    try {
      return await readHeadFile(path, options);
    } catch (error) {
      if (options.lenient !== true) throw error;
      passedOver = true;
      return null;
    }
  };
  const main = await read(headPath(feedDir, channel));
  const byKid = new Map<string, HeadDocument>();
  for (const kid of await list(join(feedDir, FEED_FOLDERS.byKey))) {
    const key = trust.keys.get(kid);
    if (key?.use !== 'head' || !key.audiences.includes(channel)) continue;
    const document = await read(keyHeadPath(feedDir, kid, channel));
    if (document !== null) byKid.set(kid, document);
  }
  return { main, byKid, newest: newestOf([...(main === null ? [] : [main]), ...byKid.values()]), passedOver };
}

/**
 * Reads a head from a file and verifies it, its dates apart.
 *
 * @returns null when there is no such file
 * @throws UpdateError `PUBLISH_REFUSED`
 */
export async function readHeadFile(
  path: string,
  { trust, channel, now }: Pick<ReadChannelOptions, 'trust' | 'channel' | 'now'>,
): Promise<HeadDocument | null> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return null;
    throw UpdateError.from(error, 'PUBLISH_REFUSED', `the head ${path} cannot be read`);
  }
  try {
    const head = await verifyHead(bytes, { trust, channel, product: trust.product, now, checkDates: false });
    return { head, bytes };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UpdateError(
      'PUBLISH_REFUSED',
      `expected a head of this publisher at ${path}, found another: ${why}`,
      { cause },
    );
  }
}

/** The names in a folder, sorted; none where there is no such folder. */
export async function list(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).sort();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function newestOf(documents: readonly HeadDocument[]): HeadDocument | null {
  return documents.reduce<HeadDocument | null>(
    (best, next) => (best === null || compareHeads(best, next) === 'newer' ? next : best),
    null,
  );
}
