/**
 * Many hosts at once, with the daemon's own code: `schedule` sets the checks, `persistently` asks again, the gate spreads a window.
 * Only the feed is played: it counts, and answers or not.
 */
import { createFeed } from '../../src/adapters/feed.ts';
import { noNudges } from '../../src/adapters/no-fleet.ts';
import { createGate } from '../../src/adapters/gate.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Clock, Ports } from '../../src/services/ports.ts';
import { intervalMs } from '../../src/services/interval.ts';
import { persistently } from '../../src/services/retry.ts';
import { schedule } from '../../src/services/schedule.ts';
import type { Ended } from '../../src/types.ts';
import { createVirtualClock } from './virtual-clock.ts';

/** A story that a fleet goes through; all times ms from its start. */
export interface Scenario {
  readonly name: string;
  readonly tells: string;
  readonly lengthMs: number;
  /** How the hosts start: `settled` where they have checked before; `boot` all at once, for the first time or not. */
  readonly start: 'settled' | 'boot';
  /** While nobody answers. */
  readonly outage?: { readonly from: number; readonly to: number };
  /** From then on the head is expired, and asked for twice. */
  readonly expiresAt?: number;
  /** All hosts wait with a staged release until it opens; each looks at the head once when it goes. */
  readonly window?: { readonly opensAt: number; readonly lengthMs: number };
}

/** So many hosts are played at once. They know nothing of each other, so what they ask adds up; and memory does not grow with the fleet. */
const AT_ONCE = 10_000;

/** Requests in each `bucketMs`, from the start. */
export interface Load {
  readonly bucketMs: number;
  readonly requests: readonly number[];
}

const CHECK_INTERVAL_MS = 3_600_000;
const JITTER = 0.1;
const MIDNIGHT = Date.UTC(2026, 0, 1);
const PLAN = {
  from: { origin: 'baseline', version: '1.0.0' },
  to: { origin: 'baseline', version: '1.1.0' },
} as const;
const ENDED: Ended = {
  attempt: { id: '', trigger: 'schedule', mode: 'apply' },
  outcome: 'nothing',
  reason: '',
  error: null,
  stage: 'checking',
  from: null,
  to: null,
};

/** What the services wait by. Each wait of a host gets a signal of its own: one for all would remember every wait that hung on it. */
class Waits {
  #last = new AbortController();
  next(): AbortSignal {
    this.#last = new AbortController();
    return this.#last.signal;
  }
  /** Lets go of what still waits when the story is over: Node keeps it otherwise. */
  end(): void {
    this.#last.abort();
  }
}

/** The ports that the services here use; all others are not there. */
function portsFor(clock: Clock): Ports {
  const parts: Pick<Ports, 'clock' | 'reporter' | 'ids'> & Record<string, unknown> = {
    clock,
    reporter: { report: () => undefined },
    ids: { next: () => 'id' },
    journal: { close: () => Promise.resolve() },
    gate: {},
    nudges: noNudges,
    feed: {},
    heads: { read: () => Promise.resolve(null) },
    host: { trust: { keys: new Map([['', {}]]) } },
  };
  return parts as unknown as Ports;
}

/**
 * Plays a scenario.
 *
 * @param hosts - how many
 * @param seed - the same one gives the same load
 * @param bucketMs - the time over which requests are counted together
 */
export async function simulate(
  scenario: Scenario,
  hosts: number,
  seed: number,
  bucketMs: number,
): Promise<Load> {
  const requests = new Array<number>(Math.ceil(scenario.lengthMs / bucketMs)).fill(0);
  for (let first = 0; first < hosts; first += AT_ONCE) {
    const end = Math.min(first + AT_ONCE, hosts);
    const seeds = Array.from({ length: end - first }, (_, index) => seed * 1_000_003 + first + index);
    await play(scenario, seeds, { bucketMs, requests });
  }
  return { bucketMs, requests };
}

/** Plays a scenario with one host for each seed, and adds what they ask to the load. */
async function play(
  scenario: Scenario,
  seeds: readonly number[],
  { bucketMs, requests }: { readonly bucketMs: number; readonly requests: number[] },
): Promise<void> {
  const { lengthMs, outage, window } = scenario;
  const time = createVirtualClock(MIDNIGHT);
  const { retry } = createFeed('http://feed.invalid');

  const ask = (): Promise<void> => {
    const at = Math.min(Math.floor(time.now() / bucketMs), requests.length - 1);
    requests[at] = (requests[at] ?? 0) + 1;
    const isAway = outage !== undefined && time.now() >= outage.from && time.now() < outage.to;
    return isAway
      ? Promise.reject(new UpdateError('FEED_UNREACHABLE', 'nobody answers', { retry: { afterMs: null } }))
      : Promise.resolve();
  };
  const check = async (ports: Ports, waits: Waits): Promise<void> => {
    try {
      await persistently(ports, retry, waits.next(), ask);
      if (time.now() >= (scenario.expiresAt ?? Infinity)) await persistently(ports, retry, waits.next(), ask);
    } catch (error) {
      if (UpdateError.from(error).code !== 'FEED_UNREACHABLE') throw error;
    }
  };
  const checkForEver = async (clock: Clock, waits: Waits): Promise<never> => {
    const ports = portsFor(clock);
    const settings = {
      channel: 'stable',
      disabled: null,
      checkIntervalMs: CHECK_INTERVAL_MS,
      jitter: JITTER,
      minAgeMs: 0,
      allowSecurityOverride: false,
      group: 'default',
    } as const;
    const next = schedule(ports, settings);
    if (scenario.start === 'settled') {
      // What is left of an interval that began before.
      await clock.sleep(
        clock.random() * intervalMs(clock, { checkIntervalMs: CHECK_INTERVAL_MS, jitter: JITTER }),
        waits.next(),
      );
      await check(ports, waits);
    }
    for (let ended: Ended | null = scenario.start === 'settled' ? ENDED : null; ; ended = ENDED) {
      await next({ ended, paused: null, watch: null }, waits.next());
      await check(ports, waits);
    }
  };
  const waitForWindow = async (
    clock: Clock,
    waits: Waits,
    { opensAt, lengthMs: length }: NonNullable<Scenario['window']>,
  ): Promise<void> => {
    const [opens, closes] = [MIDNIGHT + opensAt, MIDNIGHT + opensAt + length];
    const ports = portsFor(clock);
    const gate = createGate({
      windowAt: (now) => ({
        open: now >= opens && now < closes,
        opensAt: now < opens ? opens : null,
        closesAt: now >= opens ? closes : null,
        timeZone: null,
      }),
      approval: 'none',
      approvals: {} as Ports['approvals'],
      clock,
      reporter: ports.reporter,
    });
    await gate.pass(ENDED.attempt, PLAN, waits.next());
    await check(ports, waits);
  };

  const failed: unknown[] = [];
  const all = seeds.map((seed) => {
    const [clock, waits] = [time.forHost(seed), new Waits()];
    const life = window === undefined ? checkForEver(clock, waits) : waitForWindow(clock, waits, window);
    life.catch((error: unknown) => failed.push(error));
    return waits;
  });
  await time.runUntil(lengthMs);
  for (const waits of all) waits.end();
  if (failed.length > 0) throw UpdateError.from(failed[0]);
}

const MIN = 60_000;
const HOUR = 60 * MIN;

/** What may bring a fleet to ask at once. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'steady', tells: 'hosts that have checked for long', lengthMs: 4 * HOUR, start: 'settled' },
  {
    name: 'start',
    tells: 'all of them start in the same second, after a power cut or newly installed',
    lengthMs: 4 * HOUR,
    start: 'boot',
  },
  {
    name: 'outage',
    tells: 'nobody answers from 1:00 to 2:00; then the feed is there again',
    lengthMs: 4 * HOUR,
    start: 'settled',
    outage: { from: HOUR, to: 2 * HOUR },
  },
  {
    name: 'expiry',
    tells: 'the head expires at 1:00 and nobody renews it',
    lengthMs: 4 * HOUR,
    start: 'settled',
    expiresAt: HOUR,
  },
  {
    name: 'window',
    tells: 'all of them wait for a window of 4 hours that opens at 1:00',
    lengthMs: 4 * HOUR,
    start: 'settled',
    window: { opensAt: HOUR, lengthMs: 4 * HOUR },
  },
];

/** What a fleet of this size asks in a bucket when it is spread evenly: one request a host and interval. */
export function evenShare(hosts: number, bucketMs: number): number {
  return (hosts * bucketMs) / CHECK_INTERVAL_MS;
}
