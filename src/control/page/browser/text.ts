/**
 * Texts of the page.
 *
 * Invariant: whatever comes from a release, a log or an error goes through `shown`, and into the document as text, never as markup.
 */
import type { OutcomeKind, StateName, Trigger } from '../../../types.ts';
import type { Status } from '../../api.ts';

const LONGEST = 1500;

/** Characters that draw nothing, or turn the text around: they could make a version look like another one. */
const INVISIBLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A text of somebody else as it may be shown: bounded, and with every character visible.
 *
 * @param text - anything
 * @param longest - the most characters that are shown
 */
export function shown(text: string, longest: number = LONGEST): string {
  const visible = text.replace(INVISIBLE, '\ufffd');
  if (visible.length <= longest) return visible;
  return `${visible.slice(0, longest)}… (${String(text.length)} characters)`;
}

/** `3 s`, `12 min`, `5 h`, `2 days`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${String(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${String(minutes)} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${String(hours)} h` : `${String(Math.round(hours / 24))} days`;
}

/** `1.4 MB`; powers of 1000, as networks count. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `02:00`, with the day where it is not today. */
export function clock(iso: string, now: number): string {
  const at = new Date(iso);
  const time = at.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });
  if (at.toDateString() === new Date(now).toDateString()) return time;
  return `${at.toLocaleDateString(undefined, { weekday: 'short', day: 'numeric', month: 'short' })} ${time}`;
}

/** What a state is, said to somebody who looks at the page. */
export const STATE_WORDS: Readonly<Record<StateName, string>> = {
  recovering: 'Starting up',
  idle: 'Idle',
  checking: 'Looking for a release',
  downloading: 'Downloading',
  verifying: 'Verifying signature and files',
  staging: 'Staging beside the current version',
  waiting: 'Ready, and waiting',
  swapping: 'Swapping',
  overlapping: 'Trying it beside the old version',
  draining: 'Draining the old version',
  probing: 'Probing its health',
  committed: 'Committing',
  handingOver: 'The daemon gives way to its new version',
  rollingBack: 'Rolling back',
  rolledBack: 'Rolled back',
  failed: 'The rollback failed',
};

/** How an attempt ended, in a word. */
export const OUTCOME_WORDS: Readonly<Record<OutcomeKind | 'unknown', string>> = {
  unknown: 'in a way that only a newer daemon knows',
  committed: 'committed',
  rolledBack: 'rolled back',
  failed: 'failed',
  nothing: 'nothing to do',
  available: 'available',
  refused: 'refused',
  deferred: 'put off',
  error: 'error',
  interrupted: 'interrupted',
};

/** Whether an outcome is good, bad, or neither. */
export function outcomeTone(outcome: OutcomeKind | 'unknown' | null): 'good' | 'bad' | 'plain' {
  if (outcome === 'committed') return 'good';
  return outcome === null || ['nothing', 'available', 'deferred', 'unknown'].includes(outcome)
    ? 'plain'
    : 'bad';
}

/** What set an attempt off. */
export const TRIGGER_WORDS: Readonly<Record<Trigger | 'unknown', string>> = {
  unknown: 'by what only a newer daemon knows',
  schedule: 'by schedule',
  check: 'asked to check',
  update: 'asked to update',
  bundle: 'from a file',
  rollback: 'asked to roll back',
  watch: 'crash loop after its commit',
  recovery: 'found at start-up',
};

/** What happens next, in one line. */
export function nextText(status: Status, now: number): string {
  const { state, waiting, window, paused, disabled, to } = status;
  if (state === 'failed') return `A person is needed. ${shown(status.next_action)}`;
  if (state === 'waiting' && waiting !== null) {
    const what = shown(to ?? 'the release', 64);
    if (waiting.for === 'approval') return `${what} waits for an approval`;
    if (waiting.for === 'lease') return `${what} waits for a place in the fleet: ${shown(waiting.reason)}`;
    return waiting.until === null
      ? `${what} waits for the window: ${shown(waiting.reason)}`
      : `${what} waits for the window, opens ${clock(waiting.until, now)} (in ${span(Date.parse(waiting.until) - now)})`;
  }
  if (state !== 'idle') return to === null ? 'An attempt is under way' : `On the way to ${shown(to, 64)}`;
  if (disabled !== null) return `No updates: ${shown(disabled)}`;
  if (paused !== null) return `Paused: ${shown(paused.message)}`;
  if (status.next_check_at === null) return `No check by itself: ${shown(status.next_check_why)}`;
  const check = `Checks in ${span(Date.parse(status.next_check_at) - now)}`;
  if (window === null) return check;
  return window.open || window.opens_at === null
    ? `${check}; the window is open`
    : `${check}; the window opens ${clock(window.opens_at, now)}`;
}
