/**
 * The program that was there before any update (of the image, or of the package) against the version that updates brought: which of
 * them runs after a start. Why the rules are these: `docs/decisions/0011-image-against-volume.md`.
 *
 * Invariants:
 * - The newer of the two runs.
 * - Where nothing is updated by itself (`manual`, switched off, Kubernetes), what was deployed runs, unless an operator applied a
 *   bundle over this very program.
 * - A program whose version nobody knows (`workload.binary`) never takes the place of a version that does have one.
 */
import semver from 'semver';
import { UpdateError } from '../errors.ts';
import type { Attempt, VersionRef } from '../types.ts';
import type { CommittedMark, Ports, StoredVersion } from './ports.ts';
import type { Settings } from './settings.ts';

/** What a program that is not ours is held to be before its first update: lower than every release. */
export const UNKNOWN_VERSION = '0.0.0-0';

type Policy = Pick<Settings, 'channel' | 'disabled'>;

/**
 * What a mark says of an explicit act: that an operator gave the bundle, over which program. Empty for what came by itself. On
 * `manual` even a bare `update` takes a file.
 */
export function appliedOver(
  { trigger }: Attempt,
  { channel }: Pick<Settings, 'channel'>,
  baseline: VersionRef,
): Pick<CommittedMark, 'appliedOver'> {
  const explicit = trigger === 'bundle' || (trigger === 'update' && channel === 'manual');
  return explicit ? { appliedOver: baseline.version } : {};
}

/** Whether a program's version says anything: not that of one that is not ours, nor of one that runs from its sources. */
function isKnown({ version }: VersionRef): boolean {
  return semver.valid(version) !== null && semver.gte(version, '0.0.0');
}

/** Whether the program that was there before any update is at least as new as a version. */
export function isAsNew(baseline: VersionRef, version: VersionRef): boolean {
  return isKnown(baseline) && semver.gte(baseline.version, version.version);
}

/** Over which program an operator applied a version that is on disk; undefined when it came by itself. */
export function overOf(version: VersionRef, versions: readonly StoredVersion[]): string | undefined {
  if (version.origin === 'baseline') return undefined;
  return versions.find(({ ref }) => ref.digest === version.digest)?.mark?.appliedOver;
}

/**
 * Why the program that was there before any update runs instead of a version; null when the version does.
 *
 * @param over - the version of the baseline over which an operator applied it, if one did
 */
export function whyBaseline(
  baseline: VersionRef,
  version: VersionRef,
  over: string | undefined,
  { channel, disabled }: Policy,
): string | null {
  if (version.origin === 'baseline' || !isKnown(baseline)) return null;
  const program = `the program of this image or package, ${baseline.version},`;
  if (semver.gt(baseline.version, version.version)) return `${program} is newer than ${version.version}`;
  const why = disabled ?? (channel === 'manual' ? 'the channel is manual' : null);
  if (why === null || over === baseline.version) return null;
  return `${program} runs instead of ${version.version}, which no operator applied over it (${why})`;
}

/**
 * Says that the program of the image or package takes the place of a version: in the history, and as a warning. Nothing that fails
 * here keeps the workload from its start.
 */
export async function tellOfBaseline(
  { ids, journal, reporter, store }: Pick<Ports, 'ids' | 'journal' | 'reporter' | 'store'>,
  from: VersionRef,
  reason: string,
): Promise<void> {
  const attempt: Attempt = { id: ids.next(), trigger: 'recovery', mode: 'apply' };
  reporter.report({ kind: 'warning', error: { code: 'BASELINE_PREFERRED', message: reason } });
  try {
    await journal.enter(attempt, 'recovering', {});
    await journal.close({
      attempt,
      outcome: 'committed',
      reason,
      error: null,
      stage: 'recovering',
      from,
      to: store.baseline,
    });
  } catch (error) {
    reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
  }
}
