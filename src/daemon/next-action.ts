/**
 * What happens next, or what to type: the sentence that an operator reads at three in the morning. Pure.
 *
 * Invariant: where a person has to do something, the command is in it; else it says so.
 */
import type { Config } from '../config/index.ts';
import type { WaitingView } from '../control/api.ts';
import { ERROR_CODES } from '../error-codes.ts';
import type { ErrorRecord } from '../errors.ts';
import type { UpdateContext } from '../machines/update.types.ts';
import type { WorkloadStatus } from '../services/ports.ts';
import type { StateName } from '../types.ts';
import type { Board } from './board.ts';

/** What {@link nextAction} is told from. */
export interface NextActionSources {
  readonly state: StateName;
  readonly context: Pick<UpdateContext, 'plan' | 'release' | 'paused' | 'ended' | 'daemonFailed'>;
  readonly board: Pick<Board, 'nextCheck' | 'waiting' | 'heldBack'>;
  readonly config: { readonly update: Pick<Config['update'], 'channel' | 'bundlePath'> };
  readonly workload: WorkloadStatus;
  /** Why there are no updates on this host; null when there are. */
  readonly disabled: string | null;
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
  if (waiting.for === 'lease')
    return `${name} waits for a place in the fleet, which is asked for again by itself; the workload runs on, nothing to do.`;
  return waiting.until === null
    ? `${name} waits for a maintenance window; nothing to do.`
    : `The window opens at ${waiting.until}; ${name} is swapped in then, nothing to do.`;
}

/** One sentence for the operator while an attempt is under way: what clients meet meanwhile, and what becomes of it if it fails. */
function whileBusy({ state, context, board, workload }: NextActionSources): string {
  const to = context.plan?.to.version ?? context.release?.version ?? null;
  const from = context.plan?.from.version ?? workload.ref?.version ?? 'the version before';
  const name = to ?? 'the release';
  const back = `if it fails, ${from} comes back by itself`;
  switch (state) {
    case 'recovering':
      return 'It starts up, and mends what was interrupted; nothing to do.';
    case 'waiting':
      return whileWaiting(board.waiting(), to);
    case 'swapping':
      return `${from} is stopped and ${name} is started; ${back}: nothing to do.`;
    case 'overlapping':
      return `${from} serves on while ${name} is tried beside it; if it fails, no client met it: nothing to do.`;
    case 'draining':
      return `${name} is healthy and takes over while ${from} finishes what it has begun; ${back}: nothing to do.`;
    case 'probing':
      return `${name} runs and is watched until it is healthy; ${back}: nothing to do.`;
    case 'committed':
      return `${name} is healthy and is recorded as good; nothing to do.`;
    case 'handingOver':
      return `The daemon gives way to that of ${name}, and the workload is not touched; if it fails, this daemon comes back by itself: nothing to do.`;
    case 'rollingBack':
    case 'rolledBack':
      return context.daemonFailed
        ? `The daemon of ${name} failed and is put into quarantine; the workload was not touched, nothing to do.`
        : `It goes back${context.plan === null ? '' : ` to ${from}`}; nothing to do.`;
    default:
      return `The workload is not touched in ${state}; nothing to do.`;
  }
}

/** One sentence for the operator while nothing is under way. */
function whileIdle({ workload, config, context, board, disabled }: NextActionSources): string {
  const { state, ref, lastExit } = workload;
  if (state === 'crashed' || state === 'backingOff') {
    const back = ref?.origin === 'store' ? ', or go back by `core sidecar rollback`' : '';
    return `${ref?.version ?? 'The workload'} is down${lastExit === null ? '' : ` (${lastExit})`} and is started again by itself: read its log${back}.`;
  }
  if (disabled !== null) return `No updates: ${disabled}.`;
  if (context.paused !== null) return afterPause(context.paused);
  const { at, why } = board.nextCheck();
  const held = board.heldBack();
  if (at !== null)
    return `${held === null ? '' : `${held.version} is held back, nothing to do here. `}The next check is at ${new Date(at).toISOString()}.`;
  const byHand = config.update.bundlePath === null ? ' --bundle FILE' : '';
  return config.update.channel === 'manual'
    ? `No check by itself: ${why}; \`core sidecar update${byHand}\` installs a file.`
    : `No check by itself: ${why}.`;
}

/**
 * One sentence for the operator: what happens next, or what to type. `next_action` in the status.
 *
 * @param sources - the state, and what is known without asking the disk
 */
export function nextAction(sources: NextActionSources): string {
  const { state, context } = sources;
  if (state === 'idle') return whileIdle(sources);
  if (state !== 'failed') return whileBusy(sources);
  const error = context.ended?.error ?? context.paused;
  const next = error === null ? '' : ERROR_CODES[error.code].next;
  if (next === '') return `Run ${RETRY}.`;
  return next.includes(RETRY) ? next : `${next} Then ${RETRY}.`;
}
