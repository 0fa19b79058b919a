/** What a cause may arrange: the host, its feed, its disk, and the faults around its adapters. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { QuarantineEntry } from '../../../../src/services/ports.ts';
import type { Fault } from '../../../faults/fault.ts';
import type { BundleChange } from './craft.ts';
import { craftBundle, deltaFiles, wholeFiles, type Audience } from './craft.ts';
import { createFeedHeads, type FeedHeads } from './feed-head.ts';
import type { HostSettings, Life, RealHost } from './host.ts';
import { PAST_VERSION, type Past } from './past.ts';
import { writeBelow, type Shelf, type Shelved, type Wanted } from './shelf.ts';
import { OFFERED } from '../../../attack/support/makers.ts';

/** How a release reaches the host. */
export type Way = 'feed' | 'file';

/** The release that a plan offers. */
export interface OfferSpec {
  readonly version: string;
  readonly behaviour: Wanted['behaviour'];
  /** Whom the bundle is for; as the way says, unless told. */
  readonly audience?: Audience;
  /** Offered whole and as a delta from the version that runs; what is crafted is the delta. */
  readonly asDelta?: boolean;
  /** A crafted bundle instead. */
  readonly crafted?: BundleChange | (() => BundleChange);
}

/** The world of one plan. */
export interface World {
  readonly host: RealHost;
  readonly shelf: Shelf;
  readonly way: Way;
  readonly settings: HostSettings;
  /** What the feed offers, and what lies in `bundleFile`. */
  readonly offer: Shelved;
  /** The path of the file that an operator gives. */
  readonly bundleFile: string;
  readonly heads: FeedHeads;
  /** The daemon that runs now. */
  readonly life: () => Life;
  /** Puts faults around the adapters of the daemon that runs now. */
  readonly arm: (...faults: readonly Fault[]) => void;
  /** The folder of a version on disk, by its number. */
  readonly versionFolder: (version: string) => string;
  /** The program of a version on disk. */
  readonly programOf: (version: string) => string;
  /** Undone when the step is over, last first. */
  readonly later: (undo: () => Promise<void> | void) => void;
  /** A release is in quarantine, as an earlier attempt would have put it there, until the step is over. */
  readonly quarantine: (digest: string, version: string) => Promise<void>;
  /** Writes other bytes into a file, and puts the right ones back when the step is over. */
  readonly damage: (path: string, bytes?: Uint8Array) => Promise<void>;
  /** Takes a file or folder away, and puts it back when the step is over. */
  readonly takeAway: (path: string) => Promise<void>;
}

/** What a world begins with. */
export interface WorldPlan {
  readonly way: Way;
  readonly past: Past;
  readonly settings: HostSettings;
  readonly offer: OfferSpec;
}

/** A delta from the version that a past installed, and the whole bundle of the same release. */
async function offeredAsDelta(
  shelf: Shelf,
  { audience = 'feed', crafted }: OfferSpec,
): Promise<{ whole: Shelved; delta: Delta }> {
  const base = await shelf.bundle({ version: PAST_VERSION, behaviour: 'healthy', audience: 'airgap' });
  const whole = await craftBundle(shelf, 'feed', { files: wholeFiles() });
  const { files, manifest, ...change } = (typeof crafted === 'function' ? crafted() : crafted) ?? {};
  const { bytes } = await craftBundle(shelf, audience, {
    ...change,
    files: deltaFiles(files),
    manifest: { base: { version: base.version, release_digest: base.digest }, ...manifest },
  });
  return { whole: { version: OFFERED, ...whole }, delta: { bytes, base: base.digest } };
}

async function offered(shelf: Shelf, way: Way, spec: OfferSpec): Promise<Shelved> {
  const audience = spec.audience ?? (way === 'feed' ? 'feed' : 'airgap');
  const { version, behaviour, crafted } = spec;
  if (crafted === undefined) return shelf.bundle({ version, behaviour, audience });
  const change = typeof crafted === 'function' ? crafted() : crafted;
  const made = await craftBundle(shelf, audience, change);
  return { version: OFFERED, bytes: made.bytes, digest: made.digest };
}

const BUNDLE_PATH = 'bundles/offer.jws';
const DELTA_PATH = 'bundles/delta.jws';

interface Delta {
  readonly bytes: Buffer;
  /** The release digest of its base. */
  readonly base: string;
}

/**
 * Makes the world of a plan: the offer stands in the feed, and lies on disk as a file.
 *
 * @param life - the daemon that runs now
 * @param later - takes what must be undone when the step is over
 */
export async function createWorld(
  host: RealHost,
  shelf: Shelf,
  { way, settings, offer: spec }: WorldPlan,
  life: () => Life,
  later: World['later'],
): Promise<World> {
  const { whole: offer, delta } = spec.asDelta
    ? await offeredAsDelta(shelf, spec)
    : { whole: await offered(shelf, way, spec), delta: null };
  const heads = createFeedHeads({
    keys: shelf.keys,
    channel: settings.channel === 'edge' ? 'edge' : 'stable',
    feedDir: host.feedDir,
    headsDir: host.paths.heads,
    offer,
    path: BUNDLE_PATH,
    delta: delta === null ? null : { ...delta, path: DELTA_PATH },
  });
  if (delta !== null) await writeFile(join(host.feedDir, DELTA_PATH), delta.bytes);
  await writeFile(join(host.feedDir, BUNDLE_PATH), offer.bytes);
  await heads.publish();
  const bundleFile = await writeBelow(host.root, offer.bytes);
  const versionFolder = (version: string): string => join(host.paths.versions, version);
  return {
    host,
    shelf,
    way,
    settings,
    offer,
    bundleFile,
    heads,
    life,
    later,
    arm: (...faults) => {
      life().faults.arm(...faults);
    },
    versionFolder,
    programOf: (version) => join(versionFolder(version), 'files', 'coresdk-sidecar'),
    quarantine: async (digest, version) => {
      const entry: QuarantineEntry = {
        digest,
        version,
        at: Date.now(),
        attempt: 'earlier',
        reason: { code: 'PROBE_TIMEOUT', message: 'it was not healthy' },
        evidence: [],
      };
      const path = join(host.paths.quarantine, `${digest}.json`);
      await writeFile(path, JSON.stringify(entry), { mode: 0o600 });
      later(() => rm(path));
    },
    damage: async (path, bytes = Buffer.from('damaged')) => {
      const right = await readFile(path);
      await writeFile(path, bytes);
      later(() => writeFile(path, right));
    },
    takeAway: async (path) => {
      const kept = join(host.root, 'taken-away', String(Math.random()).slice(2));
      await mkdir(dirname(kept), { recursive: true });
      await rename(path, kept);
      later(async () => {
        await rm(path, { recursive: true, force: true });
        await rename(kept, path);
      });
    },
  };
}
