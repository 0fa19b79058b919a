/**
 * The event streams of the control API: server-sent events (HTML Living Standard, section 9.2).
 *
 * Invariants: a stream holds no more than one event beyond what Node buffers before it says "full"; what it misses meanwhile stays
 * in the daemon's own memory of events, once for all streams. Every stream has one listener while it keeps up and none while it does
 * not, and leaves none behind.
 */
import type { ServerResponse } from 'node:http';
import { UpdateError } from '../errors.ts';
import type { ControlApi, ControlEvent } from './api.ts';

/** Limits of the streams. */
export interface StreamLimits {
  /** Streams at once. */
  readonly max: number;
  /** How often a comment is sent, ms: it keeps the connection from being taken for dead. */
  readonly heartbeatMs: number;
  /** Heartbeats that a stream may stay full before it is cut off. */
  readonly patience: number;
}

/** 512 streams, a comment every 15 s, cut off after 2 of them. */
export const STREAM_LIMITS: StreamLimits = { max: 512, heartbeatMs: 15_000, patience: 2 };

/** After how long a stream that was refused may be asked for again, s. */
export const RETRY_AFTER_S = 5;

/** What a reader is told to wait before it connects again, ms. */
const RECONNECT_MS = 1_000;

/** What is sent before anything else. */
const GREETING = `retry: ${String(RECONNECT_MS)}\n: events of the CoreSDK sidecar updater\n\n`;
const HEARTBEAT = ':\n\n';

/** The event streams that are open. */
export interface EventStreams {
  /** How many are open. */
  readonly count: () => number;
  /**
   * Sends events until the reader goes, or {@link EventStreams.close}.
   *
   * @param response - with nothing sent yet
   * @param headers - sent besides those of a stream
   * @param after - first what is remembered since the event with this id
   * @throws UpdateError `RATE_LIMITED` when there are too many; nothing is sent then
   */
  open(response: ServerResponse, headers: Readonly<Record<string, string>>, after: number | undefined): void;
  /** Ends every stream at once, and takes no more. */
  close(): void;
}

/** One stream. */
interface Stream {
  /** Called at each heartbeat. */
  beat(): void;
  end(): void;
}

/** An event as it goes over the wire; once for all streams. */
function framing(): (event: ControlEvent) => string {
  const frames = new WeakMap<ControlEvent, string>();
  return (event) => {
    const known = frames.get(event);
    if (known !== undefined) return known;
    // JSON has no line ends of its own, so one `data` line holds it.
    const made = `id: ${String(event.id)}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
    frames.set(event, made);
    return made;
  };
}

interface StreamOptions {
  readonly api: Pick<ControlApi, 'events'>;
  readonly response: ServerResponse;
  readonly after: number | undefined;
  readonly frame: (event: ControlEvent) => string;
  readonly patience: number;
  readonly onOver: (stream: Stream) => void;
}

function startStream({ api, response, after, frame, patience, onOver }: StreamOptions): Stream {
  /** The id of the last event that was handed to the socket; undefined: none, and none that is past is wanted. */
  let cursor = after;
  /** null while the reader does not keep up, and once it is over. */
  let stop: (() => void) | null = null;
  let full = false;
  let beatsFull = 0;
  let over = false;

  const silence = (): void => {
    stop?.();
    stop = null;
  };
  const send = (event: ControlEvent): void => {
    if (over) return;
    if (full) {
      // Asked for again on `drain`, with all that comes until then.
      cursor ??= event.id - 1;
      silence();
      return;
    }
    cursor = event.id;
    full = !response.write(frame(event));
  };
  const listen = (): void => {
    const ends = api.events(send, cursor);
    // What is remembered comes before `events` returns, and may fill the socket already.
    if (over || (full && cursor !== undefined)) ends();
    else stop = ends;
  };
  const stream: Stream = {
    beat: () => {
      if (full) beatsFull += 1;
      else full = !response.write(HEARTBEAT);
      if (beatsFull >= patience) response.destroy();
    },
    end: () => {
      response.end();
      // `end` waits for what is buffered; a reader that does not read would hold the server open.
      response.destroy();
    },
  };
  response.on('drain', () => {
    if (over) return;
    full = false;
    beatsFull = 0;
    if (stop === null) listen();
  });
  // A reader that goes in the middle of a write is no fault.
  response.on('error', () => undefined);
  response.once('close', () => {
    over = true;
    silence();
    onOver(stream);
  });
  full = !response.write(GREETING);
  listen();
  return stream;
}

/**
 * Makes the streams of a daemon.
 *
 * @param api - whose events are sent
 * @param limits - {@link STREAM_LIMITS} unless told
 */
export function createEventStreams(
  api: Pick<ControlApi, 'events'>,
  limits: StreamLimits = STREAM_LIMITS,
): EventStreams {
  const streams = new Set<Stream>();
  const frame = framing();
  let heart: NodeJS.Timeout | null = null;
  let closed = false;

  const forget = (stream: Stream): void => {
    streams.delete(stream);
    if (streams.size > 0 || heart === null) return;
    clearInterval(heart);
    heart = null;
  };
  const beat = (): void => {
    for (const stream of streams) stream.beat();
  };
  return {
    count: () => streams.size,
    open: (response, headers, after) => {
      if (closed || streams.size >= limits.max)
        throw new UpdateError(
          'RATE_LIMITED',
          `expected at most ${String(limits.max)} event streams at once, found one more`,
        );
      response.writeHead(200, {
        ...headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // A proxy in between must not hold events back (nginx).
        'x-accel-buffering': 'no',
      });
      const { patience } = limits;
      streams.add(startStream({ api, response, after, frame, patience, onOver: forget }));
      heart ??= setInterval(beat, limits.heartbeatMs);
    },
    close: () => {
      closed = true;
      for (const stream of streams) stream.end();
    },
  };
}
