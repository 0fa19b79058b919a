/** Which releases an operator means. Pure. */
import { UpdateError } from '../errors.ts';
import type { Release } from '../types.ts';
import type { FleetFacts } from './view.ts';

const DIGEST_PREFIX = /^[0-9a-f]{8,64}$/;

/** Every release that a fleet knows of: hosts run it, spoke of it or are on their way to it, or somebody ordered something about it. */
export function knownReleases({ hosts, outcomes, orders }: FleetFacts): Release[] {
  const known = new Map<string, Release>();
  const add = (version: string | null, digest: string | null | undefined): void => {
    if (version !== null && typeof digest === 'string') known.set(digest, { version, digest });
  };
  for (const { value } of hosts) {
    add(value.workload.version, value.workload.digest);
    add(value.target?.version ?? null, value.target?.digest);
  }
  for (const { value } of outcomes) add(value.to, value.digest);
  for (const { release } of orders) add(release.version, release.digest);
  return [...known.values()];
}

/**
 * The releases that are meant: all builds of a version, or the one build with a digest.
 *
 * @param text - a version; a release digest, or at least 8 digits of its beginning; or `VERSION@DIGEST` for one that nobody has spoken of
 * @throws UpdateError `USAGE`
 */
export function namedReleases(facts: FleetFacts, text: string): [Release, ...Release[]] {
  const [version = '', digest = ''] = text.split('@');
  if (version !== '' && /^[0-9a-f]{64}$/.test(digest)) return [{ version, digest }];
  const known = knownReleases(facts);
  const byVersion = known.filter((release) => release.version === text);
  const found =
    byVersion.length > 0 || !DIGEST_PREFIX.test(text)
      ? byVersion
      : known.filter((release) => release.digest.startsWith(text));
  const [first, ...rest] = found;
  if (first === undefined)
    throw new UpdateError(
      'USAGE',
      `expected a release that the fleet has spoken of, found ${text}; give VERSION@DIGEST for another`,
    );
  if (byVersion.length === 0 && rest.length > 0)
    throw new UpdateError(
      'USAGE',
      `expected the beginning of one digest, found ${text}, with which more begin`,
    );
  return [first, ...rest];
}
