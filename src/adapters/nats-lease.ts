/**
 * Places among the hosts of a group that may update at once, as keys of a NATS bucket.
 *
 * Invariants:
 * - A place is taken, renewed and given back by compare-and-set on the revision of its key, and by nothing else: of two who want it one
 *   gets it, and whoever lost it finds that out by the next write.
 * - The bucket's time to live ends a place that is not renewed, by the server's clock. This host counts from before it asked, on a clock
 *   that never goes back, so it never believes in a place for longer than the server does.
 * - A host looks for its place among the same keys each time, and finds the one that it held before a crash.
 */
import { createHash } from 'node:crypto';
import { UpdateError, type ErrorRecord } from '../errors.ts';
import { fleetFault, isElsewhere, isLostRace } from '../fleet/faults.ts';
import { lastMessage } from '../fleet/last.ts';
import type { FleetNames } from '../fleet/names.ts';
import { leaseSchema, RECORD_SCHEMA, type LeaseRecord } from '../fleet/records.ts';
import type { Clock, Lease, Reporter } from '../services/ports.ts';
import type { NatsLink } from './nats-link.ts';

/** What {@link natsLease} needs. */
export interface NatsLeaseOptions {
  readonly link: NatsLink;
  readonly names: FleetNames;
  readonly group: string;
  readonly host: string;
  /** How many hosts of the group may hold a place at once. */
  readonly slots: number;
  readonly clock: Clock;
  readonly reporter: Reporter;
}

/** A host looks at so many places at most: enough that one of very many is found free, and few enough to ask for each time. */
const LOOKED_AT = 32;
const ANSWER_MS = 5_000;
/** Where an account without JetStream has the fleet's own under another name (`$JS.fleet.API`): `deploy/nats/nats-server.conf`. */
const FLEET_DOMAIN = 'fleet';
/** So often within its life a place is renewed; and tried again where that did not go. */
const RENEWALS = { share: 3, failedShare: 12 } as const;

/** A place as it is now. */
interface Place {
  readonly slot: number;
  /** What the next write to it must name; 0 for a key that is not there. */
  readonly revision: number;
  readonly holder: LeaseRecord | null;
  /** Nobody holds it. */
  readonly free: boolean;
}

/** What this host holds. */
interface Held {
  readonly attempt: string;
  readonly ends: AbortController;
  /** null: not known, after a restart. */
  place: { readonly slot: number; readonly revision: number; readonly until: number } | null;
  lost: ErrorRecord | null;
}

/** The places that a host looks at: always the same, and other ones for other hosts. */
export function placesOf(host: string, slots: number): readonly number[] {
  const first = createHash('sha256').update(host).digest().readUInt32BE() % slots;
  return Array.from({ length: Math.min(slots, LOOKED_AT) }, (_, at) => (first + at) % slots);
}

function holderIn(bytes: Uint8Array): LeaseRecord | null {
  try {
    return leaseSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    // Whoever wrote that holds it all the same, until it ends.
    return null;
  }
}

/**
 * The lease of a fleet on NATS.
 *
 * @example
 * const lease = natsLease({ link, names: fleetNames(product), group: 'web', host, slots: 2, clock, reporter });
 */
export function natsLease(options: NatsLeaseOptions): Lease & { close(): Promise<void> } {
  const { link, names, group, host, slots, clock, reporter } = options;
  const bucket = names.buckets.leases;
  const subject = (slot: number): string => `$KV.${bucket}.${names.leaseKey(group, slot)}`;
  const name = `the ${String(slots)} place${slots === 1 ? '' : 's'} of group ${group} on NATS`;
  const places = placesOf(host, slots);
  let held: Held | null = null;
  let renewing: Promise<void> = Promise.resolve();

  const look = async (slot: number): Promise<Place> => {
    const last = await lastMessage(link.connection(), `KV_${bucket}`, subject(slot), ANSWER_MS);
    if (last === null) return { slot, revision: 0, holder: null, free: true };
    const removed = last.operation !== '';
    return {
      slot,
      revision: last.revision,
      holder: removed ? null : holderIn(last.bytes),
      free: removed,
    };
  };
  /** Resolves with the new revision; null when somebody else was faster. */
  const write = async (
    { slot, revision }: Pick<Place, 'slot' | 'revision'>,
    record: LeaseRecord | null,
  ): Promise<number | null> => {
    try {
      const { jetstream } = await import('@nats-io/jetstream');
      const { headers } = await import('@nats-io/transport-node');
      const marks = headers();
      if (record === null) marks.set('KV-Operation', 'DEL');
      const { seq } = await jetstream(link.connection()).publish(
        subject(slot),
        record === null ? '' : JSON.stringify(record),
        { headers: marks, timeout: ANSWER_MS, expect: { lastSubjectSequence: revision } },
      );
      return seq;
    } catch (error) {
      if (isLostRace(error)) return null;
      throw fleetFault(error, name);
    }
  };
  const lifeMs = async (): Promise<number> => {
    try {
      const { jetstreamManager } = await import('@nats-io/jetstream');
      const ageIn = async (domain: { readonly domain?: string }): Promise<number> => {
        const asking = { checkAPI: false, timeout: ANSWER_MS, ...domain };
        const manager = await jetstreamManager(link.connection(), asking);
        return (await manager.streams.info(`KV_${bucket}`)).config.max_age;
      };
      const age = await ageIn({}).catch((error: unknown) => {
        if (!isElsewhere(error)) throw error;
        return ageIn({ domain: FLEET_DOMAIN });
      });
      if (age > 0) return age / 1_000_000;
    } catch (error) {
      throw fleetFault(error, name);
    }
    throw new UpdateError(
      'FLEET_UNREACHABLE',
      `${name}: expected a bucket in which places end, found ${bucket}`,
    );
  };

  /** Takes a place: this host's own first, then one that is free. Resolves with its life, ms; `LEASE_HELD`. */
  const take = async (own: Held): Promise<number> => {
    const life = await lifeMs();
    const record: LeaseRecord = {
      schema: RECORD_SCHEMA,
      host,
      attempt: own.attempt,
      release: null,
      since: clock.now(),
    };
    const found = await Promise.all(places.map(look));
    const mine = found.filter(({ holder }) => holder?.host === host);
    for (const place of [...mine, ...found.filter(({ free }) => free)]) {
      const until = clock.monotonic() + life;
      const revision = await write(place, record);
      if (revision === null) continue;
      own.place = { slot: place.slot, revision, until };
      return life;
    }
    const holders = found.flatMap(({ holder }) => (holder === null ? [] : [holder.host]));
    throw new UpdateError(
      'LEASE_HELD',
      `all of ${name} are taken${holders.length === 0 ? '' : `, by ${holders.slice(0, 5).join(', ')}`}`,
    );
  };
  /** Renews the place, or takes one again where it ended and nobody else has it. */
  const renew = async (own: Held, life: number): Promise<number> => {
    const { place } = own;
    if (place === null) return take(own);
    const record: LeaseRecord = {
      schema: RECORD_SCHEMA,
      host,
      attempt: own.attempt,
      release: null,
      since: clock.now(),
    };
    const until = clock.monotonic() + life;
    const revision = await write(place, record);
    // Lost, or the answer to an earlier write was: whoever has it now tells.
    if (revision === null) return take(own);
    own.place = { ...place, revision, until };
    return life;
  };
  const keepUp = async (own: Held, first: number): Promise<void> => {
    let life = first;
    let wait = life / RENEWALS.share;
    for (;;) {
      await clock.sleep(wait * (0.9 + 0.2 * clock.random()), own.ends.signal);
      try {
        life = await renew(own, life);
        wait = life / RENEWALS.share;
      } catch (error) {
        const fault = UpdateError.from(error);
        wait = life / RENEWALS.failedShare;
        if (fault.code !== 'LEASE_HELD') continue;
        own.lost = { code: 'LEASE_HELD', message: `the place was lost: ${fault.message}` };
        reporter.report({ kind: 'warning', error: own.lost });
        return;
      }
    }
  };
  const begin = (own: Held, life: number): void => {
    // Only the signal ends it early.
    renewing = keepUp(own, life).catch(() => undefined);
  };
  const end = async (): Promise<void> => {
    held?.ends.abort();
    held = null;
    await renewing;
  };
  const hold = (attempt: string): Held => ({
    attempt,
    ends: new AbortController(),
    place: null,
    lost: null,
  });

  return {
    name,
    acquire: async (attempt, signal) => {
      if (signal.aborted)
        throw new UpdateError('CANCELLED', 'the place is not wanted any more', { cause: signal.reason });
      if (held?.attempt === attempt && held.place !== null && held.lost === null) return;
      await end();
      const own = hold(attempt);
      const life = await take(own);
      held = own;
      begin(own, life);
    },
    release: async (_attempt, signal) => {
      if (signal.aborted)
        throw new UpdateError('CANCELLED', 'the place is given back later', { cause: signal.reason });
      await end();
      for (let mine = [...places]; mine.length > 0;) {
        const found = await Promise.all(mine.map(look));
        const left: number[] = [];
        for (const place of found)
          if (place.holder?.host === host && (await write(place, null)) === null) left.push(place.slot);
        mine = left;
      }
    },
    keep: (attempt) => {
      held = hold(attempt);
      // How long a place lives is not known yet: the first try comes soon.
      begin(held, KEEP_FIRST_MS);
    },
    lost: (attempt) => {
      if (held?.attempt !== attempt) return { code: 'LEASE_HELD', message: `${name}: none is held` };
      if (held.lost !== null) return held.lost;
      if (held.place !== null && clock.monotonic() < held.place.until) return null;
      return { code: 'LEASE_HELD', message: `${name}: the place ended before it could be renewed` };
    },
    close: end,
  };
}

const KEEP_FIRST_MS = 6_000;
