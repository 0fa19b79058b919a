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
  readonly context: Pick<UpdateContext, 'plan' | 'release' | 'paused' | 'ended'>;
  readonly board: Pick<Board, 'nextCheck' | 'waiting'>;
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
  return waiting.until === null
    ? `${name} waits for a maintenance window; nothing to do.`
    : `The window opens at ${waiting.until}; ${name} is swapped in then, nothing to do.`;
}

/** One sentence for the operator while an attempt is under way. */
function whileBusy({ state, context, board }: NextActionSources): string {
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
function whileIdle({ workload, config, context, board, disabled }: NextActionSources): string {
  const { state, ref, lastExit } = workload;
  if (state === 'crashed' || state === 'backingOff') {
    const back = ref?.origin === 'store' ? ', or go back by `core sidecar rollback`' : '';
    return `${ref?.version ?? 'The workload'} is down${lastExit === null ? '' : ` (${lastExit})`} and is started again by itself: read its log${back}.`;
  }
  if (disabled !== null) return `No updates: ${disabled}.`;
  if (context.paused !== null) return afterPause(context.paused);
  const { at, why } = board.nextCheck();
  if (at !== null) return `The next check is at ${new Date(at).toISOString()}.`;
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
