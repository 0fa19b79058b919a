/**
 * Which of a release's bundles is fetched: the smallest that can be used here.
 *
 * Invariant: a delta is only a shorter way. It is never waited for, and wherever there is one, the full bundle stands behind it
 * unless its own bytes were refused.
 */
import type { ErrorRecord } from '../errors.ts';
import type { Attempt, BundleSource, Release } from '../types.ts';
import type { HeadBundle, Named } from './named-release.ts';
import type { Ports, Refusal } from './ports.ts';
import type { Settings } from './settings.ts';

type Needs = Pick<Ports, 'journal' | 'clock' | 'store'>;
type Policy = Pick<Settings, 'checkIntervalMs'>;

/** A bundle in a feed. */
export type FeedSource = Extract<BundleSource, { kind: 'feed' }>;

/** The bundle to fetch; or why there is none. */
export type Choice =
  | { readonly source: FeedSource; readonly full: FeedSource | undefined; readonly refused: null }
  | { readonly refused: ErrorRecord };

const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Until when refused bytes are not fetched again: twice as long after each refusal, a week at most. */
const heldUntil = ({ at, count }: Refusal, intervalMs: number): number =>
  at + Math.min(WEEK_MS, intervalMs * 2 ** Math.min(count, 20));

const feedSource = ({ path, size, sha256 }: HeadBundle, base?: Release): FeedSource => ({
  kind: 'feed',
  path,
  size,
  sha256,
  ...(base === undefined ? {} : { base }),
});

/**
 * Chooses the bundle that brings a release: the full one, or a smaller delta whose base is a complete version here. Bytes that
 * were refused before wait; for the full bundle an operator's own check does not.
 *
 * @param named - what the head names for this host
 * @returns `full` is what is taken when the delta cannot be used
 */
export async function chooseBundle(
  ports: Needs,
  { checkIntervalMs }: Policy,
  { trigger }: Pick<Attempt, 'trigger'>,
  { release, full, deltas }: Named,
): Promise<Choice> {
  const held = async ({ sha256 }: HeadBundle): Promise<{ refusal: Refusal; until: number } | null> => {
    const refusal = await ports.journal.refusal(sha256);
    if (refusal === null) return null;
    const until = heldUntil(refusal, checkIntervalMs);
    return ports.clock.now() < until ? { refusal, until } : null;
  };
  const fullHeld = trigger === 'schedule' ? await held(full) : null;
  const whole = fullHeld === null ? feedSource(full) : undefined;

  const here = new Map((await ports.store.list()).map(({ ref }) => [ref.digest, ref.version]));
  const limit = fullHeld === null ? full.size : Infinity;
  for (const delta of deltas.toSorted((a, b) => a.size - b.size)) {
    const version = here.get(delta.base);
    if (version === undefined || delta.size >= limit || (await held(delta)) !== null) continue;
    return { source: feedSource(delta, { version, digest: delta.base }), full: whole, refused: null };
  }
  if (fullHeld === null) return { source: feedSource(full), full: undefined, refused: null };
  const { code } = fullHeld.refusal;
  const until = new Date(fullHeld.until).toISOString();
  return {
    refused: {
      code,
      message: `the bundle of ${release.version} was refused (${code}); the same bytes are fetched again after ${until}`,
    },
  };
}
