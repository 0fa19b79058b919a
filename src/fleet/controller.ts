/**
 * The controller: reads what hosts say of releases, and halts the rollout of one that too many went back from.
 *
 * Invariants:
 * - It keeps nothing: all that it knows is in NATS, and read again at each start. So any number of them may run, and any may die.
 * - Of several that decide the same, one orders it: the order is a compare-and-set on the release's subject.
 * - It decides only when it has read everything that was there when it began, the orders too.
 * - Only an operator lets a release go on. What hosts said before that counts no more.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { UpdateError } from '../errors.ts';
import { follow, type Arrived } from './follow.ts';
import { giveOrder } from './give-order.ts';
import { decideHalt, type HaltDecision, type HaltPolicy } from './halt-decision.ts';
import { fleetNames, isOwn } from './names.ts';
import { createOrderLedger } from './order-ledger.ts';
import type { OperatorKeys, OrderSigner } from './orders.ts';
import { outcomeSchema, RECORD_LIMITS, type OrderPayload, type OutcomeRecord } from './records.ts';
import { createTally, type Heard, type Spoken } from './tally.ts';
import { holds } from './view.ts';

/** What a controller tells. */
export type ControllerEvent =
  /** It has read everything that was there. */
  | { readonly kind: 'ready'; readonly outcomes: number; readonly halted: number }
  | { readonly kind: 'outcome'; readonly outcome: OutcomeRecord; readonly at: number }
  /** A message that is no outcome, or one of another host than its subject is of; it counts for nothing. */
  | { readonly kind: 'unreadable'; readonly subject: string; readonly seq: number }
  /** An order that was given by anybody, this controller too. */
  | { readonly kind: 'ordered'; readonly order: OrderPayload }
  /** An order that no operators' key has signed rightly; hosts do not obey it. */
  | { readonly kind: 'refused'; readonly digest: string; readonly error: UpdateError }
  /** A release is to be halted. `watch` only says so. */
  | {
      readonly kind: 'decided';
      readonly version: string;
      readonly digest: string;
      readonly decision: Extract<HaltDecision, { halt: true }>;
    }
  /** NATS is away; it begins anew. */
  | { readonly kind: 'lost'; readonly error: UpdateError };

/** What a controller needs. */
export interface ControllerOptions {
  /** Makes a connection that does not connect again by itself: a new one begins anew. */
  readonly connect: () => Promise<NatsConnection>;
  readonly product: string;
  readonly policy: HaltPolicy;
  /** Whose orders count. */
  readonly keys: OperatorKeys;
  /** Signs the halts, by one of `keys`; null: nothing is ordered, only told. */
  readonly signer: OrderSigner | null;
  /** Who orders, for people; `controller` unless told. */
  readonly by?: string;
  /** ms since 1970. */
  readonly now: () => number;
  readonly tell: (event: ControllerEvent) => void;
  /** How long it waits before it begins anew, ms; 1,000 unless told. */
  readonly againMs?: number;
}

/** Everything is looked at again so often, ms: an order may have ended by itself. */
const LOOK_AGAIN_MS = 60_000;
/** So many hosts are named in an order. */
const NAMED = 20;

/** Failures as lines, the first of each host, oldest first. */
function evidenceLines(words: readonly Heard[]): string[] {
  const failed = words.filter(({ said }) => said === 'failed').sort((a, b) => a.at - b.at);
  const first = failed.filter(
    ({ host }, index) => failed.findIndex((other) => other.host === host) === index,
  );
  return first
    .slice(0, NAMED)
    .map(({ host, group, code, detail }) =>
      `${group}/${host}: ${code ?? 'failed'}: ${detail}`.slice(0, RECORD_LIMITS.line),
    );
}

/** One life of a controller: from the first message of the streams to the loss of the connection. */
async function live(
  options: ControllerOptions,
  connection: NatsConnection,
  signal: AbortSignal,
): Promise<void> {
  const { product, policy, keys, signer, now, tell } = options;
  const names = fleetNames(product);
  const tally = createTally();
  const ledger = createOrderLedger({ keys, product });
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const reading = { outcomes: true, orders: true };
  /** Releases of which something new is known. */
  const news = new Set<string>();
  /** Releases whose halt has been told already; looked at anew once an order about them holds, or after a time: never as fast as it goes. */
  const told = new Set<string>();

  const halt = async ({ version, digest, words }: Spoken, decision: HaltDecision): Promise<void> => {
    if (!decision.halt || told.has(digest)) return;
    told.add(digest);
    tell({ kind: 'decided', version, digest, decision });
    if (signer === null) return;
    const { failed, committed } = decision.because;
    const given = await giveOrder(
      { connection, product, signer, by: options.by ?? 'controller', now: now() },
      ledger.of(digest),
      {
        action: 'halt',
        release: { version, digest },
        reason: decision.reason.slice(0, RECORD_LIMITS.text),
        evidence: {
          hosts: failed + committed,
          failed,
          threshold: Math.min(1, Math.max(0, policy.share || 0)),
          lines: evidenceLines(words),
        },
      },
    );
    // Lost to another: the stream tells whether that one holds, and by that it goes on.
    if (given === null) told.delete(digest);
  };
  const judge = async (digest: string): Promise<void> => {
    const spoken = tally.of(digest);
    const { order, at } = ledger.of(digest);
    if (spoken === null || (order !== null && holds(order, now()))) return;
    const words = order?.action === 'resume' ? spoken.words.filter((word) => word.at > at) : spoken.words;
    await halt({ ...spoken, words }, decideHalt(words, policy));
  };
  /** One at a time, so that a flood of outcomes is judged once. */
  let judging: Promise<void> | null = null;
  const judgeAll = async (): Promise<void> => {
    while (news.size > 0 && !stop.aborted) {
      const digests = [...news];
      news.clear();
      for (const digest of digests) await judge(digest);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const fault = Promise.withResolvers<never>();
  const look = (): void => {
    if (reading.outcomes || reading.orders || stop.aborted) return;
    judging ??= judgeAll().then(
      () => {
        judging = null;
        if (news.size > 0) look();
      },
      (error: unknown) => {
        fault.reject(error);
      },
    );
  };
  const caughtUp = (what: 'outcomes' | 'orders'): void => {
    reading[what] = false;
    if (reading.outcomes || reading.orders) return;
    const halted = ledger.all().filter((order) => holds(order, now())).length;
    tell({ kind: 'ready', outcomes: tally.all().reduce((sum, { words }) => sum + words.length, 0), halted });
    look();
  };
  const hearOutcome = ({ subject, data, at, seq }: Arrived): void => {
    const outcome = readOutcome(data, subject);
    if (outcome === null) {
      tell({ kind: 'unreadable', subject, seq });
      return;
    }
    const digest = tally.hear(outcome, at);
    if (!reading.outcomes) tell({ kind: 'outcome', outcome, at });
    if (digest !== null) news.add(digest);
  };
  const hearOrder = async (message: Arrived): Promise<void> => {
    const { digest, refused } = await ledger.hear(message);
    const { order } = ledger.of(digest);
    news.add(digest);
    if (refused !== null) {
      tell({ kind: 'refused', digest, error: refused });
      return;
    }
    if (order !== null && !reading.orders) tell({ kind: 'ordered', order });
    told.delete(digest);
  };
  const outcomes = async (): Promise<void> => {
    for await (const read of follow(connection, names.streams.outcomes, stop)) {
      if (read === null) caughtUp('outcomes');
      else hearOutcome(read);
      look();
    }
  };
  const orders = async (): Promise<void> => {
    for await (const read of follow(connection, names.streams.orders, stop)) {
      if (read === null) caughtUp('orders');
      else await hearOrder(read);
      look();
    }
  };
  const again = setInterval(() => {
    told.clear();
    for (const { digest } of tally.all()) news.add(digest);
    look();
  }, LOOK_AGAIN_MS);
  const underWay = async (): Promise<void> => {
    await judging;
  };
  const readers = [outcomes(), orders()];
  try {
    await Promise.race([Promise.all(readers), fault.promise]);
  } finally {
    clearInterval(again);
    over.abort();
    await Promise.allSettled([...readers, underWay()]);
  }
}

/**
 * An outcome out of its bytes; null for anything else. A server grants each host its own subject, so one that speaks for another host,
 * in whose name it could halt every release, counts for nothing.
 *
 * @param subject - of the message: `… .GROUP.HOST`
 */
export function readOutcome(data: Uint8Array, subject: string): OutcomeRecord | null {
  try {
    const parsed = outcomeSchema.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
    if (!parsed.success || !isOwn(parsed.data, subject)) return null;
    return parsed.data.id.startsWith(`${parsed.data.host}/`) ? parsed.data : null;
  } catch {
    return null;
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });

/**
 * Runs a controller until the signal fires. A NATS that is away is told, and tried again for ever.
 *
 * @throws UpdateError what is not NATS's being away: `CONFIG_INVALID`, `SIGNING_FAILED`
 * @example
 * await runController({ connect, product, policy: DEFAULT_POLICY, keys, signer, now: Date.now, tell: console.log }, signal);
 */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const isWanted = (): boolean => !signal.aborted;
  while (isWanted()) {
    let connection: NatsConnection | null = null;
    try {
      connection = await options.connect();
      await live(options, connection, signal);
    } catch (error) {
      const failure = UpdateError.from(error);
      if (failure.code !== 'FLEET_UNREACHABLE') throw failure;
      if (isWanted()) options.tell({ kind: 'lost', error: failure });
    } finally {
      await connection?.close();
    }
    await pause(options.againMs ?? 1_000, signal);
  }
}
