/**
 * Reading of channel heads: signature first, then strict JSON, then shape, then meaning (RFC 7519 section 7.2).
 */
import { UpdateError } from '../errors.ts';
import type { FeedChannel, Platform } from '../types.ts';
import { HEAD_MAX_BYTES, headSchema, type Head, type HeadTarget } from './head.ts';
import { checkNotAfter, JWS_TYPES, verifySmall } from './jws.ts';
import { firstIssue, quote } from './quote.ts';
import { parseStrictJson } from './strict-json.ts';
import type { TrustSet } from './trust.ts';

/** How far a head may be dated ahead of this host's clock, ms. */
export const HEAD_MAX_SKEW_MS = 5 * 60 * 1000;

/** What a head is verified against. */
export interface HeadRule {
  readonly trust: TrustSet;
  readonly channel: FeedChannel;
  readonly product: string;
  /** The host's time, ms since 1970. */
  readonly now: number;
  /**
   * False for a head that was accepted before and is read back: it counts as the floor even when it has expired or when
   * the clock was set back. The key's `not_after` is then judged at the head's `iat`. True unless told.
   */
  readonly checkDates?: boolean;
}

/** A verified head together with the bytes that it came as. */
export interface HeadDocument {
  readonly head: Head;
  readonly bytes: Uint8Array;
}

/**
 * Verifies a channel head.
 *
 * @param bytes - the document as it came
 * @throws UpdateError what {@link verifySmall} throws, `JSON_INVALID`, `HEAD_INVALID`, `HEAD_WRONG_CHANNEL`,
 * `HEAD_EXPIRED`, `HEAD_FROM_FUTURE`
 * @example
 * const head = await verifyHead(bytes, { trust, channel: 'stable', product: 'coresdk-sidecar', now: Date.now() });
 */
export async function verifyHead(bytes: Uint8Array, rule: HeadRule): Promise<Head> {
  const checkDates = rule.checkDates ?? true;
  const { payload, key } = await verifySmall(bytes, {
    trust: rule.trust,
    typ: JWS_TYPES.head,
    use: 'head',
    audience: rule.channel,
    maxBytes: HEAD_MAX_BYTES[rule.channel],
    now: checkDates ? rule.now : undefined,
  });
  const parsed = headSchema.safeParse(parseStrictJson(payload, 'the head'));
  if (!parsed.success)
    throw new UpdateError('HEAD_INVALID', `head: ${firstIssue(parsed.error)}`, { cause: parsed.error });
  const head = parsed.data;
  if (head.sub !== rule.channel)
    throw new UpdateError(
      'HEAD_WRONG_CHANNEL',
      `expected a head of channel ${rule.channel}, found ${head.sub}`,
    );
  if (head.aud !== rule.product)
    throw new UpdateError(
      'HEAD_WRONG_CHANNEL',
      `expected a head of ${rule.product}, found ${quote(head.aud)}`,
    );
  if (checkDates) judgeDates(head, rule.now);
  else checkNotAfter(key, head.iat * 1000);
  return head;
}

function judgeDates(head: Head, now: number): void {
  const date = (seconds: number): string => new Date(seconds * 1000).toISOString();
  const here = new Date(now).toISOString();
  const starts = Math.max(head.iat, head.nbf);
  if (starts * 1000 > now + HEAD_MAX_SKEW_MS)
    throw new UpdateError(
      'HEAD_FROM_FUTURE',
      `the head starts at ${date(starts)}, this host’s time is ${here}`,
    );
  if (now >= head.exp * 1000)
    throw new UpdateError(
      'HEAD_EXPIRED',
      `the head expired at ${date(head.exp)}, this host’s time is ${here}`,
    );
}

/** How a head that came stands to the one that was accepted last. */
export type HeadOrder = 'newer' | 'same' | 'stale' | 'equivocation';

/** The claims as they were signed. While keys rotate, each key signs them for the clients that know it. */
const signedClaims = ({ bytes }: HeadDocument): string => {
  const text = Buffer.from(bytes).toString('latin1');
  return text.split('.')[1] ?? text;
};

/**
 * Compares a head that came with the accepted one: by `epoch`, then by `seq`, then by the bytes of the claims. Both must be
 * verified, and of one channel. `epoch` is what recovers from a stolen key that signed the highest `seq`: the key is retired, and
 * the next head starts the next epoch.
 *
 * @returns `equivocation` when the place is the same but the claims are not: the publisher, or who holds its key, signed two
 */
export function compareHeads(accepted: HeadDocument, candidate: HeadDocument): HeadOrder {
  const by = candidate.head.epoch - accepted.head.epoch || candidate.head.seq - accepted.head.seq;
  if (by !== 0) return by > 0 ? 'newer' : 'stale';
  return signedClaims(accepted) === signedClaims(candidate) ? 'same' : 'equivocation';
}

/**
 * The target of a head for a platform. A target without `libc` fits any; one that names this host's is preferred.
 */
export function selectTarget(head: Pick<Head, 'targets'>, platform: Platform): HeadTarget | undefined {
  const fits = head.targets.filter(({ os, arch }) => os === platform.os && arch === platform.arch);
  return (
    fits.find(({ libc }) => libc !== undefined && libc === platform.libc) ??
    fits.find(({ libc }) => libc === undefined)
  );
}
