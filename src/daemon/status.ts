import semver from 'semver';
import { keyIds } from '../bundle/trust-set.ts';
import type { Config } from '../config/index.ts';
import type {
  AttemptView,
  QuarantineView,
  Status,
  StoredVersionView,
  VersionView,
  WaitingView,
  WorkloadView,
} from '../control/api.ts';
import type { Embedded } from '../embedded.ts';
import { ERROR_CODES } from '../error-codes.ts';
import { UpdateError, type ErrorRecord } from '../errors.ts';
import { windowAt } from '../config/windows.ts';
import type { UpdateContext } from '../machines/update.types.ts';
import { versionFloor, type VersionFloor } from '../services/admission.ts';
import type {
  AttemptRecord,
  Ports,
  ProbeResult,
  QuarantineEntry,
  StoredVersion,
  WorkloadStatus,
} from '../services/ports.ts';
import type { StateName, VersionRef } from '../types.ts';
import { errorView, wentBackAsAsked, type Board, type TimedError } from './board.ts';

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
export function quarantineView({ digest, version, at, reason, evidence }: QuarantineEntry): QuarantineView {
  return { digest, version, at: iso(at), reason: errorView(reason), evidence };
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
}

const RESUME = '`core sidecar resume`';
const RETRY = '`core sidecar retry`';

/** What to do about a pause. */
function afterPause({ code }: ErrorRecord): string {
  if (code === 'UPDATES_PAUSED') return `Automatic updates are paused; ${RESUME} lets them go on.`;
  const { next } = ERROR_CODES[code];
  return next.includes(RESUME) ? next : `${next} Then ${RESUME}.`;
}

/** What to do about an update that waits. */
function whileWaiting(waiting: WaitingView | null, release: string | null): string {
  const name = release ?? 'the release';
  if (waiting === null) return `${name} is staged and about to be swapped in; nothing to do.`;
  if (waiting.for === 'approval')
    return `Approve ${name}: \`core sidecar approve${release === null ? '' : ` ${release}`}\`.`;
  return waiting.until === null
    ? `${name} waits for a maintenance window; nothing to do.`
    : `The window opens at ${waiting.until}; ${name} is swapped in then, nothing to do.`;
}

/** One sentence for the operator while an attempt is under way. */
function whileBusy({ state, context, board }: StatusSources): string {
  const to = context.plan?.to.version ?? context.release?.version ?? null;
  switch (state) {
    case 'recovering':
      return 'It starts up, and mends what was interrupted; nothing to do.';
    case 'waiting':
      return whileWaiting(board.waiting(), to);
    case 'rollingBack':
    case 'rolledBack':
      return `It goes back${context.plan === null ? '' : ` to ${context.plan.from.version}`}; nothing to do.`;
    default:
      return `An attempt is in ${state}; nothing to do.`;
  }
}

/** One sentence for the operator while nothing is under way. */
function whileIdle({ ports, config, context, board, disabled }: StatusSources): string {
  const { state, ref, lastExit } = ports.workload.status();
  if (state === 'crashed' || state === 'backingOff') {
    const back = ref?.origin === 'store' ? ', or go back by `core sidecar rollback`' : '';
    return `${ref?.version ?? 'The workload'} is down${lastExit === null ? '' : ` (${lastExit})`} and is started again by itself: read its log${back}.`;
  }
  if (disabled !== null) return `No updates: ${disabled}.`;
  if (context.paused !== null) return afterPause(context.paused);
  const { at, why } = board.nextCheck();
  if (at !== null) return `The next check is at ${iso(at)}.`;
  const byHand = config.update.bundlePath === null ? ' --bundle FILE' : '';
  return config.update.channel === 'manual'
    ? `No check by itself: ${why}; \`core sidecar update${byHand}\` installs a file.`
    : `No check by itself: ${why}.`;
}

/** One sentence for the operator: what happens next, or what to do. */
function nextAction(sources: StatusSources): string {
  const { state, context } = sources;
  if (state === 'idle') return whileIdle(sources);
  if (state !== 'failed') return whileBusy(sources);
  const error = context.ended?.error ?? context.paused;
  const next = error === null ? '' : ERROR_CODES[error.code].next;
  return next.includes(RETRY) ? next : `${next} Then ${RETRY}.`.trimStart();
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

function windowView(windows: Config['update']['windows'], now: number): Status['window'] {
  if (windows.length === 0) return null;
  const { open, opensAt, closesAt } = windowAt(windows, now);
  return { open, opens_at: isoOrNull(opensAt), closes_at: isoOrNull(closesAt) };
}

/** Builds `GET /v1/status`. */
export async function buildStatus(sources: StatusSources): Promise<Status> {
  const { ports, config, embedded, disabled, feedUrl, board, state, context } = sources;
  // A status must come whatever is broken: what cannot be read is a warning in it.
  const readable = async <T>(work: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      board.reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
      return otherwise;
    }
  };
  const [current, versions, quarantine, floor, history] = await Promise.all([
    readable(ports.store.current(), ports.store.baseline),
    readable(ports.store.list(), []),
    readable(ports.quarantine.list(), []),
    readable(versionFloor(ports), null),
    readable(ports.journal.history(HISTORY_LOOKED_AT), []),
  ]);
  const workload = ports.workload.status();
  const { at: nextCheckAt, why } = board.nextCheck();
  const ended = history.filter(({ outcome }) => outcome !== null);
  const [last] = ended;
  const held = board.heldBack();
  const lastError = board.lastError() ?? errorIn(ended);
  return {
    state,
    attempt: context.attempt?.id ?? null,
    from: context.plan?.from.version ?? (context.attempt === null ? null : current.version),
    to: context.plan?.to.version ?? context.release?.version ?? null,
    progress: board.progress(),
    channel: config.update.channel,
    feed_url: feedUrl,
    next_check_at: isoOrNull(nextCheckAt),
    next_check_why: why,
    next_action: nextAction(sources),
    last_error: lastError === null ? null : { ...errorView(lastError.error), at: iso(lastError.at) },
    held_back:
      held === null ? null : { version: held.version, reason: held.reason, until: isoOrNull(held.until) },
    waiting: board.waiting(),
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
    },
    warnings: [
      ...floorWarning(current, floor).map((error) => ({ ...errorView(error), at: iso(ports.clock.now()) })),
      ...board.warnings().map(({ error, at }) => ({ ...errorView(error), at: iso(at) })),
    ],
  };
}
