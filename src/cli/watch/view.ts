/**
 * The compact live view of `status --watch`. Pure: a model in, lines out.
 *
 * Invariant: no line is wider than the terminal, and there are fewer lines than it has rows; so it can be drawn over.
 */
import { plain } from '../plain.ts';
import { bar, progressText, shareOf } from '../progress.ts';
import { windowText } from '../status-text.ts';
import { verdictOf } from '../status-verdict.ts';
import type { Style } from '../style.ts';
import { instant, relative, span } from '../time.ts';
import { waitedFor } from '../waiting-text.ts';
import { chartLines } from './chart.ts';
import { said, workloadText } from './happenings.ts';
import { lineText, type Line, type Piece } from './line.ts';
import type { Tick, WatchedAttempt, WatchModel } from './model.ts';

/** What the view is drawn for. */
export interface ViewOptions {
  readonly columns: number;
  readonly rows: number;
  /** ms since 1970. */
  readonly now: number;
  readonly style: Style;
}

const NAME_WIDTH = 10;
const INSTANT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;
const HAPPENINGS_SHOWN = 6;
/** The widest strip of looks. */
const STRIP_MAX = 40;

const row = (name: string, ...pieces: readonly Piece[]): Line => [
  { text: name.padEnd(NAME_WIDTH), tone: 'dim' },
  ...pieces,
];

/** A strip of looks against the deadline: each cell a part of the time, the last look in it. */
export function strip(ticks: readonly Tick[], width: number): Piece[] {
  const cells: (Tick | null)[] = Array.from({ length: width }, () => null);
  for (const tick of ticks) cells[Math.min(width - 1, Math.floor(tick.share * width))] = tick;
  return cells.map((tick) =>
    tick === null
      ? { text: '·', tone: 'dim' }
      : tick.healthy
        ? { text: '✓', tone: 'good' }
        : { text: '✗', tone: 'bad' },
  );
}

function attemptLine({ id, from, to, ended }: WatchedAttempt): Line {
  const way = to === null ? '' : `${from === null ? '' : `${plain(from)} → `}${plain(to)}`;
  const name = [way, ended === null ? '' : ended.outcome, plain(id)].filter((part) => part !== '').join(', ');
  return row('attempt', { text: name });
}

/** How far the state is: a bar for a download, a strip of looks for a probe. */
function* progressLines({ progress, attempt, state }: WatchModel, width: number): Generator<Line> {
  if (progress === null) return;
  const room = Math.max(8, Math.min(STRIP_MAX, width - NAME_WIDTH - 2));
  if (progress.kind === 'probe') {
    yield row('probe', { text: '[' }, ...strip(attempt?.ticks ?? [], room), { text: ']' });
    yield row('', { text: progressText(progress) });
    return;
  }
  const share = shareOf(progress);
  yield row(state === 'downloading' ? 'download' : 'progress', {
    text: `${bar(share, room - 6)} ${String(Math.floor(Math.min(1, share) * 100))} %`,
  });
  yield row('', { text: progressText(progress) });
}

function* waitingLines({ waiting, attempt, status }: WatchModel, now: number): Generator<Line> {
  if (waiting !== null) {
    const until = waiting.until === null ? '' : `, ${relative(waiting.until, now)}`;
    const reason = plain(waiting.reason).replace(INSTANT, instant);
    yield row('waiting', { text: `for ${waitedFor(waiting)}: ${reason}${until}`, tone: 'warn' });
    if (waiting.for === 'approval')
      yield row('', {
        text: `→ core sidecar approve${attempt?.to === null || attempt === null ? '' : ` ${plain(attempt.to)}`}`,
      });
  }
  const window = status?.window ?? null;
  if (window !== null) yield row('window', { text: windowText(window, now) });
}

function workloadLine({ workload, status }: WatchModel, now: number): Line[] {
  if (workload === null) return [];
  const up = workload.started_at === null ? '' : `, up ${span(now - Date.parse(workload.started_at))}`;
  const health = status?.workload.pid === workload.pid ? status.workload.health : null;
  return [
    row(
      'workload',
      { text: `${workloadText(workload)}${up}` },
      ...(health === null
        ? []
        : health.healthy
          ? [{ text: ', healthy', tone: 'good' } as const]
          : [{ text: `, NOT HEALTHY: ${plain(health.detail)}`, tone: 'bad' } as const]),
    ),
  ];
}

function happeningLines({ happenings }: WatchModel, most: number): Line[] {
  const lines = happenings.flatMap((event) => {
    const words = said(event);
    const time = instant(event.at).slice(11, 19);
    return words === null ? [] : [row(time, { text: words.text, tone: words.tone })];
  });
  return most <= 0 ? [] : lines.slice(-Math.min(most, HAPPENINGS_SHOWN));
}

function headLine({ lost, status }: WatchModel, now: number): Piece {
  if (lost !== null)
    return {
      text: `NO ANSWER from the daemon for ${span(now - lost.since)}: ${plain(lost.message)}; trying again`,
      tone: 'bad',
    };
  if (status === null) return { text: 'asking the daemon', tone: 'dim' };
  const { tone, text } = verdictOf(status, now);
  return { text, tone };
}

/**
 * Draws the view.
 *
 * @returns its lines, with their emphasis, none wider than `columns - 1`
 */
export function viewLines(model: WatchModel, { columns, rows, now, style }: ViewOptions): string[] {
  const width = Math.max(1, columns - 1);
  const { status, attempt, state } = model;
  const next =
    status === null ? [] : [row('next', { text: plain(status.next_action).replace(INSTANT, instant) })];
  const facts: Line[] = [
    [headLine(model, now)],
    ...chartLines(model, width),
    [],
    ...(attempt === null || (state === 'idle' && attempt.ended === null) ? [] : [attemptLine(attempt)]),
    ...progressLines(model, width),
    ...waitingLines(model, now),
    ...workloadLine(model, now),
    ...next,
  ];
  const room = rows - 1 - facts.length;
  const happenings = happeningLines(model, room - 1);
  const lines = happenings.length === 0 ? facts : [...facts, [], ...happenings];
  return lines.slice(0, Math.max(1, rows - 1)).map((line) => lineText(line, width, style));
}
