import { join } from 'node:path';
import { build } from '../scripts/build.ts';
import { hostPlatform } from '../src/config/index.ts';
import { createBundle } from '../src/publish/bundle-writer.ts';
import { publishToFeed } from '../src/publish/feed.ts';
import { generateKeys } from '../src/publish/keys.ts';
import { loadSignerFor } from '../src/publish/signer.ts';
import { readTrustFile } from '../src/publish/trust-file.ts';

const PRODUCT = 'coresdk-sidecar';

/** The publisher of the demo: its keys, its builds, its feed's folder. */
export interface DemoPublisher {
  readonly feedDir: string;
  /** Builds a version of the program; `broken` puts a bug into its health check. */
  build(version: string, broken?: boolean): Promise<string>;
  /** Signs a built version and publishes it on edge. */
  publish(version: string, program: string): Promise<void>;
}

/** Makes throw-away keys below `root`. */
export async function createPublisher(root: string): Promise<DemoPublisher> {
  const keys = join(root, 'keys');
  const feedDir = join(root, 'feed');
  const { trustFile } = await generateKeys({
    product: PRODUCT,
    dir: keys,
    development: true,
    modulusLength: 2048,
  });
  return {
    feedDir,
    build: async (version, broken = false) => {
      const replace = broken
        ? { 'src/sidecar/health.ts': join(import.meta.dirname, 'broken-health.ts') }
        : {};
      const { program } = await build({
        form: version === '1.0.0' ? 'executable' : 'script',
        out: join(root, 'builds', version),
        trust: trustFile,
        version,
        replace,
      });
      return program;
    },
    publish: async (version, program) => {
      const bundle = join(root, `coresdk-sidecar-${version}.jws`);
      await createBundle({
        product: PRODUCT,
        version,
        audience: 'feed',
        platform: hostPlatform(),
        entrypoint: 'coresdk-sidecar',
        files: [{ path: 'coresdk-sidecar', source: program, mode: 0o755 }],
        signer: await loadSignerFor(keys, 'bundle'),
        out: bundle,
      });
      await publishToFeed({
        feedDir,
        channel: 'edge',
        bundles: [bundle],
        signer: await loadSignerFor(keys, 'head-edge'),
        trust: await readTrustFile(trustFile),
      });
    },
  };
}
