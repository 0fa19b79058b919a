/** Which edge heads vouch for a release that goes to stable; how clients judge them is in `bundle/bake.ts`. */
import { BAKE_S } from '../bundle/bake.ts';
import type { HeadDocument } from '../bundle/head-document.ts';
import { parseJwsHeader } from '../bundle/jws.ts';
import { comparePlaces } from './feed-layout.ts';
import type { HeadBody } from './head-body.ts';
import { platformName } from './inspect.ts';

/** What a bake must vouch for. */
export type Baked = Pick<HeadBody, 'version' | 'targets' | 'steps'>;

/**
 * Whether an edge head vouches for a release: the same version, and for each platform, and each step on the way, the same
 * release digest. Its bundles may be others: a delta may be made later.
 */
export function vouchesFor({ head }: HeadDocument, release: Baked): boolean {
  if (head.version !== release.version || !covers(head.targets, release.targets)) return false;
  return (release.steps ?? []).every((step) =>
    (head.steps ?? []).some(
      ({ version, targets }) => version === step.version && covers(targets, step.targets),
    ),
  );
}

/**
 * The heads that first named a release, one a key that signed edge heads, the newest key's first.
 *
 * @param heads - all edge heads that were live
 */
export function firstToName(heads: readonly HeadDocument[], release: Baked): HeadDocument[] {
  const byKid = Map.groupBy(
    heads.filter((document) => vouchesFor(document, release)),
    ({ bytes }) => parseJwsHeader(Buffer.from(bytes).toString('latin1').split('.', 1)[0] ?? '').kid,
  );
  return [...byKid.values()]
    .map((documents) => documents.toSorted((a, b) => comparePlaces(a.head, b.head)))
    .sort((a, b) => comparePlaces(lastOf(b), lastOf(a)))
    .flatMap(([first]) => first ?? []);
}

/** Seconds that a release must still bake on edge; 0 or less when it is done. */
export function bakeLeft({ head }: HeadDocument, now: number): number {
  return head.iat + BAKE_S - Math.floor(now / 1000);
}

function lastOf(documents: readonly HeadDocument[]): { epoch: number; seq: number } {
  return documents.at(-1)?.head ?? { epoch: 0, seq: 0 };
}

function covers(have: HeadBody['targets'], want: HeadBody['targets']): boolean {
  return want.every((target) =>
    have.some(
      (it) => platformName(it) === platformName(target) && it.release_digest === target.release_digest,
    ),
  );
}
