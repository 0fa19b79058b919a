/**
 * Publication into a feed: a tree of static files.
 *
 * Invariants:
 * - At every instant each head that a client can read names bundles that are there, whole: bundles first, heads last, each by
 *   rename; a bundle that is right is never replaced by other bytes.
 * - `(epoch, seq)` only grows, and two heads never share a place, wherever an earlier run was interrupted.
 * - What was published is never weakened by leaving an option out: `min_version` and `blocked` are carried over.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { headSchema, type Head } from '../bundle/head.ts';
import { compareHeads, verifyHead, type HeadDocument } from '../bundle/head-document.ts';
import { chooseKey, JWS_TYPES } from '../bundle/jws.ts';
import { firstIssue } from '../bundle/quote.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import { writeAtomically } from './atomic-write.ts';
import { examineBundle, placeBundle, type ExaminedBundle, type PlacedBundle } from './feed-bundle.ts';
import { nextClaims, requirePublishable, sameOffer } from './feed-claims.ts';
import type { Signer } from './signer.ts';

/** What is published, and where. */
export interface PublishOptions {
  /** The folder that the feed's URL shows; made if it is not there. */
  readonly feedDir: string;
  readonly channel: FeedChannel;
  /** Bundles of one version, one a platform. Version, product and platforms are taken from their manifests. */
  readonly bundles: readonly string[];
  /** The head key of this channel. */
  readonly signer: Signer;
  /** The keys that clients have. Bundles and heads must verify with them before anything appears. */
  readonly trust: TrustSet;
  /** Days until the head expires, 1 to 14; 7 unless told. */
  readonly expDays?: number | undefined;
  /** The security floor; never lower than before. Unless told, what the head before said. */
  readonly minVersion?: string | undefined;
  /** Replaces the list of blocked versions; unless told, what the head before said. */
  readonly blocked?: readonly string[] | undefined;
  /** Who publishes; the product's name unless told. */
  readonly issuer?: string | undefined;
  /** Writes a new head even when nothing changed, to put off its end. */
  readonly refresh?: boolean | undefined;
  /** ms since 1970; this machine's time unless told. */
  readonly now?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the feed says now. */
export interface Published {
  readonly head: Head;
  /** False when the feed said all of it already, and no new head was made. */
  readonly changed: boolean;
  /** The head's path. */
  readonly path: string;
}

/**
 * Publishes a release on a channel. Safe to run again: the same inputs change nothing. Bundles for more platforms of the same
 * version are added to those that are there. Let only one run at a time write a feed.
 *
 * @throws UpdateError `PUBLISH_REFUSED` when the feed would not be right afterwards; every refusal of a bundle that does not
 * verify; `JWS_KEY_NOT_ALLOWED` and `JWS_KEY_UNKNOWN` when clients would not accept the signer's heads
 * @example
 * await publishToFeed({ feedDir: 'feed', channel: 'stable', bundles: ['sidecar-1.1.0.jws'],
 *   signer: await loadSignerFor('keys', 'head-stable'), trust: await readTrustFile('keys/trust.json') });
 */
export async function publishToFeed(options: PublishOptions): Promise<Published> {
  try {
    return await publish(options, options.now ?? Date.now());
  } catch (error) {
    throw UpdateError.from(error, 'WRITE_FAILED', `the feed ${options.feedDir} cannot be written`);
  }
}

async function publish(options: PublishOptions, now: number): Promise<Published> {
  const { feedDir, signer } = options;
  const place = { ...options, signal: options.signal ?? new AbortController().signal };
  const path = join(feedDir, `${options.channel}.jws`);
  const byKeyDir = join(feedDir, 'by-key', signer.kid);
  const byKey = join(byKeyDir, `${options.channel}.jws`);

  // Everything is judged before anything is written; first, whether clients accept this signer's heads at all.
  const { alg, kid } = signer;
  const typ = JWS_TYPES.head;
  chooseKey({ alg, kid, typ }, { trust: options.trust, typ, use: 'head', audience: options.channel, now });
  const previous = newest([await readHead(path, options, now), await readHead(byKey, options, now)]);
  const examined: ExaminedBundle[] = [];
  for (const bundle of options.bundles) examined.push(await examineBundle(bundle, place));
  requirePublishable(previous?.head ?? null, examined, options);

  for (const dir of [join(feedDir, 'bundles'), byKeyDir]) await mkdir(dir, { recursive: true });
  const placed: PlacedBundle[] = [];
  for (const bundle of examined) placed.push(await placeBundle(bundle, place));
  const claims = nextClaims(previous?.head ?? null, placed, options, now);

  const unchanged = previous !== null && options.refresh !== true && sameOffer(previous.head, claims);
  const document = unchanged ? previous : await signHead(claims, options, now);
  // The head that every client reads comes last.
  await writeHead(byKey, document.bytes);
  await writeHead(path, document.bytes);
  return { head: document.head, changed: !unchanged, path };
}

async function readHead(
  path: string,
  { trust, channel }: PublishOptions,
  now: number,
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
      {
        cause,
      },
    );
  }
}

function newest(documents: readonly (HeadDocument | null)[]): HeadDocument | null {
  return documents.reduce((best, next) => {
    if (best === null || next === null) return best ?? next;
    return compareHeads(best, next) === 'newer' ? next : best;
  });
}

async function signHead(claims: Head, options: PublishOptions, now: number): Promise<HeadDocument> {
  const { channel, trust, signer } = options;
  const parsed = headSchema.safeParse(claims);
  if (!parsed.success)
    throw new UpdateError('PUBLISH_REFUSED', `head: ${firstIssue(parsed.error)}`, { cause: parsed.error });
  const bytes = Buffer.from(
    await signer.signSmall(Buffer.from(JSON.stringify(parsed.data)), JWS_TYPES.head),
    'latin1',
  );
  // A head that clients would refuse must not appear.
  const head = await verifyHead(bytes, { trust, channel, product: trust.product, now });
  return { head, bytes };
}

async function writeHead(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const there = await readFile(path);
    if (there.equals(bytes)) return;
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  await writeAtomically(path, (file) => file.writeFile(bytes));
}
