/** What happened, in words: a line an event. Pure. */
import type { ControlEvent, WorkloadView } from '../../control/api.ts';
import { plain } from '../plain.ts';
import type { Style } from '../style.ts';
import { outcomeText, type EndedProgress } from '../outcome.ts';
import { waitedFor } from '../waiting-text.ts';

/** A line, and how it sounds. */
export interface Said {
  readonly text: string;
  readonly tone: keyof Style | null;
}

/** The workload in words. */
export function workloadText({ state, version, pid, restarts, last_exit: last }: WorkloadView): string {
  return [
    `${plain(state)}${version === null ? '' : ` ${plain(version)}`}`,
    ...(pid === null ? [] : [`pid ${String(pid)}`]),
    ...(restarts === 0 ? [] : [`restarts ${String(restarts)}`]),
    ...(last === null ? [] : [`last exit: ${plain(last)}`]),
  ].join(', ');
}

function endedText(event: Extract<ControlEvent, { kind: 'ended' }>): Said {
  const { attempt } = event;
  if (attempt.ended === null) return { text: `attempt ${plain(attempt.id)} goes on`, tone: null };
  const progress: EndedProgress = { ...attempt, ended: attempt.ended };
  const { exit, line } = outcomeText(progress, 'update');
  return { text: line.replace(/^error: /, ''), tone: exit === 0 ? 'good' : exit === 5 ? 'warn' : 'bad' };
}

function stateText({ state, to, from }: Extract<ControlEvent, { kind: 'state' }>): Said {
  if (state === 'rollingBack')
    return { text: `rollingBack${from === null ? '' : ` to ${plain(from)}`}`, tone: 'warn' };
  const name = state === 'idle' || to === null ? '' : ` ${plain(to)}`;
  return {
    text: `${state}${name}`,
    tone: state === 'failed' ? 'bad' : state === 'committed' ? 'good' : null,
  };
}

/** An event in words; null for what is no news: progress, what is waited for no longer, and the quiet lines of the log. */
export function said(event: ControlEvent): Said | null {
  switch (event.kind) {
    case 'state':
      return stateText(event);
    case 'ended':
      return endedText(event);
    case 'workload':
      return {
        text: `workload ${workloadText(event.workload)}`,
        tone: ['crashed', 'backingOff'].includes(event.workload.state) ? 'bad' : null,
      };
    case 'log': {
      const { level, message, code } = event.line;
      if (level === 'debug' || level === 'info') return null;
      const text = `${level}: ${plain(message)}${code === null ? '' : ` [${code}]`}`;
      return { text, tone: level === 'warn' ? 'warn' : 'bad' };
    }
    case 'waiting':
      return event.waiting === null
        ? null
        : {
            text: `waits for ${waitedFor(event.waiting)}: ${plain(event.waiting.reason)}`,
            tone: 'warn',
          };
    // Progress; or a kind that a newer daemon tells of.
    default:
      return null;
  }
}
