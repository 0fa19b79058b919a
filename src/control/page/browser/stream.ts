/**
 * Server-sent events over `fetch` (WHATWG HTML, section 9.2), since `EventSource` hides why it failed and forgets where it was.
 */
import type { ControlEvent } from '../../api.ts';

/** One event as it came. */
export interface RawEvent {
  readonly id: string;
  readonly data: string;
}

/**
 * Makes a reader of an event stream: it is given text as it comes, and gives back the events that are complete.
 *
 * Data of more than 1 MiB ends it: nobody sends that.
 */
export function createEventReader(): (chunk: string) => RawEvent[] {
  let rest = '';
  let id = '';
  let data: string[] = [];
  return (chunk) => {
    const events: RawEvent[] = [];
    rest += chunk;
    if (rest.length > 1_048_576) throw new RangeError('the event stream sent a line that is too long');
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) events.push({ id, data: data.join('\n') });
        data = [];
        continue;
      }
      const [, field = '', value = ''] = /^([^:]*):? ?([^]*)$/.exec(line) ?? [];
      if (field === 'data') data.push(value);
      if (field === 'id' && !value.includes('\0')) id = value;
    }
    return events;
  };
}

/** What {@link follow} tells. */
export interface StreamListener {
  /** The stream stands; `again` when it is not the first time. */
  readonly opened: (again: boolean) => void;
  readonly event: (event: ControlEvent) => void;
  /** Nobody answers, or the stream broke; it is tried again in `retryMs`. */
  readonly lost: (retryMs: number) => void;
  /** The session is not known here: a token is needed. Nothing is tried again. */
  readonly refused: () => void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

/**
 * Follows the events of the daemon until the signal fires or the session is refused; reconnects with `Last-Event-ID`, later and
 * later up to 10 s.
 */
export async function follow(url: string, listener: StreamListener, signal: AbortSignal): Promise<void> {
  let last = '';
  let again = false;
  let retryMs = FIRST_RETRY_MS;
  const over = (): boolean => signal.aborted;
  while (!over()) {
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (last !== '') headers['last-event-id'] = last;
      const response = await fetch(url, { headers, signal, cache: 'no-store' });
      if (response.status === 401 || response.status === 403) {
        listener.refused();
        return;
      }
      if (!response.ok || response.body === null) throw new Error(`status ${String(response.status)}`);
      listener.opened(again);
      again = true;
      retryMs = FIRST_RETRY_MS;
      const read = createEventReader();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read())
        for (const { id, data } of read(part.value)) {
          if (id !== '') last = id;
          listener.event(JSON.parse(data) as ControlEvent);
        }
    } catch {
      // Whatever it was, the answer is the same: say so, and try again.
    }
    if (over()) return;
    again = true;
    listener.lost(retryMs);
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
  }
}
