/** How an attempt ended, for people. */
import type { AttemptProgress, ErrorView } from '../control/api.ts';
import type { ErrorCode } from '../error-codes.ts';
import { errorLine } from './complain.ts';
import type { CliContext } from './context.ts';
import { exitCodeOf, type ExitCode } from './exit-code.ts';
import type { OutcomeKind, StateName } from '../types.ts';
import { plain, plainJson } from './plain.ts';

/** Only `handingOver` rejects with these; what fails after a commit leaves the outcome `committed`. */
const DAEMON_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'DAEMON_SELF_TEST_FAILED',
  'DAEMON_FAILED',
  'HANDOVER_FAILED',
]);

/** An attempt that ended. */
export type EndedProgress = AttemptProgress & { readonly ended: NonNullable<AttemptProgress['ended']> };

/** What to say of an attempt that ended: `line` is a result when `exit` is 0, and an error else. */
export interface OutcomeText {
  readonly exit: ExitCode;
  readonly line: string;
}

/** What `update` and `rollback` print with `--json`. */
export interface OutcomeJson {
  /** The attempt's id. */
  readonly attempt: string;
  /** The state in which it was decided; the state it is in, where nobody waited for its end. */
  readonly state: StateName;
  readonly from: string | null;
  readonly to: string | null;
  /** null while it is under way. */
  readonly outcome: OutcomeKind | null;
  /** Why, for people; null while it is under way. */
  readonly reason: string | null;
  readonly error: ErrorView | null;
  /** What the command ends with. */
  readonly exit_code: ExitCode;
}

/** An attempt, and what the command ends with, for programs. */
export function outcomeJson({ id, state, from, to, ended }: AttemptProgress, exit: ExitCode): OutcomeJson {
  return {
    attempt: id,
    state,
    from,
    to,
    outcome: ended?.outcome ?? null,
    reason: ended?.reason ?? null,
    error: ended?.error ?? null,
    exit_code: exit,
  };
}

/** Whether the daemon failed by itself, and not the workload. */
const isOfDaemon = ({ ended: { error } }: EndedProgress): boolean =>
  error !== null && DAEMON_FAULTS.has(error.code);

/** What happened, before the reason; empty where the reason says it all. */
function lead(progress: EndedProgress): string {
  const { ended, from, to } = progress;
  const name = to === null ? 'the release' : plain(to);
  switch (ended.outcome) {
    case 'rolledBack':
      if (isOfDaemon(progress))
        return `the daemon of ${name} failed, and the one before it runs; the workload was not touched: `;
      return `${name} was rolled back${from === null ? '' : `, ${plain(from)} runs again`}: `;
    case 'failed':
      return `the rollback${from === null ? '' : ` to ${plain(from)}`} FAILED: `;
    case 'refused':
      return `${to === null ? 'the bundle or its head' : name} was refused: `;
    case 'interrupted':
      return `the update${to === null ? '' : ` to ${name}`} was interrupted: `;
    default:
      return '';
  }
}

function result({ ended, from, to }: EndedProgress): string {
  const reason = plain(ended.reason);
  if (ended.outcome === 'committed')
    return `${plain(to ?? 'the release')} is committed and healthy (${reason})${from === null ? '' : `; before it ran ${plain(from)}`}`;
  if (ended.outcome === 'rolledBack')
    return `${plain(from ?? 'the version before')} runs again${to === null ? '' : `, instead of ${plain(to)}`}`;
  return ended.outcome === 'available' ? reason : `nothing to do: ${reason}`;
}

/**
 * What to say of an attempt that ended, and what to end with.
 *
 * @param progress - its last look
 * @param asked - what the operator asked for
 */
export function outcomeText(progress: EndedProgress, asked: 'update' | 'rollback'): OutcomeText {
  const { ended } = progress;
  const exit = exitCodeOf(ended, asked);
  if (exit === 0) return { exit, line: result(progress) };
  const { code, next } = ended.error ?? { code: ended.outcome, next: 'See `core sidecar history`.' };
  return { exit, line: errorLine({ code, message: `${lead(progress)}${ended.reason}`, next }) };
}

/**
 * Says how an attempt ended: a result on stdout, an error on stderr; and ends with its exit code.
 *
 * @param json - prints it for programs on stdout, whatever it is; an error is still told on stderr
 */
export function reportOutcome(
  context: CliContext,
  progress: EndedProgress,
  asked: 'update' | 'rollback',
  json = false,
): void {
  const { exit, line } = outcomeText(progress, asked);
  if (json) context.print(plainJson(outcomeJson(progress, exit)));
  if (exit !== 0) context.note(line);
  else if (!json) context.print(line);
  context.end(exit);
}

/** Whether an attempt has ended. */
export function hasEnded(progress: AttemptProgress): progress is EndedProgress {
  return progress.ended !== null;
}
