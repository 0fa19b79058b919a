/** The first line of `status`: what an operator must know at three in the morning. Pure. */
import type { AttemptView, Status } from '../control/api.ts';
import type { StateName } from '../types.ts';
import { progressText } from './progress.ts';
import { plain } from './plain.ts';
import { relative, span } from './time.ts';
import { waitedFor } from './waiting-text.ts';

/** How the first line sounds. */
export type Tone = 'good' | 'warn' | 'bad';

/** The first line. */
export interface Verdict {
  readonly tone: Tone;
  readonly text: string;
}

function runningWords(version: string, { health, restarts, last_exit }: Status['workload']): Verdict {
  const words = restarts === 1 ? '1 restart' : `${String(restarts)} restarts`;
  const after =
    restarts === 0 ? '' : ` after ${words}${last_exit === null ? '' : `, last: ${plain(last_exit)}`}`;
  if (health === null) return { tone: 'warn', text: `${version} is running${after}` };
  if (!health.healthy)
    return { tone: 'bad', text: `${version} is running${after}, but NOT HEALTHY: ${plain(health.detail)}` };
  return { tone: restarts === 0 ? 'good' : 'warn', text: `${version} is running and healthy${after}` };
}

/** What runs, in words. */
function workloadWords({ workload, current }: Status): Verdict {
  const version = plain(workload.version ?? current.version);
  const last = workload.last_exit === null ? '' : `, last: ${plain(workload.last_exit)}`;
  const restarts = workload.restarts === 1 ? '1 restart' : `${String(workload.restarts)} restarts`;
  switch (workload.state) {
    case 'running':
      return runningWords(version, workload);
    case 'starting':
      return { tone: 'warn', text: `${version} is starting` };
    case 'backingOff':
      return { tone: 'bad', text: `${version} IS DOWN and is started again soon (${restarts}${last})` };
    case 'crashed':
      return { tone: 'bad', text: `${version} IS DOWN: it crashed (${restarts}${last})` };
    default:
      return { tone: 'bad', text: `${version} IS NOT RUNNING (${plain(workload.state)})` };
  }
}

/** Whether an attempt was about the daemon's program, and not about the workload. */
function isDaemonAlone({ steps }: AttemptView): boolean {
  const went = (through: StateName): boolean => steps.some(({ state }) => state === through);
  return went('handingOver') && !went('committed') && !went('swapping') && !went('overlapping');
}

function lastWords(last: AttemptView, running: string | null, now: number): Verdict | null {
  const at = relative(last.ended_at ?? last.started_at, now);
  const to = last.to === null ? null : plain(last.to);
  switch (last.outcome) {
    case 'committed':
      if (isDaemonAlone(last)) return { tone: 'good', text: `the daemon became that of ${to ?? 'it'} ${at}` };
      return { tone: 'good', text: to === running ? `committed ${at}` : `${to ?? 'it'} was committed ${at}` };
    case 'rolledBack':
      if (isDaemonAlone(last))
        return {
          tone: 'warn',
          text: `the daemon of ${to ?? 'a release'} failed ${at}, and the one before it runs`,
        };
      return last.trigger === 'rollback'
        ? { tone: 'good', text: `an operator went back from ${to ?? 'another version'} ${at}` }
        : { tone: 'warn', text: `${to ?? 'an update'} was rolled back ${at}` };
    case 'failed':
      return { tone: 'bad', text: `the rollback of ${to ?? 'an update'} failed ${at}` };
    case 'refused':
      return { tone: 'warn', text: `${to ?? 'a bundle or head'} was refused ${at}` };
    case 'deferred':
      return { tone: 'good', text: `${to ?? 'an update'} was put off ${at}` };
    case 'interrupted':
      return {
        tone: 'warn',
        text: `${to === null ? 'an update' : `the update to ${to}`} was interrupted ${at}`,
      };
    case 'error':
      return { tone: 'warn', text: `the last attempt failed ${at}` };
    case 'nothing':
    case 'available':
    case 'unknown':
    case null:
      return null;
  }
}

/** An update that waits; a person who has to do something must not overlook it. */
function waitingWords(status: Status, now: number): Verdict {
  const name = status.to === null ? 'an update' : plain(status.to);
  const { waiting } = status;
  const running = workloadWords(status);
  const tone = waiting?.for === 'approval' && running.tone === 'good' ? 'warn' : running.tone;
  return { tone, text: `${running.text}; ${name} ${waitsFor(waiting, now)}` };
}

/** What an update waits for, after its name. */
function waitsFor(waiting: Status['waiting'], now: number): string {
  if (waiting === null) return 'is staged and about to be swapped in';
  if (waiting.for === 'approval') return 'WAITS FOR AN APPROVAL';
  if (waiting.for !== 'window') return `waits for ${waitedFor(waiting)}`;
  return waiting.until === null
    ? 'waits for a maintenance window'
    : `waits for the maintenance window, which opens ${relative(waiting.until, now)}`;
}

/** An attempt under way, in words. */
function busyWords(status: Status, now: number): Verdict {
  const { state, progress } = status;
  const from = status.from === null ? null : plain(status.from);
  const to = status.to === null ? null : plain(status.to);
  const far = progress === null ? '' : `, ${progressText(progress)}`;
  switch (state) {
    case 'recovering':
      return { tone: 'warn', text: 'starting up: what was interrupted is being repaired' };
    case 'checking':
      return { tone: 'good', text: `${workloadWords(status).text}; looking for a newer release` };
    case 'waiting':
      return waitingWords(status, now);
    case 'handingOver': {
      const { tone, text } = workloadWords(status);
      return { tone, text: `${text}; the daemon gives way to that of ${to ?? 'the release'}` };
    }
    case 'rollingBack':
    case 'rolledBack':
      return {
        tone: 'warn',
        text: `rolling back${to === null ? '' : ` from ${to}`}${from === null ? '' : ` to ${from}`}`,
      };
    default:
      return {
        tone: 'good',
        text: `updating${from === null ? '' : ` ${from}`}${to === null ? '' : ` to ${to}`}: ${state}${far}`,
      };
  }
}

function failedWords(status: Status): Verdict {
  const { text } = workloadWords(status);
  if (status.from === null)
    return { tone: 'bad', text: `START-UP FAILED: what was interrupted could not be repaired; ${text}` };
  const to = status.to === null ? '' : ` from ${plain(status.to)}`;
  return { tone: 'bad', text: `ROLLBACK FAILED${to} to ${plain(status.from)}; ${text}` };
}

/** A newer release that this host may not have yet. */
function heldWords({ held_back: held, fleet }: Status, now: number): Verdict | null {
  if (held === null) return null;
  const version = plain(held.version);
  if (fleet?.halts.some((halt) => halt.version === held.version) === true)
    return { tone: 'warn', text: `the rollout of ${version} is HALTED` };
  const left = held.until === null ? '' : ` for another ${span(Date.parse(held.until) - now)}`;
  return { tone: 'good', text: `${version} is held back${left}` };
}

const ORDER: readonly Tone[] = ['good', 'warn', 'bad'];

function joined(verdicts: readonly (Verdict | null)[]): Verdict {
  const parts = verdicts.filter((part) => part !== null);
  const tone = ORDER.findLast((level) => parts.some((part) => part.tone === level)) ?? 'good';
  return { tone, text: parts.map(({ text }) => text).join('; ') };
}

/** A pause keeps the next attempt from beginning, also while one goes to its end. */
function withPause(verdict: Verdict, { paused }: Status): Verdict {
  if (paused === null) return verdict;
  const by = paused.code === 'UPDATES_PAUSED' ? ' by an operator' : '';
  return joined([verdict, { tone: 'warn', text: `automatic updates are PAUSED${by}` }]);
}

/**
 * The verdict on a host.
 *
 * @param status - as the control API gives it
 * @param now - ms since 1970
 */
export function verdictOf(status: Status, now: number): Verdict {
  if (status.state === 'failed') return failedWords(status);
  if (status.state !== 'idle') return withPause(busyWords(status, now), status);
  const workload = workloadWords(status);
  const last =
    status.last_attempt === null ? null : lastWords(status.last_attempt, status.workload.version, now);
  return withPause(joined([workload, last, heldWords(status, now)]), status);
}
