import semver from 'semver';
import { keyIds } from '../bundle/trust-set.ts';
import type { Config } from '../config/index.ts';
import type {
  AttemptView,
  QuarantineView,
  Status,
  StoredVersionView,
  VersionView,
  WorkloadView,
} from '../control/api.ts';
import type { Embedded } from '../embedded.ts';
import { UpdateError, type ErrorRecord } from '../errors.ts';
import { windowAt } from '../config/windows.ts';
import type { UpdateContext } from '../machines/update.types.ts';
import { versionFloor, type VersionFloor } from '../services/admission.ts';
import type {
  AttemptRecord,
  Ports,
  ProbeResult,
  QuarantineEntry,
  RunningDaemon,
  StoredVersion,
  SuccessionState,
  WorkloadStatus,
} from '../services/ports.ts';
import type { StateName, VersionRef } from '../types.ts';
import { errorView, wentBackAsAsked, type Board, type TimedError } from './board.ts';
import type { Fleet, FleetReport } from './fleet.ts';
import { nextAction } from './next-action.ts';

const iso = (at: number): string => new Date(at).toISOString();
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at));

const digestOf = (ref: VersionRef): string | null => (ref.origin === 'store' ? ref.digest : null);

/** A version for a reader. */
export function versionView(ref: VersionRef): VersionView {
  return { version: ref.version, digest: digestOf(ref) };
}

/** An attempt of the history for a reader. */
export function attemptView(record: AttemptRecord): AttemptView {
  return {
    id: record.id,
    trigger: record.trigger,
    started_at: iso(record.startedAt),
    ended_at: isoOrNull(record.endedAt),
    outcome: record.outcome,
    reason: record.reason,
    error: record.error === null ? null : errorView(record.error),
    from: record.from,
    to: record.to,
    digest: record.digest,
    steps: record.steps.map(({ state, at }) => ({ state, at: iso(at) })),
  };
}

/** The versions on disk for a reader. */
export function storedVersionViews(
  versions: readonly StoredVersion[],
  current: VersionRef,
): StoredVersionView[] {
  return versions.map(({ ref, mark, size }) => ({
    ...versionView(ref),
    committed_at: isoOrNull(mark?.at ?? null),
    current: digestOf(current) === ref.digest,
    size_bytes: size,
  }));
}

/** A release that failed here, for a reader. */
export function quarantineView(entry: QuarantineEntry): QuarantineView {
  const { digest, role = 'release', version, at, reason, evidence } = entry;
  return { digest, role, version, at: iso(at), reason: errorView(reason), evidence };
}

/** The workload for a reader. */
export function workloadView(status: WorkloadStatus): WorkloadView {
  return {
    state: status.state,
    version: status.ref?.version ?? null,
    pid: status.pid,
    started_at: isoOrNull(status.startedAt),
    restarts: status.restarts,
    last_exit: status.lastExit,
  };
}

const HISTORY_LOOKED_AT = 10;

/** The newest error of the history: what is known of it after a restart. */
function errorIn(ended: readonly AttemptRecord[]): TimedError | null {
  for (const { error, endedAt, trigger, outcome } of ended)
    if (error !== null && endedAt !== null && !wentBackAsAsked(trigger, outcome))
      return { error, at: endedAt };
  return null;
}

/** This host's part in a fleet, for a reader. */
function fleetView({ group, host, link, outbox, halts }: FleetReport): Status['fleet'] {
  return {
    group,
    host,
    link: link === null ? null : { ...link, since: iso(link.since) },
    outbox,
    halts: halts.map(({ payload: { release, iss, iat, reason } }) => ({
      version: release.version,
      by: iss,
      at: iso(iat * 1000),
      reason,
    })),
  };
}

/** What is read to make a status. */
export interface StatusSources {
  readonly ports: Ports;
  readonly config: Config;
  readonly embedded: Embedded;
  readonly disabled: string | null;
  readonly feedUrl: string | null;
  readonly board: Board;
  readonly lookAtHealth: () => Promise<ProbeResult>;
  readonly state: StateName;
  readonly context: UpdateContext;
  readonly fleet: Pick<Fleet, 'report'> | null;
}

/** A rollback may lead below the floor: legal, and said loudly for as long as it lasts. */
function floorWarning(current: VersionRef, floor: VersionFloor | null): ErrorRecord[] {
  if (floor === null || !semver.lt(current.version, floor.version)) return [];
  return [
    {
      code: 'BELOW_FLOOR',
      message: `${current.version} runs, which is below ${floor.version}, which ${floor.because}`,
    },
  ];
}

/** The daemon's own update, for a reader. */
function successionView(
  ref: RunningDaemon['ref'],
  state: SuccessionState,
  quarantine: readonly QuarantineEntry[],
): Pick<Status['updater'], 'from' | 'trial' | 'failed'> {
  const failed = quarantine.find(({ role }) => role === 'daemon');
  return {
    from: ref?.version ?? null,
    trial:
      state.kind === 'trial'
        ? {
            version: state.successor.ref.version,
            starts: state.starts,
            acknowledged: state.acknowledged,
          }
        : null,
    failed:
      failed === undefined
        ? null
        : { version: failed.version, at: iso(failed.at), ...errorView(failed.reason) },
  };
}

function windowView(windows: Config['update']['windows'], now: number): Status['window'] {
  if (windows.length === 0) return null;
  const { open, opensAt, closesAt } = windowAt(windows, now);
  return { open, opens_at: isoOrNull(opensAt), closes_at: isoOrNull(closesAt) };
}

function mirrorViews(feed: Ports['feed']): Pick<Status, 'mirrors'> {
  const mirrors = feed?.mirrors?.();
  if (mirrors === undefined) return {};
  return {
    mirrors: mirrors.map(({ url, failures, putBackUntil, fault }) => ({
      url,
      failures,
      put_back_until: isoOrNull(putBackUntil),
      fault: fault === null ? null : errorView(fault),
    })),
  };
}

/** Builds `GET /v1/status`. */
export async function buildStatus(sources: StatusSources): Promise<Status> {
  const { ports, config, embedded, disabled, feedUrl, board, state, context } = sources;
  // At the same instant as the state: what is read below takes a while.
  const waiting = board.waiting();
  const progress = board.progress();
  const since = board.since();
  // A status must come whatever is broken: what cannot be read is a warning in it.
  const readable = async <T>(work: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      board.reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
      return otherwise;
    }
  };
  const [current, versions, quarantine, floor, history, daemon, succession, fleet] = await Promise.all([
    readable(ports.store.current(), ports.store.baseline),
    readable(ports.store.list(), []),
    readable(ports.quarantine.list(), []),
    readable(versionFloor(ports), null),
    readable(ports.journal.history(HISTORY_LOOKED_AT), []),
    readable(ports.succession.origin(), null),
    readable(ports.succession.state(), { kind: 'none' } as const),
    readable(sources.fleet?.report() ?? Promise.resolve(null), null),
  ]);
  const workload = ports.workload.status();
  const { at: nextCheckAt, why } = board.nextCheck();
  const ended = history.filter(({ outcome }) => outcome !== null);
  const [last] = ended;
  const held = board.heldBack();
  const lastError = board.lastError() ?? errorIn(ended);
  return {
    state,
    ...(since === null ? {} : { state_since: iso(since) }),
    attempt: context.attempt?.id ?? null,
    from: context.plan?.from.version ?? (context.attempt === null ? null : current.version),
    to: context.plan?.to.version ?? context.release?.version ?? null,
    progress,
    channel: config.update.channel,
    feed_url: feedUrl,
    ...mirrorViews(ports.feed),
    next_check_at: isoOrNull(nextCheckAt),
    next_check_why: why,
    next_action: nextAction({ state, context, board, config, workload, disabled }),
    last_error: lastError === null ? null : { ...errorView(lastError.error), at: iso(lastError.at) },
    fleet: fleet === null ? null : fleetView(fleet),
    held_back:
      held === null ? null : { version: held.version, reason: held.reason, until: isoOrNull(held.until) },
    waiting,
    window: windowView(config.update.windows, ports.clock.now()),
    paused: context.paused === null ? null : errorView(context.paused),
    disabled,
    current: versionView(current),
    versions: storedVersionViews(versions, current),
    version_floor: floor,
    watching:
      context.watch === null
        ? null
        : { version: context.watch.version.version, back_to: context.watch.previous.version },
    quarantine: quarantine.map(quarantineView),
    workload: {
      ...workloadView(workload),
      health: workload.state === 'running' ? await sources.lookAtHealth() : null,
    },
    last_attempt: last === undefined ? null : attemptView(last),
    updater: {
      version: embedded.version,
      commit: embedded.commit,
      key_ids: keyIds(ports.host.trust),
      development_keys: ports.host.trust.development,
      ...successionView(daemon, succession, quarantine),
    },
    warnings: [
      ...floorWarning(current, floor).map((error) => ({ ...errorView(error), at: iso(ports.clock.now()) })),
      ...board.warnings().map(({ error, at }) => ({ ...errorView(error), at: iso(at) })),
    ],
  };
}
