import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hostPlatform } from '../../src/config/index.ts';
import { createBundle } from '../../src/publish/bundle-writer.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { generateKeys } from '../../src/publish/keys.ts';
import { promoteRelease } from '../../src/publish/promote.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { build } from '../build.ts';
import { buildDaemon, type DaemonKind } from '../self-update/daemons.ts';
import { must } from './command.ts';

const PRODUCT = 'coresdk-sidecar';
const BAKED_MS = 8 * 24 * 3600 * 1000;

/** How a release behaves. */
export type Behaviour = 'good' | 'broken' | 'slow';

const HEALTH: Readonly<Record<Behaviour, string | null>> = {
  good: null,
  broken: join(import.meta.dirname, '../../demo/broken-health.ts'),
  slow: join(import.meta.dirname, 'slow-health.ts'),
};

/** The publisher: throw-away keys, builds, a feed's folder. Everything that a host may read is below `share`. */
export interface Publisher {
  /** Builds the executable that is installed; resolves with its path below `share`. Its hand-overs have short deadlines. */
  build(version: string): Promise<string>;
  /** Builds an executable, and publishes it on edge as a release of the daemon alone. */
  publishDaemon(version: string, kind: DaemonKind): Promise<void>;
  /** Builds, signs and publishes a version on edge. */
  publish(version: string, behaviour?: Behaviour): Promise<void>;
  /** The same, on stable: it was on edge 8 days before, and is promoted now. */
  promote(version: string): Promise<void>;
  /** Builds a version, and signs it for hosts without a network; resolves with the bundle's path below `share`. */
  airgap(version: string): Promise<string>;
}

/**
 * Makes the keys and an empty feed.
 *
 * @param feedUrl - where a host finds the feed; built into each program
 * @param secrets - a folder for private keys and drafts
 * @param share - the folder that the host under test sees
 */
export async function createPublisher(secrets: string, share: string, feedUrl: string): Promise<Publisher> {
  const keys = join(secrets, 'keys');
  const feedDir = join(share, 'feed');
  await mkdir(feedDir);
  const { trustFile } = await generateKeys({
    product: PRODUCT,
    dir: keys,
    development: true,
    modulusLength: 2048,
  });
  const trust = await readTrustFile(trustFile);
  const readable = (): Promise<string> => must('chmod', ['-R', 'a+rX', share]);

  const make = async (version: string, behaviour: Behaviour): Promise<string> => {
    const health = HEALTH[behaviour];
    const replace = health === null ? {} : { 'src/sidecar/health.ts': health };
    // Small and quick to make; the host is given a Node for them.
    const { program } = await build({
      form: 'script',
      out: join(share, 'builds', version),
      trust: trustFile,
      version,
      replace,
      feedUrl,
    });
    return program;
  };
  const daemon = (version: string, kind: DaemonKind): Promise<string> =>
    buildDaemon(kind, {
      form: 'executable',
      out: join(share, 'builds', `${kind}-${version}`),
      trust: trustFile,
      version,
      feedUrl,
    });
  const toEdge = async (version: string, behaviour: Behaviour, now: number): Promise<void> => {
    const out = join(secrets, `${PRODUCT}-${version}.jws`);
    await bundle(version, behaviour, 'feed', out);
    const signer = await loadSignerFor(keys, 'head-edge');
    await publishToFeed({ feedDir, channel: 'edge', bundles: [out], signer, trust, now });
    await readable();
  };
  const bundle = async (
    version: string,
    behaviour: Behaviour,
    audience: 'feed' | 'airgap',
    out: string,
  ): Promise<void> => {
    await createBundle({
      product: PRODUCT,
      version,
      audience,
      platform: hostPlatform(),
      entrypoint: PRODUCT,
      files: [{ path: PRODUCT, source: await make(version, behaviour), mode: 0o755 }],
      signer: await loadSignerFor(keys, audience === 'feed' ? 'bundle' : 'airgap'),
      out,
    });
  };
  return {
    build: async (version) => {
      const program = await daemon(version, 'good');
      await readable();
      return program;
    },
    publishDaemon: async (version, kind) => {
      const source = await daemon(version, kind);
      const out = join(secrets, `daemon-${version}.jws`);
      await createBundle({
        product: PRODUCT,
        version,
        audience: 'feed',
        platform: hostPlatform(),
        daemon: PRODUCT,
        files: [{ path: PRODUCT, source, mode: 0o755 }],
        signer: await loadSignerFor(keys, 'bundle'),
        level: 1,
        out,
      });
      const signer = await loadSignerFor(keys, 'head-edge');
      await publishToFeed({ feedDir, channel: 'edge', bundles: [out], signer, trust, now: Date.now() });
      await readable();
    },
    publish: (version, behaviour = 'good') => toEdge(version, behaviour, Date.now()),
    promote: async (version) => {
      await toEdge(version, 'good', Date.now() - BAKED_MS);
      await promoteRelease({ feedDir, signer: await loadSignerFor(keys, 'head-stable'), trust });
      await readable();
    },
    airgap: async (version) => {
      const out = join(share, `${PRODUCT}-${version}.jws`);
      await bundle(version, 'good', 'airgap', out);
      await readable();
      return out;
    },
  };
}
