/**
 * The one way by which heads come into a feed.
 *
 * Invariants:
 * - At every instant each head that a client can read is whole, by rename: first the archive, then the copies by key, and the
 *   head that every client reads last.
 * - `(epoch, seq)` only grows, and no two heads of a channel ever share a place, wherever an earlier run was interrupted and
 *   whichever key signed them. The newest key's head has the highest place, so that a client which learns a newer key never
 *   finds an older head.
 * - No head appears that clients with this trust set would refuse by itself.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { headSchema, type Head } from '../bundle/head.ts';
import { verifyHead, type HeadDocument } from '../bundle/head-document.ts';
import { JWS_TYPES } from '../bundle/jws.ts';
import { firstIssue } from '../bundle/quote.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import { writeAtomically } from './atomic-write.ts';
import { archiveHead, lastArchived, setUnusedAside } from './edge-archive.ts';
import { readChannel, type ChannelHeads } from './feed-heads.ts';
import { comparePlaces, headPath, keyHeadPath, type Place } from './feed-layout.ts';
import { sameOffer, withoutGroups, type HeadBody } from './head-body.ts';
import {
  DEFAULT_EXP_DAYS,
  requireNumbers,
  requireProgress,
  requireSigners,
  type HeadOptions,
  type LeftHead,
  type Published,
} from './head-options.ts';
import type { Signer } from './signer.ts';

const DAY_S = 24 * 3600;

/** Decides what the next heads say, once what is there is known: what it returns gives the body for a key. */
export type HeadPlan = (
  before: ChannelHeads,
) => Promise<(kid: string, rank: number) => HeadBody> | ((kid: string, rank: number) => HeadBody);

/**
 * Makes the next heads of a channel, one a key, and writes them. Changes nothing when the feed says all of it already. Let only
 * one run at a time write a feed.
 *
 * @param plan - judges and prepares (bundles first); nothing is written by this function before it returns
 * @throws UpdateError `PUBLISH_REFUSED` when the heads would not be right, `JWS_KEY_NOT_ALLOWED` and `JWS_KEY_UNKNOWN` when
 * clients would not accept a signer's heads, `WRITE_FAILED`, `SIGNING_FAILED`, and what `plan` rejects with
 */
export async function writeHead(options: HeadOptions, plan: HeadPlan): Promise<Published> {
  try {
    return await write(options, plan, options.now ?? Date.now());
  } catch (error) {
    throw UpdateError.from(error, 'WRITE_FAILED', `the feed ${options.feedDir} cannot be written`);
  }
}

async function write(options: HeadOptions, plan: HeadPlan, now: number): Promise<Published> {
  const { feedDir, channel, trust, epoch } = options;
  const signers = [options.signer, ...(options.olderSigners ?? [])];
  // Everything is judged before anything is written; first, whether clients accept these signers' heads at all.
  requireSigners(signers, options, now);
  requireNumbers(options);
  const before = await readChannel({ feedDir, channel, trust, now, lenient: epoch !== undefined });
  requireProgress(before, options, now);

  const bodyFor = await plan(before);
  const wanted = signers.map(({ kid }, rank) => {
    const body = bodyFor(kid, rank);
    return { kid, body: rank === 0 ? body : withoutGroups(body) };
  });
  const standing = options.refresh === true ? null : standingHeads(before, wanted, options);
  const documents = standing ?? (await signHeads(signers, wanted, before, options, now));
  await place(documents, before, options);

  const [newest] = documents;
  if (newest === undefined) throw new UpdateError('INTERNAL', 'expected a head, found none');
  const path = headPath(feedDir, channel);
  return {
    head: newest.head,
    changed: standing === null,
    path,
    left: leftHeads(before, signers, options, now),
  };
}

/** A head for a key. */
interface KeyHead extends HeadDocument {
  readonly kid: string;
}

interface Wanted {
  readonly kid: string;
  readonly body: HeadBody;
}

/** The heads that are there, if they say all of it, in the right order; else null. */
function standingHeads(
  before: ChannelHeads,
  wanted: readonly Wanted[],
  { issuer, epoch }: HeadOptions,
): KeyHead[] | null {
  const { newest } = before;
  if (newest === null || (epoch ?? 0) > newest.head.epoch) return null;
  const standing: KeyHead[] = [];
  let last: Place | null = null;
  for (const { kid, body } of wanted) {
    const document = before.byKid.get(kid);
    if (document === undefined || !sameOffer(document.head, body)) return null;
    if (issuer !== undefined && issuer !== document.head.iss) return null;
    const order = comparePlaces(document.head, last ?? newest.head);
    if (last === null ? order !== 0 : order >= 0) return null;
    last = document.head;
    standing.push({ ...document, kid });
  }
  return standing;
}

async function signHeads(
  signers: readonly Signer[],
  wanted: readonly Wanted[],
  before: ChannelHeads,
  options: HeadOptions,
  now: number,
): Promise<KeyHead[]> {
  const first = await nextPlace(before, options);
  const iat = Math.floor(now / 1000);
  const { channel, trust } = options;
  const made: KeyHead[] = [];
  for (const [rank, signer] of signers.entries()) {
    const body = wanted[rank]?.body;
    if (body === undefined) throw new UpdateError('INTERNAL', 'expected a body for each key, found none');
    const claims: Head = {
      iss: options.issuer ?? before.newest?.head.iss ?? trust.product,
      aud: trust.product,
      sub: channel,
      iat,
      nbf: iat,
      exp: iat + Math.floor((options.expDays ?? DEFAULT_EXP_DAYS) * DAY_S),
      jti: randomUUID(),
      epoch: first.epoch,
      // The oldest key has the lowest.
      seq: first.seq + signers.length - 1 - rank,
      ...body,
    };
    made.push({ ...(await sign(claims, signer, options, now)), kid: signer.kid });
  }
  return made;
}

async function sign(
  claims: Head,
  signer: Signer,
  { channel, trust }: HeadOptions,
  now: number,
): Promise<HeadDocument> {
  const parsed = headSchema.safeParse(claims);
  if (!parsed.success) throw refused(`head: ${firstIssue(parsed.error)}`, parsed.error);
  const payload = Buffer.from(JSON.stringify(parsed.data));
  const bytes = Buffer.from(await signer.signSmall(payload, JWS_TYPES.head), 'latin1');
  // A head that clients would refuse must not appear.
  const head = await verifyHead(bytes, { trust, channel, product: trust.product, now });
  return { head, bytes };
}

/** The next place after everything that was ever written on the channel. */
async function nextPlace(before: ChannelHeads, { feedDir, channel, epoch }: HeadOptions): Promise<Place> {
  const places = [
    before.newest?.head ?? null,
    channel === 'edge' ? await lastArchived(feedDir) : null,
  ].filter((it) => it !== null);
  const last = places.toSorted(comparePlaces).at(-1);
  if (epoch !== undefined && last !== undefined && epoch < last.epoch)
    throw refused(`expected an epoch of at least ${String(last.epoch)}, found ${String(epoch)}`);
  if (epoch !== undefined && epoch > (last?.epoch ?? 0)) return { epoch, seq: 0 };
  return last === undefined ? { epoch: 0, seq: 1 } : { epoch: last.epoch, seq: last.seq + 1 };
}

/** Writes what clients read: the head for the oldest key first, the one for everybody last. */
async function place(
  documents: readonly KeyHead[],
  before: ChannelHeads,
  { feedDir, channel }: HeadOptions,
): Promise<void> {
  if (channel === 'edge') {
    // Without a live head that verifies, nobody knows which of them were live: they are kept.
    if (!before.passedOver) await setUnusedAside(feedDir, before.newest?.head ?? null);
    for (const document of [before.main, ...before.byKid.values(), ...documents.toReversed()])
      if (document !== null) await archiveHead(feedDir, document);
  }
  for (const { kid, bytes } of documents.toReversed())
    await writeFileOnce(keyHeadPath(feedDir, kid, channel), bytes);
  const [newest] = documents;
  if (newest !== undefined) await writeFileOnce(headPath(feedDir, channel), newest.bytes);
}

async function writeFileOnce(path: string, bytes: Uint8Array): Promise<void> {
  try {
    if ((await readFile(path)).equals(bytes)) return;
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, (file) => file.writeFile(bytes));
}

function leftHeads(
  before: ChannelHeads,
  signers: readonly Signer[],
  { feedDir, channel }: HeadOptions,
  now: number,
): LeftHead[] {
  return [...before.byKid]
    .filter(([kid, { head }]) => head.exp * 1000 > now && !signers.some((signer) => signer.kid === kid))
    .map(([kid, { head }]) => ({
      kid,
      path: keyHeadPath(feedDir, kid, channel),
      expires: head.exp * 1000,
    }));
}

function refused(message: string, cause?: unknown): UpdateError {
  return new UpdateError('PUBLISH_REFUSED', message, { cause });
}
