/** Reads server-sent events (HTML Living Standard, section 9.2.6), as far as the control API sends them. */
import { UpdateError } from '../errors.ts';

/** The longest event that is read, characters. */
export const EVENT_MAX = 1024 * 1024;

/** Takes the text of a stream piece by piece. */
export interface EventParser {
  /**
   * Takes the next piece.
   *
   * @returns the `data` of each event that it completes
   * @throws UpdateError `CONTROL_FAILED` when an event is longer than {@link EVENT_MAX}
   */
  take(piece: string): readonly string[];
}

/** Makes a parser. Memory is bounded by the longest event. */
export function createEventParser(): EventParser {
  let line = '';
  let data: string[] = [];
  let size = 0;
  /** A line may end with CR, LF or both; the LF of a CR LF may come with the next piece. */
  let afterReturn = false;

  const takeLine = (text: string, events: string[]): void => {
    if (text === '') {
      if (data.length > 0) events.push(data.join('\n'));
      data = [];
      size = 0;
    } else if (text === 'data') data.push('');
    else if (text.startsWith('data:')) {
      data.push(text.slice(text[5] === ' ' ? 6 : 5));
      size += text.length;
    }
    // `id`, `event` and `retry` say nothing that is not in the data; other lines are comments.
  };
  return {
    take: (piece) => {
      const events: string[] = [];
      const text = afterReturn && piece.startsWith('\n') ? piece.slice(1) : piece;
      afterReturn = piece === '' ? afterReturn : piece.endsWith('\r');
      const lines = text.split(/\r\n|\r|\n/);
      const rest = lines.pop() ?? '';
      for (const complete of lines) {
        takeLine(line + complete, events);
        line = '';
      }
      line += rest;
      if (line.length + size > EVENT_MAX)
        throw new UpdateError(
          'CONTROL_FAILED',
          `expected events of at most ${String(EVENT_MAX)} characters, found a longer one`,
        );
      return events;
    },
  };
}
