/**
 * The events of a daemon as an endless list.
 *
 * Invariants: no event comes twice, and none is left out that the daemon still remembers; nothing is read ahead of whoever takes the
 * events, so that a slow one holds back the daemon's stream and not memory here.
 */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { UpdateError } from '../errors.ts';
import type { ControlEvent } from './api.ts';
import { createEventParser } from './event-parser.ts';
import { failure, readAnswer, send, type ControlRequest } from './exchange.ts';
import { refusal } from './refusal.ts';
import type { TargetRoute } from './target.ts';

/** How a lost stream is taken up again, ms. */
export interface ReconnectTimes {
  /** The first wait; each further one is twice as long. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** How long nobody may answer before that is an error. */
  readonly giveUpMs: number;
  /** How long a stream may be silent, heartbeats included, before it is taken for dead. */
  readonly silenceMs: number;
}

/** 0.1 s to 5 s, for 30 s; three heartbeats. */
export const RECONNECT: ReconnectTimes = { firstMs: 100, mostMs: 5_000, giveUpMs: 30_000, silenceMs: 45_000 };

/** What {@link readEvents} needs. */
export interface ReadEventsOptions {
  readonly after?: number;
  readonly signal: AbortSignal;
  readonly times?: ReconnectTimes;
}

const eventSchema = z.looseObject({ id: z.int(), kind: z.string() });

function parseEvent(data: string): ControlEvent {
  try {
    // The daemon's own shapes; a newer one may have more kinds.
    return eventSchema.parse(JSON.parse(data)) as unknown as ControlEvent;
  } catch (cause) {
    throw new UpdateError('CONTROL_FAILED', 'expected an event, found something else', { cause });
  }
}

/** Connects, and asks for what came after the last event that is known. */
async function connect(
  route: TargetRoute,
  after: number | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const request: ControlRequest = {
    method: 'GET',
    path: '/v1/events',
    headers: {
      accept: 'text/event-stream',
      ...(after === undefined ? {} : { 'last-event-id': String(after) }),
    },
  };
  const response = await send(route, request, signal);
  if (response.statusCode === 200) return response;
  throw refusal(request, await readAnswer(response));
}

/** Whether it may help to connect again. */
function maySoon(error: UpdateError): boolean {
  return error.code === 'DAEMON_UNREACHABLE' || error.code === 'RATE_LIMITED';
}

/**
 * Every event from now on, until the signal fires.
 *
 * @throws UpdateError `DAEMON_UNREACHABLE` or `RATE_LIMITED` when that has lasted too long; at once what connecting again would not
 *   mend: `UNAUTHORIZED`, `HOST_NOT_ALLOWED`, `CONTROL_FAILED`
 */
export async function* readEvents(
  route: TargetRoute,
  { after, signal, times = RECONNECT }: ReadEventsOptions,
): AsyncGenerator<ControlEvent, void> {
  let last = after;
  let wait = times.firstMs;
  let answeredAt = performance.now();
  // It may fire at any time, which a look at the property alone would hide from the compiler.
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    const lost = new AbortController();
    let reading = true;
    const silent = setTimeout(() => {
      // Whoever takes the events may think about one for as long as it likes.
      if (reading) lost.abort();
    }, times.silenceMs);
    try {
      const response = await connect(route, last, AbortSignal.any([signal, lost.signal]));
      response.setEncoding('utf8');
      const parser = createEventParser();
      for await (const piece of response) {
        for (const data of parser.take(piece as string)) {
          const event = parseEvent(data);
          last = event.id;
          wait = times.firstMs;
          reading = false;
          yield event;
          if (isOver()) return;
          reading = true;
        }
        silent.refresh();
        answeredAt = performance.now();
      }
    } catch (error) {
      if (isOver()) return;
      const failed = lost.signal.aborted
        ? new UpdateError('DAEMON_UNREACHABLE', `the events of ${route.name} fell silent`, { cause: error })
        : failure(route, error);
      if (!maySoon(failed) || performance.now() - answeredAt > times.giveUpMs) throw failed;
    } finally {
      clearTimeout(silent);
    }
    await pause(wait, signal);
    wait = Math.min(wait * 2, times.mostMs);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
