/** Checks of a feed's heads, as clients judge them. */
import { readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { requireBake, securityOverride } from '../bundle/bake.ts';
import type { Head } from '../bundle/head.ts';
import { verifyHead, type HeadDocument } from '../bundle/head-document.ts';
import { parseJwsHeader } from '../bundle/jws.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import { list } from './feed-heads.ts';
import type { Findings } from './feed-findings.ts';
import { archiveName, comparePlaces, FEED_FOLDERS, headPath, keyHeadPath, placeText } from './feed-layout.ts';
import { bodyOf, sameOffer, withoutGroups } from './head-body.ts';
import { platformName } from './inspect.ts';

/** A head that ends within so many days is warned of. */
export const EXPIRY_WARNING_DAYS = 3;

const DAY_MS = 24 * 3600 * 1000;

/** What a feed is checked against. */
export interface VerifyHeadsOptions {
  readonly feedDir: string;
  readonly trust: TrustSet;
  /** ms since 1970. */
  readonly now: number;
  readonly findings: Findings;
}

/** A head of a feed that verified, and where it lies. */
export interface FoundHead extends HeadDocument {
  /** Relative to the feed, with `/`. */
  readonly path: string;
}

/**
 * Checks all heads of a channel.
 *
 * @returns those that verify, the main one first; none when the feed does not have the channel
 */
export async function verifyChannel(channel: FeedChannel, options: VerifyHeadsOptions): Promise<FoundHead[]> {
  const { feedDir, findings } = options;
  const path = (absolute: string): string => relative(feedDir, absolute).split(sep).join('/');
  const mainPath = path(headPath(feedDir, channel));
  const kids = await kidsWith(feedDir, channel);
  const bytes = await readIfThere(join(feedDir, mainPath));
  if (bytes === null) {
    if (kids.length > 0)
      findings.fault(mainPath, `expected a head, as by-key/${kids[0] ?? ''} has one, found none`);
    return [];
  }
  const main = await verifyOne(mainPath, bytes, channel, options);
  const found = main === null ? [] : [main];
  for (const kid of kids) {
    const keyPath = path(keyHeadPath(feedDir, kid, channel));
    const own = await readIfThere(join(feedDir, keyPath));
    const head = own === null ? null : await verifyOne(keyPath, own, channel, options);
    if (head === null) continue;
    found.push(head);
    await findings.check(keyPath, async () => {
      requireKid(head, kid);
      if (main !== null) requireSameAs(main, head);
    });
  }
  if (main !== null) {
    const kid = kidOf(main);
    if (!kids.includes(kid))
      findings.fault(
        path(keyHeadPath(feedDir, kid, channel)),
        `expected a copy of ${mainPath} for clients that will know a newer key too, found none`,
      );
  }
  return found;
}

/** Checks the edge heads that are kept for promotions, and that those which are live are among them. */
export async function verifyArchive(live: readonly FoundHead[], options: VerifyHeadsOptions): Promise<void> {
  for (const { head, bytes, path } of live) {
    const kept = `${FEED_FOLDERS.archive}/${archiveName(head)}`;
    const there = await readIfThere(join(options.feedDir, kept));
    if (there === null)
      options.findings.fault(
        kept,
        `expected a copy of ${path}, without which it cannot be promoted, found none`,
      );
    else if (!there.equals(bytes))
      options.findings.fault(kept, `expected a copy of ${path}, found other bytes`);
  }
}

async function verifyOne(
  path: string,
  bytes: Buffer,
  channel: FeedChannel,
  { trust, now, findings }: VerifyHeadsOptions,
): Promise<FoundHead | null> {
  const head = await findings.check(path, () =>
    verifyHead(bytes, { trust, channel, product: trust.product, now }),
  );
  if (head === null) return null;
  const left = head.exp * 1000 - now;
  const end = `expires in ${daysAndHours(left)}, at ${new Date(head.exp * 1000).toISOString()}`;
  const text = `${head.version}, ${placeText(head)}, ${end}`;
  if (left < EXPIRY_WARNING_DAYS * DAY_MS) findings.warn(path, `${text}: refresh it`);
  else findings.ok(path, text);
  if (head.blocked?.includes(head.version) === true)
    findings.warn(path, `it blocks ${head.version}, the version that it names: nobody installs anything`);
  await verifyBake(path, head, trust, findings);
  return { head, bytes, path };
}

async function verifyBake(path: string, head: Head, trust: TrustSet, findings: Findings): Promise<void> {
  for (const target of head.targets) {
    try {
      await requireBake(head, { trust, product: trust.product, platform: target });
    } catch (error) {
      const reason = securityOverride(head);
      const wrong = error instanceof UpdateError && error.code === 'BAKE_INVALID';
      if (reason === null || wrong) findings.fault(path, error);
      else
        findings.warn(
          path,
          `${platformName(target)}: only hosts that allow security overrides take it: ${UpdateError.from(error).message} (reason: ${reason})`,
        );
    }
  }
}

function requireKid(head: FoundHead, kid: string): void {
  const found = kidOf(head);
  if (found !== kid)
    throw new UpdateError(
      'JWS_KEY_NOT_ALLOWED',
      `expected a head by the key of its folder, found one by ${found}`,
    );
}

/** What the main head says, the others must say too, groups apart; only each key's bake is its own. */
function requireSameAs(main: FoundHead, other: FoundHead): void {
  const bare = ({ head }: FoundHead): ReturnType<typeof bodyOf> => ({ ...bodyOf(head), bake: undefined });
  const order = comparePlaces(other.head, main.head);
  if (order > 0)
    throw new UpdateError(
      'HEAD_STALE',
      `expected a place that is not after the one of ${main.path}, ${placeText(main.head)}, found ${placeText(other.head)}`,
    );
  if (order === 0 && Buffer.compare(main.bytes, other.bytes) !== 0)
    throw new UpdateError(
      'HEAD_EQUIVOCATION',
      `found other bytes than in ${main.path} for ${placeText(main.head)}`,
    );
  const said = order < 0 ? withoutGroups(bare(main)) : bare(main);
  if (!sameOffer(said, bare(other)))
    throw new UpdateError(
      'HEAD_STALE',
      `expected it to say what ${main.path} says, found another offer (${other.head.version}): renew it with its key, or remove it`,
    );
}

function kidOf({ bytes }: HeadDocument): string {
  return parseJwsHeader(Buffer.from(bytes).toString('latin1').split('.', 1)[0] ?? '').kid;
}

/** The keys under which there is something for the channel. */
async function kidsWith(feedDir: string, channel: FeedChannel): Promise<string[]> {
  const kids: string[] = [];
  for (const kid of await list(join(feedDir, FEED_FOLDERS.byKey)))
    if ((await list(join(feedDir, FEED_FOLDERS.byKey, kid))).includes(`${channel}.jws`)) kids.push(kid);
  return kids;
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** `6 d 23 h`, `5 h`. */
function daysAndHours(ms: number): string {
  const hours = Math.floor(ms / 3_600_000);
  return hours < 24 ? `${String(hours)} h` : `${String(Math.floor(hours / 24))} d ${String(hours % 24)} h`;
}
