/**
 * The host's part in a fleet on NATS, put together: the connection, the outbox, pushed heads, presence, orders, and the lease.
 *
 * Invariants:
 * - Nothing here is waited for: the daemon starts, runs and stops as fast without NATS as with it.
 * - On `manual` no head is listened for.
 */
import { fleetHostId } from '../adapters/fleet-host-id.ts';
import { listenForHeads } from '../adapters/nats-heads.ts';
import { natsLease } from '../adapters/nats-lease.ts';
import { createNatsLink, type LinkState, type NatsLink } from '../adapters/nats-link.ts';
import { natsOrders } from '../adapters/nats-orders.ts';
import { natsOutcomes } from '../adapters/nats-outcomes.ts';
import { natsPresence } from '../adapters/nats-presence.ts';
import { noNudges, noOrders } from '../adapters/no-fleet.ts';
import { readOperatorKeys } from '../adapters/operator-keys.ts';
import { openOrderStore } from '../adapters/order-store.ts';
import type { Disk } from '../adapters/disk.ts';
import { cohort } from '../bundle/rollout.ts';
import type { Config } from '../config/index.ts';
import type { FleetView } from '../control/api.ts';
import { UpdateError } from '../errors.ts';
import { connectNats } from '../fleet/connect.ts';
import { fleetNames, inboxOf, type FleetNames } from '../fleet/names.ts';
import { openOrderBook, type OrderBook } from '../fleet/order-book.ts';
import { createGlance } from '../fleet/glance.ts';
import type { OperatorKeys, Order } from '../fleet/orders.ts';
import { createOutbox } from '../fleet/outbox.ts';
import { createPresence } from '../fleet/presence.ts';
import { RECORD_SCHEMA, type PresenceRecord } from '../fleet/records.ts';
import type { UpdateContext } from '../machines/update.types.ts';
import type { Feed, Host, Journal, Lease, Nudges, Orders, Ports } from '../services/ports.ts';
import { createPushedHeads, type PushedHeads } from '../services/pushed-heads.ts';
import type { StateName } from '../types.ts';

/** How the update machine is, for the presence. */
export type MachineFacts = Pick<PresenceRecord, 'state' | 'target' | 'paused'>;

/** What the update machine tells of itself. */
export function machineFacts({
  value,
  context,
}: {
  readonly value: StateName;
  readonly context: Pick<UpdateContext, 'release' | 'plan' | 'attempt' | 'paused'>;
}): MachineFacts {
  const to = context.plan?.to;
  const target = to?.origin === 'store' ? { version: to.version, digest: to.digest } : context.release;
  return {
    state: value,
    target: context.attempt === null || target === null ? null : target,
    paused: context.paused,
  };
}

/** What is told of the fleet on this host. */
export interface FleetReport {
  readonly group: string;
  readonly host: string;
  /** null where no NATS is configured. */
  readonly link: LinkState | null;
  /** Outcomes that wait to be sent; counted up to {@link OUTBOX_COUNTED}. */
  readonly outbox: number;
  readonly halts: readonly Order[];
}

/** A host's part in a fleet. */
export interface Fleet {
  readonly orders: Orders;
  readonly nudges: Nudges;
  readonly lease: Lease | null;
  /** The feed, with pushed heads before it. */
  before(feed: Feed): Feed;
  /** The journal, which wakes the outbox at the end of an attempt. */
  around(journal: Journal): Journal;
  /** Connects, and tells of this host from now on. */
  begin(machine: () => MachineFacts): void;
  /** Something of what is told of this host may have changed. */
  changed(): void;
  report(): Promise<FleetReport>;
  /**
   * The whole fleet at a glance, as far as this host may read it.
   *
   * @throws UpdateError `FLEET_NOT_CONFIGURED` without NATS; `FLEET_UNREACHABLE` where it is away, does not answer soon, or refuses
   */
  glance(): Promise<FleetView>;
  /** Never rejects, and never takes longer than a moment. */
  close(): Promise<void>;
}

/** What {@link openFleet} needs. */
export interface FleetParts extends Pick<
  Ports,
  'clock' | 'reporter' | 'heads' | 'journal' | 'quarantine' | 'store'
> {
  readonly config: Config;
  readonly host: Host;
  readonly disk: Disk;
  /** Absolute path of `orders/`. */
  readonly ordersFolder: string;
}

/** So many outcomes that wait are counted. */
export const OUTBOX_COUNTED = 1000;

/** How long the end of the daemon waits for what is still to be told, ms. */
const CLOSE_MS = 1_000;

/** How long a look at the whole fleet may take, ms: somebody waits for it. */
const GLANCE_MS = 3_000;

/** Where there is no NATS. */
export const noFleet = (): UpdateError =>
  new UpdateError('FLEET_NOT_CONFIGURED', 'expected `fleet.nats.url`, found none');

interface OnNats {
  readonly link: NatsLink;
  readonly names: FleetNames;
}

async function bookOf(
  { host, clock, reporter, disk, ordersFolder }: FleetParts,
  nats: OnNats | null,
  keys: OperatorKeys | null,
): Promise<OrderBook | null> {
  if (keys === null) return null;
  const late: { ask: ((digest: string) => Promise<readonly Uint8Array[]>) | null } = { ask: null };
  const book = await openOrderBook({
    keys,
    product: host.product,
    store: openOrderStore(disk, ordersFolder),
    clock,
    reporter,
    ask: (digest) => late.ask?.(digest) ?? Promise.resolve([]),
  });
  // Each needs the other: the book asks, and what comes by itself goes into the book.
  if (nats !== null) late.ask = natsOrders(nats.link, nats.names, (bytes) => book.take(bytes));
  return book;
}

function linkOf({ config, clock, reporter }: FleetParts, group: string, name: string): NatsLink | null {
  const { nats } = config.fleet;
  if (nats === null) return null;
  const inbox = inboxOf(group, name);
  return createNatsLink({
    connect: () => connectNats(nats, { name: `coresdk ${group}.${name}`, inbox }),
    clock,
    reporter,
  });
}

/**
 * Opens it; nothing is connected before `begin`.
 *
 * @returns null where no fleet is configured
 * @throws UpdateError `CONFIG_INVALID` for operators' keys that cannot be used
 */
export async function openFleet(parts: FleetParts): Promise<Fleet | null> {
  const { config, host, clock, reporter, journal, quarantine, store } = parts;
  const { fleet, update } = config;
  if (fleet.nats === null && fleet.operatorKeysFile === null) return null;
  const { group } = fleet;
  const name = fleet.host ?? fleetHostId(host.machineId);
  const names = fleetNames(host.product);
  const link = linkOf(parts, group, name);
  const nats = link === null ? null : { link, names };
  const keys = fleet.operatorKeysFile === null ? null : await readOperatorKeys(fleet.operatorKeysFile);
  const book = await bookOf(parts, nats, keys);
  const teller = {
    product: host.product,
    group,
    host: name,
    channel: update.channel,
    daemon: host.updaterVersion,
    cohort: (digest: string) => cohort(host.machineId, host.product, digest),
  };
  const waiting = async (): Promise<number> => (await journal.outbox(OUTBOX_COUNTED)).length;

  const pushed: PushedHeads | null =
    link === null || update.channel === 'manual' ? null : createPushedHeads(parts, update.channel);
  if (link !== null && pushed !== null && update.channel !== 'manual')
    listenForHeads(link, names, update.channel, (bytes) => pushed.take(bytes));

  const outcomes = link === null ? null : natsOutcomes(link, names);
  const outbox =
    outcomes === null
      ? null
      : createOutbox({
          journal,
          quarantine,
          publish: (record) => outcomes.publish(record),
          teller,
          clock,
          reporter,
        });
  let machine: () => MachineFacts = () => ({ state: 'recovering', target: null, paused: null });
  const facts = async (): Promise<Omit<PresenceRecord, 'everyMs'>> => {
    const current = await store.current();
    return {
      schema: RECORD_SCHEMA,
      product: host.product,
      group,
      host: name,
      daemon: host.updaterVersion,
      platform: { ...host.platform, libc: host.platform.libc },
      channel: update.channel,
      workload: {
        version: current.version,
        digest: current.origin === 'store' ? current.digest : null,
      },
      outbox: await waiting(),
      ...machine(),
    };
  };
  const presence =
    link === null ? null : createPresence({ facts, put: natsPresence(link, names), clock, reporter });
  const lease =
    link === null || fleet.nats === null || update.gate !== 'nats'
      ? null
      : natsLease({ link, names, group, host: name, slots: fleet.nats.slots, clock, reporter });
  const access = fleet.nats;
  const glance =
    link === null || access === null
      ? null
      : createGlance({
          product: host.product,
          keys: keys ?? new Map<string, never>(),
          isUp: () => void link.connection(),
          // A connection of its own: what it may not read is refused there, and disturbs nothing else.
          connect: () =>
            connectNats(access, {
              name: `coresdk ${group}.${name} glance`,
              inbox: inboxOf(group, name),
              timeoutMs: GLANCE_MS,
            }),
          withinMs: GLANCE_MS,
          now: () => clock.now(),
        });
  link?.each(() => {
    outbox?.wake();
    presence?.wake(true);
    return Promise.resolve();
  });

  return {
    orders: book ?? noOrders,
    nudges: pushed?.nudges ?? noNudges,
    lease,
    before: (feed) => pushed?.before(feed) ?? feed,
    around: (inner) =>
      outbox === null
        ? inner
        : {
            ...inner,
            enter: async (...args) => {
              await inner.enter(...args);
              outbox.wake();
            },
            close: async (ended) => {
              await inner.close(ended);
              outbox.wake();
            },
          },
    begin: (told) => {
      machine = told;
      link?.open();
    },
    changed: () => {
      if (link?.state().connected === true) presence?.wake();
    },
    report: async () => ({
      group,
      host: name,
      link: link?.state() ?? null,
      outbox: link === null ? 0 : await waiting(),
      halts: book?.inForce() ?? [],
    }),
    glance: () => glance?.() ?? Promise.reject(noFleet()),
    close: async () => {
      if (link === null) return;
      const last = Promise.allSettled([outbox?.close(), presence?.close(), lease?.close()]);
      const enough = new AbortController();
      const waited = clock.sleep(link.state().connected ? CLOSE_MS : 0, enough.signal);
      await Promise.race([last, waited.catch(() => undefined)]);
      enough.abort();
      // What still waits for an answer is told that there is none.
      await link.close();
      await last;
    },
  };
}
