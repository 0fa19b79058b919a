import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostPlatform } from '../../../src/config/index.ts';
import { createBundle, type CreateBundleOptions } from '../../../src/publish/bundle-writer.ts';
import { publishToFeed, type PublishOptions } from '../../../src/publish/feed.ts';
import { promoteRelease } from '../../../src/publish/promote.ts';
import { loadSignerFor } from '../../../src/publish/signer.ts';
import { readTrustFile } from '../../../src/publish/trust-file.ts';
import { workloadProgram, type Behaviour } from './workload-program.ts';

/** A release that a test makes. */
export interface ReleaseRequest extends Partial<Omit<CreateBundleOptions, 'signer'>> {
  readonly version: string;
  readonly behaviour?: Behaviour;
  /** The program's bytes, instead of a behaviour. */
  readonly program?: Uint8Array;
  /** Folder of the private keys, if not the ones that the program knows. */
  readonly keys?: string;
}

/** Makes releases and publishes them into a folder. */
export interface Publisher {
  readonly feedDir: string;
  /** Writes a signed bundle and returns its path. */
  bundle(request: ReleaseRequest): Promise<string>;
  /**
   * Publishes a release on edge, or on stable: there it was put on edge 8 days before, and is promoted now. Returns the path of
   * its bundle inside the feed.
   */
  publish(request: ReleaseRequest, options?: Partial<PublishOptions>): Promise<string>;
}

/** Flips one byte of a file in its middle, so that it stays base64url. */
export async function flipByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
  await writeFile(path, bytes);
}

const DAY_MS = 24 * 3600 * 1000;

/**
 * Makes a publisher that writes below `root`.
 *
 * @param ownKeys - folder of the private keys that the program knows
 */
export function createPublisher(root: string, ownKeys: string): Publisher {
  const feedDir = join(root, 'feed');
  let made = 0;

  const bundle = async (request: ReleaseRequest): Promise<string> => {
    const { version, behaviour = 'healthy', program, keys = ownKeys, audience = 'feed', ...rest } = request;
    made += 1;
    const out = join(root, `bundle-${String(made)}-${version}.jws`);
    const source = program ?? Buffer.from(workloadProgram(version, behaviour));
    await createBundle({
      product: 'coresdk-sidecar',
      version,
      audience,
      platform: hostPlatform(),
      entrypoint: 'coresdk-sidecar',
      files: [{ path: 'coresdk-sidecar', source, mode: 0o755 }],
      signer: await loadSignerFor(keys, audience === 'airgap' ? 'airgap' : 'bundle'),
      out,
      level: 1,
      ...rest,
    });
    return out;
  };

  return {
    feedDir,
    bundle,
    publish: async (request, options = {}) => {
      const { channel = 'edge', now = Date.now() } = options;
      const common = { feedDir, trust: await readTrustFile(join(ownKeys, 'trust.json')) };
      const onEdge = await publishToFeed({
        ...common,
        bundles: [await bundle(request)],
        signer: await loadSignerFor(ownKeys, 'head-edge'),
        ...options,
        channel: 'edge',
        now: channel === 'edge' ? now : now - 8 * DAY_MS,
      });
      const { head } =
        channel === 'edge'
          ? onEdge
          : await promoteRelease({ ...common, signer: await loadSignerFor(ownKeys, 'head-stable'), now });
      const path = head.targets[0]?.bundles[0]?.path;
      if (path === undefined) throw new Error('the published head names no bundle');
      return join(feedDir, path);
    },
  };
}
