/** The way to the newest release: keys change between releases, so an older updater must pass through those in between. */
import semver from 'semver';
import type { Head, HeadTarget } from './head.ts';

/** One release that a head names: its version and its targets. */
export interface NamedRelease {
  readonly version: string;
  readonly targets: HeadTarget[];
}

/** What a head offers to a host. */
export type NextRelease =
  | {
      /** `step` for a release on the way. */
      readonly kind: 'newest' | 'step';
      readonly release: NamedRelease;
    }
  /** The step runs as the workload, but the updater is still the one before: it has to be started again from it. */
  | { readonly kind: 'updaterTooOld'; readonly step: string };

/**
 * Which release of a head is the next one for a host: the lowest of its `steps` that this updater has not passed through, else
 * the newest.
 *
 * @param current - the version that runs
 * @param updater - the version of the program that holds the keys
 */
export function nextRelease(head: Head, current: string, updater: string): NextRelease {
  const missed = (head.steps ?? [])
    .filter(({ version }) => semver.lt(updater, version) && semver.lt(version, head.version))
    .sort((a, b) => semver.compare(a.version, b.version));
  const [step] = missed;
  if (step === undefined) return { kind: 'newest', release: head };
  if (semver.lte(step.version, current)) return { kind: 'updaterTooOld', step: step.version };
  return { kind: 'step', release: step };
}
