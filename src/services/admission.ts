/**
 * Whether a release may be installed here. Asked three times: by `check` before anything is fetched, by `verify` once the
 * manifest is known, and by `gate` right before the swap.
 *
 * Invariant: the version floor is derived from what is on disk and signed (marks, stored heads), never from the journal.
 */
import semver from 'semver';
import type { ErrorRecord } from '../errors.ts';
import type { Release } from '../types.ts';
import { storedHead } from './heads.ts';
import type { Ports } from './ports.ts';

type Needs = Pick<Ports, 'store' | 'heads' | 'host' | 'clock' | 'reporter' | 'quarantine'>;

/** The lowest version that an update may bring, and where that comes from. */
export interface VersionFloor {
  readonly version: string;
  readonly because: string;
}

/** The version floor: the newest committed and watched version, and never under any accepted head's `min_version`. */
export async function versionFloor(ports: Needs): Promise<VersionFloor | null> {
  const floors: VersionFloor[] = [];
  for (const { ref, mark } of await ports.store.list())
    if (mark?.watched === true) floors.push({ version: ref.version, because: 'was committed here' });
  for (const channel of ['stable', 'edge'] as const) {
    const minimum = (await storedHead(ports, channel, 'any'))?.head.min_version;
    if (minimum !== undefined)
      floors.push({ version: minimum, because: `is the ${channel} head’s min_version` });
  }
  return floors.sort((a, b) => semver.rcompare(a.version, b.version))[0] ?? null;
}

/**
 * Judges a release.
 *
 * @returns null when it may be installed, else the reason
 */
export async function objection(ports: Needs, release: Release): Promise<ErrorRecord | null> {
  const current = await ports.store.current();
  if (semver.lte(release.version, current.version))
    return {
      code: 'VERSION_TOO_LOW',
      message: `expected a version above the current ${current.version}, found ${release.version}`,
    };
  for (const channel of ['stable', 'edge'] as const) {
    const head = (await storedHead(ports, channel, 'any'))?.head;
    if (head?.blocked?.includes(release.version) === true)
      return { code: 'VERSION_BLOCKED', message: `${release.version} is blocked by the ${channel} head` };
  }
  const floor = await versionFloor(ports);
  if (floor !== null && semver.lt(release.version, floor.version))
    return {
      code: 'VERSION_TOO_LOW',
      message: `expected at least ${floor.version}, which ${floor.because}; found ${release.version}`,
    };
  // To install them would replace the version that the floor comes from.
  const committed = (await ports.store.list()).find(
    ({ ref, mark }) => mark?.watched === true && ref.version === release.version,
  );
  if (committed !== undefined && committed.ref.digest !== release.digest)
    return {
      code: 'VERSION_TOO_LOW',
      message: `expected a version other than ${release.version}, of which other files were committed here (${committed.ref.digest.slice(0, 12)}); found ${release.digest.slice(0, 12)}`,
    };
  const quarantined = await ports.quarantine.get(release.digest);
  if (quarantined !== null)
    return {
      code: 'RELEASE_QUARANTINED',
      message: `${release.version} failed here on ${new Date(quarantined.at).toISOString()}: ${quarantined.reason.message}`,
    };
  return null;
}
