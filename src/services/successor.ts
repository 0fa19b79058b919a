/**
 * Whether a release brings a daemon that is to take the place of the one that runs.
 *
 * Invariants:
 * - A daemon never takes an older one's place by itself: who wants an older daemon installs it.
 * - A daemon that failed here is not tried again, whatever release carries it.
 */
import semver from 'semver';
import type { ErrorRecord } from '../errors.ts';
import type { Successor } from '../types.ts';
import type { Ports } from './ports.ts';

type Needs = Pick<Ports, 'store' | 'succession' | 'quarantine'>;

/** What a release in the version store holds for the daemon. */
export interface DaemonIn {
  /** The daemon that is to take this one's place; null: none is. */
  readonly successor: Successor | null;
  /** Whether the release carries a workload. */
  readonly workload: boolean;
  /** Whether its daemon is the very one that runs. */
  readonly runs: boolean;
  /** Why its daemon stays where it is; null where it carries none, or runs already, or is to take over. */
  readonly objection: ErrorRecord | null;
}

/**
 * Judges the daemon in a release.
 *
 * @param ref - a complete version in the store
 * @throws UpdateError `VERSION_NOT_FOUND`, `STATE_DIR_UNUSABLE`
 */
export async function daemonIn(
  { store, succession, quarantine }: Needs,
  ref: Successor['ref'],
): Promise<DaemonIn> {
  const daemon = await store.daemon(ref);
  if (daemon === null) return { successor: null, workload: true, runs: false, objection: null };
  const { workload, sha256 } = daemon;
  const running = await succession.running();
  const runs = running.sha256 === sha256;
  const stays = (objection: ErrorRecord | null): DaemonIn => ({ successor: null, workload, runs, objection });
  if (runs) return stays(null);
  if (running.sha256 === null)
    return stays({
      code: 'HANDOVER_FAILED',
      message: `expected a daemon that can replace itself by that of ${ref.version}, found one that cannot (from source, or on Kubernetes)`,
    });
  if (semver.valid(running.version) !== null && semver.lte(ref.version, running.version))
    return stays({
      code: 'VERSION_TOO_LOW',
      message: `expected a daemon above ${running.version}, which runs; found that of ${ref.version}`,
    });
  const failed = await quarantine.get(sha256);
  if (failed !== null)
    return stays({
      code: 'RELEASE_QUARANTINED',
      message: `the daemon of ${ref.version} failed here on ${new Date(failed.at).toISOString()}: ${failed.reason.message}`,
    });
  return { successor: { ref, sha256 }, workload, runs, objection: null };
}
