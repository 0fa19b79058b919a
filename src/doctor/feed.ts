/**
 * What the feed answers, and what that says of the next update.
 *
 * Invariants:
 * - On `manual`, and where updates are switched off, the feed is not asked.
 * - What is fetched is looked at and forgotten: nothing that an update believes is written.
 */
import { HEAD_MAX_SKEW_MS } from '../bundle/head-document.ts';
import type { Head } from '../bundle/head.ts';
import { UpdateError } from '../errors.ts';
import { fetchHead } from '../services/fetch-head.ts';
import { acceptedHeads } from '../services/heads.ts';
import { namedRelease } from '../services/named-release.ts';
import type { Feed, HeadStore } from '../services/ports.ts';
import { timeFloor } from '../services/time-floor.ts';
import { fail, failure, pass, skip, warn, type Check, type Finding } from './check.ts';
import type { NextRelease, Patient } from './patient.ts';

const DAY_MS = 24 * 3600 * 1000;
const EXPIRES_SOON_MS = 3 * DAY_MS;
const CLOCK_WARN_MS = 60_000;

/** What came of asking the feed for the channel's head. */
export type HeadLook =
  | { readonly kind: 'notAsked'; readonly why: Finding }
  | { readonly kind: 'unanswered'; readonly error: UpdateError }
  | { readonly kind: 'refused'; readonly error: UpdateError; readonly date: number | null }
  | { readonly kind: 'head'; readonly head: Head; readonly date: number | null };

const iso = (at: number): string => new Date(at).toISOString();

/** Why the feed is not asked; null when it is. */
function whyNotAsked({ config, disabled, ports }: Patient): Finding | null {
  if (disabled !== null) return skip(`not asked: ${disabled}`);
  if (config.update.channel === 'manual')
    return skip('not asked: the manual channel makes no request of its own');
  if (ports.host.trust.keys.size === 0) return skip('not asked: this program was built without public keys');
  if (ports.feed === null)
    return fail('no feed is configured', new UpdateError('FEED_NOT_CONFIGURED', '').info.next);
  return null;
}

/** Asks once, and keeps nothing of the answer. */
export async function lookAtHead(patient: Patient, signal: AbortSignal): Promise<HeadLook> {
  const { config, ports } = patient;
  const { channel } = config.update;
  const why = whyNotAsked(patient);
  const { feed } = ports;
  if (why !== null || feed === null || channel === 'manual')
    return { kind: 'notAsked', why: why ?? skip('there is no feed') };
  let date: number | null = null;
  const once: Feed = {
    bundle: (...args) => feed.bundle(...args),
    head: async (...args) => {
      const answer = await feed.head(...args);
      date = answer.date ?? null;
      return answer;
    },
  };
  const forgetful: HeadStore = {
    read: (of) => ports.heads.read(of),
    write: () => Promise.resolve(),
    readTag: () => Promise.resolve(null),
    writeTag: () => Promise.resolve(),
  };
  const { clock, host } = ports;
  const reporter = { report: () => undefined };
  try {
    const head = await fetchHead({ feed: once, heads: forgetful, host, clock, reporter }, channel, signal);
    return { kind: 'head', head, date };
  } catch (thrown) {
    const error = UpdateError.from(thrown);
    if (error.code === 'CLOCK_BEHIND')
      return { kind: 'notAsked', why: skip('not asked: the clock of this host is wrong') };
    const answered = !/^(FEED|DOWNLOAD)_|^CANCELLED$/.test(error.code);
    return answered ? { kind: 'refused', error, date } : { kind: 'unanswered', error };
  }
}

/** What the head names for this host; null when nobody knows, or it is for nobody here. */
export async function nextReleaseOf(patient: Patient, look: HeadLook): Promise<NextRelease | null> {
  if (look.kind !== 'head') return null;
  const current = (await patient.inside?.ports.store.current())?.version ?? patient.ports.host.updaterVersion;
  const { release, full } = namedRelease(look.head, patient.ports.host, current);
  return { ...release, bundleBytes: full.size };
}

/** The mirrors that are put back, each with its fault; null where there is none. */
function putBack({ ports }: Patient): string | null {
  const mirrors = ports.feed?.mirrors?.() ?? [];
  const out = mirrors.filter(({ putBackUntil }) => putBackUntil !== null);
  if (out.length === 0) return null;
  const each = out.map(({ url, fault }) => `${url} (${fault?.message ?? 'why is not known'})`);
  return `${String(out.length)} of ${String(mirrors.length)} mirrors are put back: ${each.join('; ')}`;
}

function answers(patient: Patient, look: HeadLook): Finding {
  const { config } = patient;
  if (look.kind === 'notAsked') return look.why;
  if (look.kind === 'unanswered') {
    const { proxies } = config.http;
    const by = (proxies.https ?? proxies.http)?.from;
    const through = by === undefined ? '' : ` (through the proxy of ${by}, unless NO_PROXY covers it)`;
    return fail(`${look.error.message}${through}`, look.error.info.next);
  }
  const answered = `the feed answered with the ${config.update.channel} head`;
  const out = putBack(patient);
  return out === null
    ? pass(answered)
    : warn(`${answered}, but ${out}`, 'Mend them, or take them off update.mirrors.');
}

function verifies({ ports }: Patient, look: HeadLook): Finding {
  if (look.kind === 'notAsked' || look.kind === 'unanswered') return skip('no head was fetched');
  if (look.kind === 'refused') {
    const { code, message, info } = look.error;
    // A lagging mirror: the next check may see the newer one.
    return code === 'HEAD_STALE' ? warn(message, info.next) : failure(look.error);
  }
  const { sub, version, epoch, seq } = look.head;
  const left = look.head.exp * 1000 - ports.clock.now();
  const expires = `it expires at ${iso(look.head.exp * 1000)}`;
  if (left < EXPIRES_SOON_MS)
    return warn(
      `the ${sub} head names ${version}, but ${expires}`,
      'Ask the publisher for a fresh head; an expired one offers nothing.',
    );
  return pass(`the ${sub} head (epoch ${String(epoch)} seq ${String(seq)}) names ${version}; ${expires}`);
}

async function newest(patient: Patient, look: HeadLook): Promise<Finding> {
  const next = await nextReleaseOf(patient, look);
  if (next === null || look.kind !== 'head') return skip('what is newest is not known');
  const entry = (await patient.inside?.ports.quarantine.get(next.digest)) ?? null;
  if (patient.inside === null) return skip('only the daemon knows what is in quarantine');
  if (entry !== null)
    return fail(
      `${next.version}, the newest on ${look.head.sub}, failed here at ${iso(entry.at)}: ${entry.reason.message}`,
      new UpdateError('RELEASE_QUARANTINED', '').info.next,
    );
  return pass(`${next.version}, the newest on ${look.head.sub}, is not in quarantine`);
}

async function clock({ ports }: Patient, look: HeadLook): Promise<Finding> {
  const reporter = { report: () => undefined };
  const { at, because } = timeFloor(ports, await acceptedHeads({ ...ports, reporter }));
  const now = ports.clock.now();
  const next = 'Set the clock, and let NTP keep it (`timedatectl set-ntp true`).';
  if (now + HEAD_MAX_SKEW_MS < at)
    return fail(
      `expected a time after ${iso(at)}, when ${because}; this host’s clock says ${iso(now)}`,
      next,
    );
  const date = look.kind === 'head' || look.kind === 'refused' ? look.date : null;
  if (date === null) return pass(`this host’s clock says ${iso(now)}, which is possible`);
  const off = now - date;
  const text = `this host’s clock is ${String(Math.round(Math.abs(off) / 1000))} s ${off < 0 ? 'behind' : 'ahead of'} the feed’s`;
  if (Math.abs(off) > HEAD_MAX_SKEW_MS) return fail(`expected clocks that agree, found that ${text}`, next);
  return Math.abs(off) > CLOCK_WARN_MS ? warn(text, next) : pass(text);
}

/** The checks of the feed, its head and the clock. */
export function feedChecks(patient: Patient, look: () => Promise<HeadLook>): Check[] {
  return [
    { name: 'feed.answers', look: async () => answers(patient, await look()) },
    { name: 'head.verifies', look: async () => verifies(patient, await look()) },
    { name: 'release.newest', look: async () => newest(patient, await look()) },
    { name: 'clock.sane', look: async () => clock(patient, await look()) },
  ];
}
