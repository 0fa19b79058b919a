/** `core sidecar status --watch`: the status and the events of a daemon, shown until Ctrl-C. */
import type { ControlEvent, Status } from '../../control/api.ts';
import type { ControlClient } from '../../control/client.ts';
import { UpdateError } from '../../errors.ts';
import type { CliContext } from '../context.ts';
import { eventsOf, pause } from '../events.ts';
import { sizeOf } from '../output.ts';
import { plainLine } from '../plain.ts';
import { changeLines } from './lines.ts';
import { NOTHING_KNOWN, withEvent, withoutAnswer, withStatus, type WatchModel } from './model.ts';
import { openScreen } from './screen.ts';
import { viewLines } from './view.ts';

/** What shows what is watched. */
interface Sink {
  readonly status: (status: Status, asked: number) => void;
  readonly event: (event: ControlEvent) => void;
  readonly lost: (message: string) => void;
  readonly close: () => void;
  /** How many events were taken in. */
  readonly events: () => number;
}

/** Drawn over in place. */
function liveSink({ stdout, now, style }: CliContext): Sink {
  const screen = openScreen(stdout);
  let model: WatchModel = NOTHING_KNOWN;
  const become = (changed: WatchModel): void => {
    model = changed;
    screen.draw(viewLines(model, { ...sizeOf(stdout), now: now(), style }));
  };
  return {
    status: (status, asked) => {
      become(withStatus(model, status, asked));
    },
    event: (event) => {
      become(withEvent(model, event));
    },
    lost: (message) => {
      become(withoutAnswer(model, now(), message));
    },
    close: screen.close,
    events: () => model.events,
  };
}

/** A line a change. */
function lineSink({ print, now, style }: CliContext): Sink {
  return { ...changeLines(print, now, style), close: () => undefined, events: () => 0 };
}

/** Each event as a line of JSON. */
function jsonSink({ print, note }: CliContext): Sink {
  return {
    status: () => undefined,
    event: (event) => {
      print(plainLine(event));
    },
    lost: (message) => {
      note(`note: ${message}; trying again`);
    },
    close: () => undefined,
    events: () => 0,
  };
}

/** Looks at the status now and then, one look at a time; a fault of the daemon is told, and no end. */
function statusLooks(client: ControlClient, sink: Sink): { look(): Promise<void> } {
  let asking: Promise<void> | null = null;
  let again = false;
  const ask = async (): Promise<void> => {
    do {
      again = false;
      const asked = sink.events();
      try {
        sink.status(await client.status(), asked);
      } catch (error) {
        sink.lost(UpdateError.from(error).message);
      }
      // `look` may have been called meanwhile.
    } while (again as boolean);
  };
  return {
    look: async () => {
      if (asking !== null) {
        again = true;
        return asking;
      }
      asking = ask();
      await asking;
      asking = null;
    },
  };
}

/**
 * Watches until the context says to stop.
 *
 * @param json - prints each event as a line of JSON
 * @throws UpdateError `DAEMON_UNREACHABLE` when nobody answers at the beginning; afterwards a daemon that is gone is waited for
 */
export async function watchStatus(
  context: CliContext,
  client: ControlClient,
  { json }: { readonly json: boolean },
): Promise<void> {
  const first = await client.status();
  const sink = json ? jsonSink(context) : context.canDraw ? liveSink(context) : lineSink(context);
  const ending = new AbortController();
  const { signal } = ending;
  void context.stopped().then(() => {
    ending.abort();
  });
  // A call: the linter takes the property for constant.
  const over = (): boolean => signal.aborted;
  const looks = statusLooks(client, sink);
  const tick = async (): Promise<void> => {
    while (true) {
      await pause(context.tickMs, signal);
      if (over()) return;
      await looks.look();
    }
  };
  const listen = async (): Promise<void> => {
    const events = eventsOf(client, {
      signal,
      retryMs: context.tickMs,
      onLost: ({ message }) => {
        sink.lost(message);
      },
    });
    for await (const event of events) {
      sink.event(event);
      // What a state brings beside itself: what happens next, health, versions.
      if (event.kind === 'state' || event.kind === 'ended') void looks.look();
    }
  };
  try {
    sink.status(first, 0);
    await Promise.all([listen(), tick()]);
  } finally {
    ending.abort();
    sink.close();
  }
}
