/**
 * A load on loopback, in a process of its own (`process.send`): requests are begun at a fixed rate whatever becomes of those before, so that
 * nobody's silence makes the load smaller (up to a bound, so that a machine that is too slow is told of by a lower rate). Each wait counts
 * from when the request was due.
 *
 * A request that finds its connection closed is sent once more, at once, as RFC 9110 (section 9.2.2) has it for idempotent ones, and is
 * counted as retried; one that fails then too has failed.
 */
import { get } from 'node:http';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { Pool } from 'undici';

/** Requests a second of each kind; 0: none. */
export interface Rates {
  /** HTTP on connections that are kept. */
  readonly kept: number;
  /** HTTP, each on a connection of its own. */
  readonly fresh: number;
  /** gRPC on channels that are kept. */
  readonly calls: number;
  /** gRPC, each on a channel of its own. */
  readonly freshCalls: number;
}

/** What is asked for, as JSON in the first argument. */
export interface LoadOptions {
  readonly httpPort: number;
  readonly path: string;
  readonly grpcPort: number;
  readonly rates: Rates;
}

/** What became of the requests of one kind. */
export interface KindFigures {
  sent: number;
  retried: number;
  failed: number;
  /** The longest wait, ms. */
  longestMs: number;
}

/** What became of all requests since the last time that it was asked. */
export interface LoadFigures {
  readonly seconds: number;
  readonly kinds: Readonly<Record<keyof Rates, KindFigures>>;
  /** Why requests were retried or failed, and how often. */
  readonly errors: Readonly<Record<string, number>>;
}

const TICK_MS = 5;
/** On a machine that is too slow for the rate it is not kept, rather than that ever more wait: twice what is asked for in a second. */
const OPEN_MAX = 4_000;
const PATIENCE_MS = 20_000;
const KEPT_CONNECTIONS = 32;
const CHANNELS = 4;
const CHECK = '/grpc.health.v1.Health/Check';

const { httpPort, path, grpcPort, rates } = JSON.parse(process.argv[2] ?? '') as LoadOptions;
const origin = `http://127.0.0.1:${String(httpPort)}`;
const pool = new Pool(origin, {
  connections: KEPT_CONNECTIONS,
  headersTimeout: PATIENCE_MS,
  connectTimeout: PATIENCE_MS,
});
const newChannel = (): Client =>
  new Client(`127.0.0.1:${String(grpcPort)}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
const channels = rates.calls === 0 ? [] : Array.from({ length: CHANNELS }, newChannel);

function call(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      CHECK,
      () => Buffer.alloc(0),
      (bytes) => bytes,
      {},
      { deadline: Date.now() + PATIENCE_MS },
      (error: ServiceError | null) => {
        if (error === null) resolve();
        else reject(error);
      },
    );
  });
}

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(`${origin}${path}`, { agent: false, timeout: PATIENCE_MS }, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`HTTP ${String(response.statusCode)}`));
      });
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', reject);
  });
}

let turn = 0;
const ATTEMPTS: Readonly<Record<keyof Rates, () => Promise<void>>> = {
  kept: async () => {
    const { statusCode, body } = await pool.request({ method: 'GET', path });
    await body.dump();
    if (statusCode !== 200) throw new Error(`HTTP ${String(statusCode)}`);
  },
  fresh: ask,
  calls: async () => {
    const channel = channels[(turn += 1) % channels.length];
    if (channel !== undefined) await call(channel);
  },
  freshCalls: async () => {
    const channel = newChannel();
    try {
      await call(channel);
    } finally {
      channel.close();
    }
  },
};
const KINDS = Object.keys(ATTEMPTS) as (keyof Rates)[];

const nothing = (): KindFigures => ({ sent: 0, retried: 0, failed: 0, longestMs: 0 });
const noKinds = (): Record<keyof Rates, KindFigures> => ({
  kept: nothing(),
  fresh: nothing(),
  calls: nothing(),
  freshCalls: nothing(),
});
let figures = noKinds();
let errors: Record<string, number> = {};
let since = performance.now();
const open = new Set<Promise<void>>();

const note = (kind: string, error: unknown): void => {
  const text =
    error instanceof Error
      ? `${'code' in error ? `${String(error.code)} ` : ''}${error.message}`
      : String(error);
  const name = `${kind}: ${text.replaceAll(/\d{4,}/g, 'N').slice(0, 120)}`;
  errors[name] = (errors[name] ?? 0) + 1;
};

async function measured(kind: keyof Rates, due: number): Promise<void> {
  const mine = figures[kind];
  mine.sent += 1;
  try {
    await ATTEMPTS[kind]();
  } catch (first) {
    note(kind, first);
    mine.retried += 1;
    try {
      await ATTEMPTS[kind]();
    } catch (second) {
      note(`${kind} again`, second);
      mine.failed += 1;
    }
  }
  mine.longestMs = Math.max(mine.longestMs, performance.now() - due);
}

const began = performance.now();
const begun: Record<keyof Rates, number> = { kept: 0, fresh: 0, calls: 0, freshCalls: 0 };
const ticking = setInterval(() => {
  const now = performance.now();
  for (const kind of KINDS) {
    const due = ((now - began) / 1000) * rates[kind];
    while (begun[kind] < due) {
      if (open.size >= OPEN_MAX) {
        begun[kind] = due;
        break;
      }
      const at = began + (begun[kind] / rates[kind]) * 1000;
      begun[kind] += 1;
      const one = measured(kind, at);
      open.add(one);
      void one.then(() => open.delete(one));
    }
  }
}, TICK_MS);

/** Waits until what is open now is answered, so that a wait belongs to the time in which it began. */
async function report(): Promise<void> {
  await Promise.all(open);
  const now = performance.now();
  process.send?.({ seconds: (now - since) / 1000, kinds: figures, errors } satisfies LoadFigures);
  figures = noKinds();
  errors = {};
  since = now;
}

process.on('message', (word: unknown) => {
  if (word === 'report') void report();
  else {
    clearInterval(ticking);
    void report().then(async () => {
      await pool.close();
      for (const channel of channels) channel.close();
      process.exit();
    });
  }
});
// Nobody is left to tell.
process.once('disconnect', () => process.exit());
