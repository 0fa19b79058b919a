/**
 * The bake: a stable release must have stood on edge for seven days first. A stable head proves it by carrying the
 * complete edge head that first named its release, as it was published; nothing of it is looked up anywhere.
 *
 * Invariant: it fails closed. No bake, a bake that does not verify, or one for anything else vouches for nothing.
 */
import { UpdateError } from '../errors.ts';
import type { Platform } from '../types.ts';
import { HEAD_MAX_SKEW_MS, selectTarget, verifyHead } from './head-document.ts';
import type { Head } from './head.ts';
import type { TrustSet } from './trust.ts';

/** How long a release stands on edge before it may be stable: 7 days, in seconds. */
export const BAKE_S = 7 * 24 * 3600;

/** What a bake is judged against. */
export interface BakeRule {
  readonly trust: TrustSet;
  readonly product: string;
  /** The host's own platform: the release digest of its target is what must be the same. */
  readonly platform: Platform;
}

/**
 * Sees that a stable head's release baked: the edge head in it is signed by an edge head key of the trust set, of the same
 * product, names the same version and, for this platform, the same release digest, also of every step, and is at least
 * {@link BAKE_S} older. Its `exp` does not apply, and its key's `not_after` is judged at its `iat`. An edge head needs no bake.
 *
 * @param head - a verified head; the bake is that of the head as a whole, its newest release and its steps
 * @throws UpdateError `BAKE_MISSING`, `BAKE_INVALID`, `BAKE_TOO_SHORT` with the time that is left
 * @example
 * await requireBake(head, { trust, product: 'coresdk-sidecar', platform });
 */
export async function requireBake(head: Head, { trust, product, platform }: BakeRule): Promise<void> {
  if (head.sub === 'edge') return;
  const named = `${head.version} on ${head.sub}`;
  if (head.bake === undefined)
    throw new UpdateError(
      'BAKE_MISSING',
      `expected the head to carry the edge head that first named ${named}, found none`,
    );
  const edge = await readBake(head.bake, { trust, product }, named);
  if (edge.version !== head.version) throw invalid(`expected it to name ${named}, found ${edge.version}`);
  requireSameDigest(head, edge, platform);
  // A step that edge did not name may be any release that was ever signed.
  for (const step of head.steps ?? []) {
    const baked = edge.steps?.find(({ version }) => version === step.version);
    if (selectTarget(step, platform) !== undefined)
      requireSameDigest(step, baked ?? { ...step, targets: [] }, platform);
  }
  const baked = head.iat - edge.iat;
  if (baked < BAKE_S)
    throw new UpdateError(
      'BAKE_TOO_SHORT',
      `expected ${named} to have stood on edge for 7 days, found ${duration(baked)}: ${duration(BAKE_S - baked)} are left`,
    );
}

/**
 * The publisher's signed exception from the bake (and from the rollout), if the head holds a usable one. Whether it is honoured
 * is for the operator's configuration to say.
 *
 * @returns its reason; null when there is none, or when it is dated later than its head
 */
export function securityOverride({ security, iat }: Pick<Head, 'security' | 'iat'>): string | null {
  if (security === undefined || security.at * 1000 > iat * 1000 + HEAD_MAX_SKEW_MS) return null;
  return security.reason;
}

function requireSameDigest(
  stable: Pick<Head, 'version' | 'targets'>,
  edge: Pick<Head, 'targets'>,
  platform: Platform,
): void {
  const here = selectTarget(stable, platform)?.release_digest;
  const there = selectTarget(edge, platform)?.release_digest;
  if (here !== undefined && here === there) return;
  throw invalid(
    `expected the release digest ${shown(here)} of ${stable.version} for ${platform.os}/${platform.arch}, found ${shown(there)}`,
  );
}

async function readBake(
  bake: string,
  { trust, product }: Pick<BakeRule, 'trust' | 'product'>,
  named: string,
): Promise<Head> {
  try {
    return await verifyHead(Buffer.from(bake, 'utf8'), {
      trust,
      product,
      channel: 'edge',
      // Not looked at: an edge head that has ended since is as good a witness.
      now: 0,
      checkDates: false,
    });
  } catch (cause) {
    const { code, message } = UpdateError.from(cause);
    throw invalid(`expected one that vouches for ${named}, found ${message} (${code})`, cause);
  }
}

function invalid(message: string, cause?: unknown): UpdateError {
  return new UpdateError('BAKE_INVALID', `the edge head inside the stable head: ${message}`, { cause });
}

const shown = (digest: string | undefined): string => digest?.slice(0, 12) ?? 'none';

/** Seconds for people: days, hours and minutes. */
function duration(seconds: number): string {
  const minutes = Math.ceil(Math.abs(seconds) / 60);
  const parts = [
    [Math.floor(minutes / 1440), 'd'],
    [Math.floor(minutes / 60) % 24, 'h'],
    [minutes % 60, 'min'],
  ] as const;
  const words = parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${String(count)} ${unit}`]));
  return `${seconds < 0 ? '−' : ''}${words.length === 0 ? '0 min' : words.join(' ')}`;
}
