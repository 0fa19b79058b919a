import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlClient } from '../../src/control/client.ts';
import { badCaller, deafCaller, halfOpenCaller, statusCaller, streamCaller } from './callers.ts';
import { createTally, type Tally } from './tally.ts';

/** How many of each kind of bad caller there are. */
export const BAD = 50;

/** How long the callers are given to connect before anything else happens, ms; nothing depends on it. */
const SETTLE_MS = 3_000;

/** How long the load lasts on after what happens meanwhile, ms. */
const LAST_MS = 2_000;

const HALVES = [
  '',
  'GET /v1/st',
  'POST /v1/update HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
];

/** What a wave of callers is made of. */
export interface WaveOptions {
  readonly socket: string;
  readonly client: ControlClient;
  readonly clients: number;
  readonly streams: number;
  /** Ends the wave early. */
  readonly signal: AbortSignal;
  /** What happens while all of them are there. */
  readonly during: () => Promise<void>;
}

/** What became of the callers. */
export interface WaveFigures {
  readonly status: Tally;
  readonly streams: Tally;
  readonly deaf: Tally;
  readonly halfOpen: Tally;
  readonly bad: Tally;
  /** For each stream the states that it was told of. */
  readonly seen: readonly (readonly string[])[];
}

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** All callers at once; resolves when all of them are gone again. */
export async function wave(options: WaveOptions): Promise<WaveFigures> {
  const { socket, client } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, options.signal]);
  const [status, streams, deaf, halfOpen, bad] = [
    createTally(),
    createTally(),
    createTally(),
    createTally(),
    createTally(),
  ];
  const readers = many(options.streams, () => streamCaller(client, streams, signal));
  const callers = [
    ...many(options.clients, () => statusCaller({ socket, tally: status, signal })),
    ...many(BAD, () => deafCaller({ socket, tally: deaf, signal })),
    ...many(BAD, (at) => halfOpenCaller({ socket, tally: halfOpen, signal }, HALVES[at % 3] ?? '')),
    ...many(BAD, () => badCaller({ socket, tally: bad, signal })),
  ];
  try {
    await sleep(SETTLE_MS);
    await options.during();
    await sleep(LAST_MS);
  } finally {
    over.abort();
  }
  await Promise.all(callers);
  return { status, streams, deaf, halfOpen, bad, seen: await Promise.all(readers) };
}
