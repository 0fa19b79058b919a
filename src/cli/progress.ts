/**
 * Shows how an attempt goes: one line that is redrawn on a terminal, plain lines elsewhere (one for each new state, and one for each
 * tenth of a long download).
 *
 * Invariant: what is drawn is never wider than the terminal, for a line that wraps could not be drawn over.
 */
import type { AttemptProgress, ProgressView, WaitingView } from '../control/api.ts';
import { bytes } from './bytes.ts';
import { sizeOf, type Output } from './output.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { cut, widthOf } from './text-width.ts';
import { span } from './time.ts';

/** What shows how an attempt goes. */
export interface ProgressDisplay {
  /** Shows a look at the attempt, and what it waits for where that is known. */
  readonly show: (look: AttemptProgress, waiting?: WaitingView | null) => void;
  /** Clears what is drawn; call it before anything else is written. */
  readonly finish: () => void;
}

const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\u001B[2K';

/** A bar of fixed width. */
export function bar(share: number, width: number = BAR_WIDTH): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}

type DownloadView = Extract<ProgressView, { kind: 'download' }>;

/** Speed and time left, as far as they are known. */
function paceText({ bytes_per_second: rate, seconds_left: left }: DownloadView): string {
  const speed = rate === null ? '' : `, ${bytes(rate)}/s`;
  return left === null || left === 0 ? speed : `${speed}, ${span(left * 1000)} left`;
}

/** How far a state is, in words. */
export function progressText(progress: ProgressView): string {
  if (progress.kind === 'download')
    return `${bytes(progress.received_bytes)} of ${bytes(progress.total_bytes)}${paceText(progress)}`;
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  return `${seconds(progress.elapsed_ms)} of ${seconds(progress.deadline_ms)} s, last seen: ${plain(progress.last)}`;
}

/** How much of a state is done, 0 to 1. */
export function shareOf(progress: ProgressView): number {
  return progress.kind === 'download'
    ? progress.received_bytes / Math.max(1, progress.total_bytes)
    : progress.elapsed_ms / Math.max(1, progress.deadline_ms);
}

function title({ state, from, to }: AttemptProgress): string {
  if (state === 'rollingBack' && from !== null) return `${state} to ${plain(from)}`;
  return to === null ? state : `${state} ${plain(to)}`;
}

const percent = (progress: ProgressView): string =>
  `${String(Math.floor(Math.min(1, shareOf(progress)) * 100))} %`;

/** The first of `lines` that fits; the last is cut where none does. */
function fitting(lines: readonly string[], width: number): string {
  return lines.find((line) => widthOf(line) <= width) ?? cut(lines.at(-1) ?? '', width);
}

/** What is drawn of a look, in at most `width` characters: of what does not fit, the bar goes first. */
function drawing(look: AttemptProgress, waiting: WaitingView | null, width: number): string {
  const head = title(look);
  const { progress } = look;
  if (waiting !== null) return cut(`${head}: ${plain(waiting.reason)}`, width);
  if (progress === null) return cut(head, width);
  const words = progressText(progress);
  return fitting(
    [
      `${head} ${bar(shareOf(progress))} ${words}`,
      `${head} ${bar(shareOf(progress), 10)} ${words}`,
      `${head} ${words}`,
      ...(progress.kind === 'download' ? [`${head} ${percent(progress)}${paceText(progress)}`] : []),
      `${head} ${percent(progress)}`,
      head,
    ],
    width,
  );
}

/** Plain lines, for a file or another program. */
function linesTo(output: Output): ProgressDisplay {
  let last = '';
  let tenth = 0;
  return {
    show: (look, waiting = null) => {
      if (look.ended !== null) return;
      const head = title(look);
      const line = waiting === null ? head : `${head}: ${plain(waiting.reason)}`;
      // A wait that is over for a moment is no news.
      if (line !== last && !(waiting === null && last.startsWith(`${head}:`))) {
        output.write(`${line}\n`);
        last = line;
        tenth = 0;
      }
      const { progress } = look;
      // A download that takes so long that its speed is known.
      if (progress?.kind !== 'download' || progress.bytes_per_second === null) return;
      const reached = Math.floor(Math.min(1, shareOf(progress)) * 10);
      if (reached > tenth) output.write(`${head}: ${String(reached * 10)} %, ${progressText(progress)}\n`);
      tenth = Math.max(tenth, reached);
    },
    finish: () => undefined,
  };
}

/** One line of a terminal, drawn over again and again. */
function drawnOn(output: Output, style: Style): ProgressDisplay {
  let last = '';
  return {
    show: (look, waiting = null) => {
      if (look.ended !== null) return;
      // The last column stays free: some terminals wrap once it is written.
      const width = Math.max(1, sizeOf(output).columns - 1);
      const line = drawing(look, waiting, width);
      if (line !== last) output.write(`${CLEAR_LINE}${style.bold(line)}`);
      last = line;
    },
    finish: () => {
      if (last !== '') output.write(CLEAR_LINE);
      last = '';
    },
  };
}

/**
 * Makes the display.
 *
 * @param output - where it is written
 * @param style - the emphasis
 * @param draw - whether what is written can be drawn over; a terminal that is not dumb, unless told
 */
export function createProgress(
  output: Output,
  style: Style,
  draw: boolean = output.isTTY === true,
): ProgressDisplay {
  return draw ? drawnOn(output, style) : linesTo(output);
}
