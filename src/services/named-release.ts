import { selectTarget } from '../bundle/head-document.ts';
import type { Head, HeadTarget } from '../bundle/head.ts';
import { nextRelease } from '../bundle/steps.ts';
import { UpdateError } from '../errors.ts';
import type { Release } from '../types.ts';
import type { Host } from './ports.ts';

/** A bundle as a head names it. */
export type HeadBundle = HeadTarget['bundles'][number];

/** A delta as a head names it. */
export type HeadDelta = HeadBundle & { readonly base: string };

/** The release that a head names for this host, and the bundles that bring it. */
export interface Named {
  readonly release: Release;
  /** The whole release. */
  readonly full: HeadBundle;
  readonly deltas: readonly HeadDelta[];
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
  const full = target?.bundles.find(({ base }) => base === undefined);
  if (target === undefined || full === undefined)
    throw new UpdateError(
      'NO_TARGET',
      `${version} on ${head.sub} has no bundle for ${platform.os}/${platform.arch}`,
    );
  return {
    release: { version, digest: target.release_digest },
    full,
    deltas: target.bundles.filter((bundle): bundle is HeadDelta => bundle.base !== undefined),
    isStep: next.kind === 'step',
  };
}
