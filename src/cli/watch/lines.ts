/** `status --watch` where nothing can be drawn over: a line a change. */
import type { ControlEvent, ProgressView, Status } from '../../control/api.ts';
import { plain } from '../plain.ts';
import { progressText, shareOf } from '../progress.ts';
import { verdictOf } from '../status-verdict.ts';
import type { Style } from '../style.ts';
import { instant } from '../time.ts';
import { said } from './happenings.ts';

/** What writes a line a change. */
export interface ChangeLines {
  readonly status: (status: Status) => void;
  readonly event: (event: ControlEvent) => void;
  readonly lost: (message: string) => void;
}

/**
 * Makes it.
 *
 * @param print - writes one line
 * @param now - ms since 1970
 */
export function changeLines(print: (line: string) => void, now: () => number, style: Style): ChangeLines {
  let first = true;
  let away = false;
  let tenth = 0;
  let look = '';
  const line = (at: string, text: string, tone: keyof Style | null = null): void => {
    print(`${style.dim(instant(at))} ${tone === null ? text : style[tone](text)}`);
  };
  const clock = (): string => new Date(now()).toISOString();
  const back = (): void => {
    if (away) line(clock(), 'the daemon answers again', 'good');
    away = false;
  };
  const progress = (at: string, view: ProgressView): void => {
    if (view.kind !== 'download') return;
    const reached = Math.floor(Math.min(1, shareOf(view)) * 10);
    if (reached > tenth) line(at, `download ${String(reached * 10)} %, ${progressText(view)}`);
    tenth = Math.max(tenth, reached);
  };
  return {
    status: (status) => {
      const { tone, text } = verdictOf(status, now());
      if (first || away) {
        back();
        line(clock(), text, tone);
        line(clock(), `next: ${plain(status.next_action)}`);
      }
      first = false;
    },
    event: (event) => {
      back();
      if (event.kind === 'state') {
        tenth = 0;
        look = '';
      }
      if (event.kind === 'progress') progress(event.at, event.progress);
      if (event.kind === 'probe') {
        const { healthy, detail, elapsed_ms, deadline_ms } = event;
        const seen = `${healthy ? 'healthy' : 'not healthy'}: ${plain(detail)}`;
        if (seen !== look)
          line(
            event.at,
            `probe ${seen} (${(elapsed_ms / 1000).toFixed(1)} of ${(deadline_ms / 1000).toFixed(1)} s)`,
            healthy ? 'good' : 'warn',
          );
        look = seen;
      }
      const words = said(event);
      if (words !== null) line(event.at, words.text, words.tone);
    },
    lost: (message) => {
      if (!away) line(clock(), `no answer from the daemon: ${plain(message)}; trying again`, 'bad');
      away = true;
    },
  };
}
