/**
 * Where the fleet's records are in NATS: subjects, streams, buckets and keys, for everybody who reads or writes one.
 *
 * Invariants:
 * - Each product has streams and buckets of its own, so that products share a server, and even an account, without seeing each other.
 * - What a host writes stands under its own group and name (`… .GROUP.HOST`), so that a server can grant a host just that.
 * - The raw machine id is never part of a name: a host is called by `fleet.host`, or by `fleetHostId`.
 */
import { createHash } from 'node:crypto';
import type { FeedChannel } from '../types.ts';

/** A product's part of the names. */
export interface FleetNames {
  /** The product as a word of a subject: as it is where it is one, else a hash of it. */
  readonly product: string;
  readonly streams: {
    /** The newest head of each channel. */
    readonly heads: string;
    /** How every attempt ended. */
    readonly outcomes: string;
    /** The signed orders for each release. */
    readonly orders: string;
  };
  readonly buckets: {
    /** Who is there: the key is `GROUP.HOST`. */
    readonly hosts: string;
    /** Who may update now: the key is `GROUP.SLOT`. */
    readonly leases: string;
  };
  /** A channel's head; `*` for all. */
  head(channel: FeedChannel | '*'): string;
  /** The outcomes of a host; `*` for all. */
  outcome(group: string, host: string): string;
  /** The orders for the release with this digest; `*` for all. */
  order(digest: string): string;
  hostKey(group: string, host: string): string;
  /** @param slot - from 0 on */
  leaseKey(group: string, slot: number): string;
}

/** Letters, digits, `_` and `-`: what may stand in a subject, a stream's name and a key alike. */
const WORD = /^[A-Za-z0-9_-]{1,64}$/;

const word = (text: string): string =>
  WORD.test(text) ? text : `h-${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;

/**
 * The names of a product's records.
 *
 * @example
 * fleetNames('coresdk-sidecar').outcome('web', 'h1') // coresdk.coresdk-sidecar.outcome.web.h1
 */
export function fleetNames(productName: string): FleetNames {
  const product = word(productName);
  const subject = (...words: string[]): string => ['coresdk', product, ...words].join('.');
  const own = (name: string): string => `coresdk_${product}_${name}`;
  return {
    product,
    streams: { heads: own('heads'), outcomes: own('outcomes'), orders: own('orders') },
    buckets: { hosts: own('hosts'), leases: own('leases') },
    head: (channel) => subject('head', channel),
    outcome: (group, host) => subject('outcome', group, host),
    order: (digest) => subject('order', digest),
    hostKey: (group, host) => `${group}.${host}`,
    leaseKey: (group, slot) => `${group}.${String(slot)}`,
  };
}

/**
 * Whether a record is of the host whose subject, or key, it came by.
 *
 * @param subject - ends with `.GROUP.HOST`
 */
export function isOwn(
  { group, host }: { readonly group: string; readonly host: string },
  subject: string,
): boolean {
  return subject.endsWith(`.${group}.${host}`);
}

/** What replies to a host are sent to: no other host may read them. */
export const inboxOf = (group: string, host: string): string => `_INBOX_${group}_${host}`;
