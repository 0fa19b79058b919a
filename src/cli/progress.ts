/** Shows how an attempt goes: one line that is redrawn on a terminal, a line for each new state elsewhere. */
import type { AttemptProgress, ProgressView } from '../control/api.ts';
import { bytes } from './bytes.ts';
import type { Output } from './output.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';

/** What shows how an attempt goes. */
export interface ProgressDisplay {
  /** Shows a look at the attempt. */
  readonly show: (look: AttemptProgress) => void;
  /** Clears what is drawn; call it before anything else is written. */
  readonly finish: () => void;
}

const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\u001B[2K';

/** A bar of fixed width. */
export function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`;
}

/** How far a state is, in words. */
export function progressText(progress: ProgressView): string {
  if (progress.kind === 'download')
    return `${bytes(progress.received_bytes)} of ${bytes(progress.total_bytes)}`;
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  return `${seconds(progress.elapsed_ms)} of ${seconds(progress.deadline_ms)} s, last seen: ${plain(progress.last)}`;
}

function shareOf(progress: ProgressView): number {
  return progress.kind === 'download'
    ? progress.received_bytes / Math.max(1, progress.total_bytes)
    : progress.elapsed_ms / Math.max(1, progress.deadline_ms);
}

function title({ state, from, to }: AttemptProgress): string {
  if (state === 'rollingBack' && from !== null) return `${state} to ${plain(from)}`;
  return to === null ? state : `${state} ${plain(to)}`;
}

/**
 * Makes the display.
 *
 * @param output - where it is written; a terminal gets a bar
 * @param style - the emphasis
 */
export function createProgress(output: Output, style: Style): ProgressDisplay {
  let last = '';
  if (output.isTTY !== true)
    return {
      show: (look) => {
        const line = title(look);
        if (look.ended === null && line !== last) output.write(`${line}\n`);
        last = line;
      },
      finish: () => undefined,
    };
  return {
    show: (look) => {
      if (look.ended !== null) return;
      const { progress } = look;
      const rest = progress === null ? '' : ` ${bar(shareOf(progress))} ${progressText(progress)}`;
      // A line that wraps could not be redrawn.
      const line = `${title(look)}${rest}`.slice(0, Math.max(20, (output.columns ?? 80) - 1));
      if (line !== last) output.write(`${CLEAR_LINE}${style.bold(line)}`);
      last = line;
    },
    finish: () => {
      if (last !== '') output.write(CLEAR_LINE);
      last = '';
    },
  };
}
