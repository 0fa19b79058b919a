import { selectTarget } from '../bundle/head-document.ts';
import type { Head, HeadTarget } from '../bundle/head.ts';
import { nextRelease } from '../bundle/steps.ts';
import { UpdateError } from '../errors.ts';
import type { Release } from '../types.ts';
import type { Host } from './ports.ts';

/** The release that a head names for this host, and the bundle that brings it. */
export interface Named {
  readonly release: Release;
  readonly bundle: HeadTarget['bundles'][number];
  /** True for a release on the way to the newest. */
  readonly isStep: boolean;
}

/**
 * The release that a head names for this host: the newest, or the step that an updater as old as this one must pass through first.
 *
 * @param current - the version that runs
 * @throws UpdateError `NO_TARGET` when it is not built for this platform; `UPDATER_TOO_OLD` when the step is installed, but the
 * updater is still the program before it
 */
export function namedRelease(
  head: Head,
  { platform, updaterVersion }: Pick<Host, 'platform' | 'updaterVersion'>,
  current: string,
): Named {
  const next = nextRelease(head, current, updaterVersion);
  if (next.kind === 'updaterTooOld')
    throw new UpdateError(
      'UPDATER_TOO_OLD',
      `expected an updater of version ${next.step} or later for ${head.version} on ${head.sub}, found ${updaterVersion}; start the daemon again from ${next.step}`,
    );
  const { version, targets } = next.release;
  const target = selectTarget({ targets }, platform);
  const bundle = target?.bundles[0];
  if (target === undefined || bundle === undefined)
    throw new UpdateError(
      'NO_TARGET',
      `${version} on ${head.sub} has no bundle for ${platform.os}/${platform.arch}`,
    );
  return {
    release: { version, digest: target.release_digest },
    bundle,
    isStep: next.kind === 'step',
  };
}
