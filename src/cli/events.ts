/** The events of a daemon for as long as somebody watches, also over its restarts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlEvent } from '../control/api.ts';
import type { ControlClient } from '../control/client.ts';
import { UpdateError } from '../errors.ts';

/** How {@link eventsOf} goes on. */
export interface EventsOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Milliseconds until a daemon that is gone is tried again. */
  readonly retryMs: number;
  /** Hears each time that the daemon cannot be reached any more; once until an event comes again. */
  readonly onLost: (error: UpdateError) => void;
}

/**
 * Every event from now on, until the signal fires. A daemon that is gone is waited for, as long as it takes.
 *
 * @throws UpdateError whatever the client rejects with but `DAEMON_UNREACHABLE` and `RATE_LIMITED`
 * @example
 * for await (const event of eventsOf(client, { signal, retryMs: 1000, onLost })) show(event);
 */
export async function* eventsOf(
  client: ControlClient,
  { signal, retryMs, onLost }: EventsOptions,
): AsyncGenerator<ControlEvent, undefined> {
  let lost = false;
  // A call: the linter takes the property for constant.
  const over = (): boolean => signal.aborted;
  while (!over()) {
    try {
      for await (const event of client.events({ signal })) {
        lost = false;
        yield event;
      }
    } catch (error) {
      if (over()) return;
      const failure = UpdateError.from(error);
      if (failure.code !== 'DAEMON_UNREACHABLE' && failure.code !== 'RATE_LIMITED') throw failure;
      if (!lost) onLost(failure);
      lost = true;
    }
    await pause(retryMs, signal);
  }
}

/** Waits, at most until the signal fires; never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
