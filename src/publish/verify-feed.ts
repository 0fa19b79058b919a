/** The check of a whole feed, as clients would see it: for the publisher's CI, before and after it is copied anywhere. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { verifyHead } from '../bundle/head-document.ts';
import type { Head } from '../bundle/head.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { ERROR_CODES } from '../error-codes.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import { openFeedBases, type FeedBases } from './feed-bases.ts';
import { createFindings, type Finding, type Findings } from './feed-findings.ts';
import {
  bundlePath,
  FEED_CHANNELS,
  FEED_FOLDERS,
  FEED_README,
  parseArchiveName,
  placeText,
} from './feed-layout.ts';
import { checkNamedBundle, namedBundles, type NamedBundle } from './named-bundle.ts';
import { verifyBundleFile } from './verify-bundle.ts';
import { verifyArchive, verifyChannel, type FoundHead } from './verify-heads.ts';

/** Which feed is checked, and as whom. */
export interface VerifyFeedOptions {
  readonly feedDir: string;
  /** The keys that clients have, those of older programs that are still supported too. */
  readonly trust: TrustSet;
  /** ms since 1970; this machine's time unless told. */
  readonly now?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A channel of a feed. */
export interface ChannelReport {
  readonly channel: FeedChannel;
  readonly version: string;
  /** When the first of its heads expires, RFC 3339. */
  readonly expires: string;
}

/** What the check found. */
export interface FeedReport {
  /** Whether there is no fault; warnings do not count. */
  readonly ok: boolean;
  /** Whether no client would refuse anything as not trusted. */
  readonly trusted: boolean;
  /** The channels whose main head is right. */
  readonly channels: readonly ChannelReport[];
  /** Everything that was looked at. */
  readonly findings: readonly Finding[];
}

/**
 * Checks a feed: each channel's head and its copies by key (signature, dates, whether they say the same), the bake of stable,
 * every bundle (size, SHA-256, signature, content, release digest, version, platform), the archive, and that nothing is missing
 * or does not belong there. Each delta is applied to its base, where the full bundle of that is in the feed. Collects all faults instead of stopping at the first; writes nothing.
 *
 * @throws UpdateError `FEED_UNREACHABLE` when the folder cannot be read; and the reason of an aborted `signal`
 * @example
 * const { ok, findings } = await verifyFeed({ feedDir: 'feed', trust: await readTrustFile('keys/trust.json') });
 */
export async function verifyFeed(options: VerifyFeedOptions): Promise<FeedReport> {
  const { feedDir, trust, signal, now = Date.now() } = options;
  const files = await filesOf(feedDir);
  const findings = createFindings(signal);
  const heads = new Map<FeedChannel, FoundHead[]>();
  for (const channel of FEED_CHANNELS)
    heads.set(channel, await verifyChannel(channel, { feedDir, trust, now, findings }));
  if (!FEED_CHANNELS.some((channel) => files.includes(`${channel}.jws`)))
    findings.fault('.', 'expected a head of edge or of stable, found none');

  await verifyArchive(heads.get('edge') ?? [], { feedDir, trust, now, findings });
  await using bases = openFeedBases(feedDir, trust, signal);
  const inside = { ...options, now, bases };
  const named = await verifyNamedBundles(heads, inside, findings);
  for (const path of files) if (!named.has(path)) await verifyOtherFile(path, inside, findings);

  const faults = findings.all.filter(({ level }) => level === 'fault');
  return {
    ok: faults.length === 0,
    trusted: faults.every(({ code }) => code === null || ERROR_CODES[code].exit !== 3),
    channels: FEED_CHANNELS.flatMap((channel) => reportOf(channel, heads.get(channel) ?? [])),
    findings: findings.all,
  };
}

interface InsideOptions extends VerifyFeedOptions {
  readonly now: number;
  /** What deltas are tried on. */
  readonly bases: FeedBases;
}

function reportOf(channel: FeedChannel, heads: readonly FoundHead[]): ChannelReport[] {
  const main = heads.find(({ path }) => path === `${channel}.jws`);
  if (main === undefined) return [];
  const ends = Math.min(...heads.map(({ head }) => head.exp)) * 1000;
  return [{ channel, version: main.head.version, expires: new Date(ends).toISOString() }];
}

/** Checks each bundle that a head names, once; returns their paths. */
async function verifyNamedBundles(
  heads: ReadonlyMap<FeedChannel, readonly FoundHead[]>,
  options: InsideOptions,
  findings: Findings,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const paths = new Set<string>();
  for (const [channel, documents] of heads) {
    for (const named of documents.flatMap(({ head }) => bundlesOf(head))) {
      const claim = JSON.stringify([channel, named]);
      if (seen.has(claim)) continue;
      seen.add(claim);
      paths.add(named.path);
      await findings.check(named.path, () =>
        trying(
          named.path,
          () => `${named.version}, named on ${channel}`,
          findings,
          () => checkNamedBundle(options.feedDir, named, channel, options),
        ),
      );
    }
  }
  return paths;
}

/** A delta whose base is not here is right as far as can be seen: hosts that have the base will see the rest. */
async function trying(
  path: string,
  about: () => string,
  findings: Findings,
  step: () => Promise<unknown>,
): Promise<void> {
  try {
    await step();
    findings.ok(path, about());
  } catch (error) {
    const { code, message } = UpdateError.from(error);
    if (code !== 'DELTA_BASE_MISSING') throw error;
    findings.warn(path, `${about()}; it was not tried: ${message}`);
  }
}

function bundlesOf(head: Head): NamedBundle[] {
  return [head, ...(head.steps ?? [])].flatMap(namedBundles);
}

/** Checks a file that no live head names. Heads of channels were checked before. */
async function verifyOtherFile(path: string, options: InsideOptions, findings: Findings): Promise<void> {
  const segments = path.split('/');
  const name = segments.at(-1) ?? '';
  const isHead = FEED_CHANNELS.some((channel) => name === `${channel}.jws`);
  if (path === FEED_README || (isHead && (segments.length === 1 || isKeyFolder(segments)))) return;
  if (/^\..+\.tmp$/.test(name))
    findings.warn(path, 'left over from a run that was interrupted: it may be removed while none runs');
  else if (segments.length === 2 && segments[0] === FEED_FOLDERS.bundles)
    await findings.check(path, () => verifyOldBundle(path, options, findings));
  else if (segments.length === 2 && segments[0] === FEED_FOLDERS.archive && parseArchiveName(name) !== null)
    await findings.check(path, () => verifyArchived(path, name, options, findings));
  else findings.fault(path, 'expected nothing here: it does not belong to a feed');
}

function isKeyFolder(segments: readonly string[]): boolean {
  return segments.length === 3 && segments[0] === FEED_FOLDERS.byKey;
}

/** A bundle of an older release, which stays for clients that are fetching it. */
async function verifyOldBundle(
  path: string,
  { feedDir, trust, signal, bases }: InsideOptions,
  findings: Findings,
): Promise<void> {
  let version = '';
  const about = (): string => `${version}, not named by a head any more`;
  try {
    await trying(path, about, findings, () =>
      verifyBundleFile(join(feedDir, path), trust, {
        signal,
        base: bases.find,
        judge: ({ manifest }) => {
          version = manifest.version;
          if (bundlePath(manifest) !== path)
            throw new UpdateError(
              'BUNDLE_NOT_NAMED',
              `expected ${bundlePath(manifest)} by its manifest, found ${path}`,
            );
        },
      }),
    );
  } catch (error) {
    if (!isOfOldKey(error)) throw error;
    findings.warn(path, 'no head names it, and its key is not in the trust file any more');
  }
}

async function verifyArchived(
  path: string,
  name: string,
  { feedDir, trust, now }: InsideOptions,
  findings: Findings,
): Promise<void> {
  const bytes = await readFile(join(feedDir, path));
  try {
    const rule = { trust, channel: 'edge', product: trust.product, now, checkDates: false } as const;
    const head = await verifyHead(bytes, rule);
    const place = parseArchiveName(name);
    if (place?.epoch !== head.epoch || place.seq !== head.seq)
      throw new UpdateError(
        'HEAD_INVALID',
        `expected the head of the place in its name, found ${placeText(head)}`,
      );
    if (place.unused) findings.warn(path, 'it never went live: the run that made it was interrupted');
  } catch (error) {
    if (!isOfOldKey(error)) throw error;
  }
}

function isOfOldKey(error: unknown): boolean {
  return (
    error instanceof UpdateError && (error.code === 'JWS_KEY_UNKNOWN' || error.code === 'JWS_KEY_NOT_ALLOWED')
  );
}

/** All files below a folder, their paths with `/`, sorted. */
async function filesOf(feedDir: string): Promise<string[]> {
  try {
    const entries = await readdir(feedDir, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(feedDir, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .sort();
  } catch (error) {
    throw UpdateError.from(error, 'FEED_UNREACHABLE', `the feed ${feedDir} cannot be read`);
  }
}
