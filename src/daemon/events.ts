import type { ControlEvent, LogView } from '../control/api.ts';
import type { Clock } from '../services/ports.ts';

/** An event before it has its number and its time. */
export type NewEvent = ControlEvent extends infer Event
  ? Event extends ControlEvent
    ? Omit<Event, 'id' | 'at'>
    : never
  : never;

/** What has happened lately, and whoever wants to hear of more. */
export interface EventHub {
  publish(event: NewEvent): void;
  /**
   * Hears of every event from now on; with `after`, first of those that are remembered with a greater id. A listener must not throw.
   *
   * @returns ends it
   */
  subscribe(listener: (event: ControlEvent) => void, after?: number): () => void;
  /** The newest lines of the log, oldest first. */
  logs(limit: number): readonly LogView[];
}

const KEEP_EVENTS = 1000;
const KEEP_LINES = 500;

/** Makes the hub. Memory is bounded: the oldest events and lines are forgotten. */
export function createEventHub(clock: Pick<Clock, 'now'>): EventHub {
  const listeners = new Set<(event: ControlEvent) => void>();
  const events: ControlEvent[] = [];
  const lines: LogView[] = [];
  // From the clock, so that ids grow over restarts too: whoever comes back with one from before hears of all that came since.
  let last = Math.floor(clock.now());
  return {
    publish: (event) => {
      last += 1;
      const published = { ...event, id: last, at: new Date(clock.now()).toISOString() } as ControlEvent;
      events.push(published);
      if (events.length > KEEP_EVENTS) events.shift();
      if (published.kind === 'log') {
        lines.push(published.line);
        if (lines.length > KEEP_LINES) lines.shift();
      }
      for (const listener of listeners) listener(published);
    },
    subscribe: (listener, after) => {
      if (after !== undefined) for (const event of events) if (event.id > after) listener(event);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    logs: (limit) => lines.slice(-limit),
  };
}
