/** What the simulated hosts are given: throw-away keys, small signed bundles, and feeds as they were one after the other. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { importTrustSet } from '../../../src/bundle/trust-set.ts';
import type { TrustSet } from '../../../src/bundle/trust.ts';
import { createBundle } from '../../../src/publish/bundle-writer.ts';
import { publishToFeed } from '../../../src/publish/feed.ts';
import { generateKeys } from '../../../src/publish/keys.ts';
import { loadSignerFor } from '../../../src/publish/signer.ts';

export const PRODUCT = 'coresdk-sidecar';

/** When the simulated time begins, ms since 1970. */
export const START = Date.UTC(2026, 10, 23);

/** A release as it is known before it is installed. */
export interface KnownRelease {
  readonly version: string;
  readonly digest: string;
  /** The bytes of its entry file. */
  readonly entry: Buffer;
  readonly bundle: Buffer;
}

/** A feed at one time: paths to bytes. */
export type FeedFiles = ReadonlyMap<string, Uint8Array>;

/** Everything that was made. */
export interface Material {
  readonly trust: TrustSet;
  /** By name: the version, with a letter behind it for other files of the same version. */
  readonly releases: ReadonlyMap<string, KnownRelease>;
  /** Feeds by the name of the release that their newest edge head names. */
  readonly feeds: ReadonlyMap<string, FeedFiles>;
  /** An air-gapped bundle of 1.1.0, the same release as the feed's. */
  readonly airgap: Buffer;
}

/** Releases in the order in which they are published; `1.1.0b` has other files than `1.1.0`. */
const RELEASES = ['1.0.0', '1.1.0', '1.1.0b', '1.2.0', '1.3.0'] as const;

const versionOf = (name: string): string => name.replace(/[a-z]$/, '');

function filesOf(name: string): { path: string; source: Buffer; mode: 0o755 | 0o644 }[] {
  return [
    { path: 'bin/sidecar', source: Buffer.from(`#!/bin/sh\necho ${name}\n`), mode: 0o755 },
    { path: 'share/data', source: Buffer.from(`${name} `.repeat(40)), mode: 0o644 },
  ];
}

async function readTree(root: string): Promise<FeedFiles> {
  const files = new Map<string, Uint8Array>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(root, path), await readFile(path));
  }
  return files;
}

/** Makes the material, in about a second. */
export async function makeMaterial(): Promise<Material> {
  const dir = await mkdtemp(join(tmpdir(), 'coresdk-crash-'));
  try {
    const keys = join(dir, 'keys');
    const made = await generateKeys({ product: PRODUCT, dir: keys, development: true, modulusLength: 2048 });
    const trust = importTrustSet(made.trust);
    const bundle = async (name: string, audience: 'feed' | 'airgap'): Promise<KnownRelease> => {
      const out = join(dir, `${name}-${audience}.jws`);
      const { digest } = await createBundle({
        product: PRODUCT,
        version: versionOf(name),
        audience,
        platform: { os: 'linux', arch: 'x64' },
        entrypoint: 'bin/sidecar',
        files: filesOf(name),
        signer: await loadSignerFor(keys, audience === 'airgap' ? 'airgap' : 'bundle'),
        out,
        createdAt: START,
      });
      const entry = filesOf(name)[0]?.source ?? Buffer.alloc(0);
      return { version: versionOf(name), digest, entry, bundle: await readFile(out) };
    };

    const releases = new Map<string, KnownRelease>();
    const feeds = new Map<string, FeedFiles>();
    const signer = await loadSignerFor(keys, 'head-edge');
    for (const name of RELEASES) {
      releases.set(name, await bundle(name, 'feed'));
      // Other files of a version that was published: only a publisher who breaks the rules does that, so in a feed of its own.
      const feedDir = join(dir, name === versionOf(name) ? 'feed' : `feed-${name}`);
      const bundles = [join(dir, `${name}-feed.jws`)];
      const seqOf = { epoch: name === versionOf(name) ? 0 : 1 };
      await publishToFeed({
        feedDir,
        channel: 'edge',
        bundles,
        signer,
        trust,
        now: START,
        ...(seqOf.epoch === 0 ? {} : seqOf),
      });
      feeds.set(name, await readTree(feedDir));
    }
    return { trust, releases, feeds, airgap: (await bundle('1.1.0', 'airgap')).bundle };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
