/** The publisher of the proof: throw-away keys, a sick release and a well one, and their way into the feed. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostPlatform } from '../../src/config/index.ts';
import { createBundle } from '../../src/publish/bundle-writer.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { setRollout } from '../../src/publish/rollout-head.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { workloadProgram } from '../../test/e2e/support/workload-program.ts';

/** Publishes on edge. */
export interface Publisher {
  /** Publishes a version to a share of the hosts, percent; resolves with its release digest. */
  publish(version: string, isSick: boolean, percent: number): Promise<string>;
  /** Offers what is published to every host. */
  widen(): Promise<void>;
}

/** An operator's key: the private key and the JWK set, as files. */
export async function operatorKey(root: string): Promise<{ readonly pem: string; readonly jwks: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const files = { pem: join(root, 'operator.pem'), jwks: join(root, 'operators.json') };
  await writeFile(files.pem, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  await writeFile(files.jwks, JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }));
  return files;
}

/** Makes the publisher. */
export async function createPublisher(root: string, keys: string, feedDir: string, product: string): Promise<Publisher> {
  const head = {
    feedDir,
    channel: 'edge' as const,
    signer: await loadSignerFor(keys, 'head-edge'),
    trust: await readTrustFile(join(keys, 'trust.json')),
  };
  return {
    publish: async (version, isSick, percent) => {
      const source = Buffer.from(workloadProgram(version, isSick ? 'answers500' : 'healthy'));
      const { path, digest } = await createBundle({
        product,
        version,
        audience: 'feed',
        platform: hostPlatform(),
        entrypoint: 'bin/sidecar',
        files: [{ path: 'bin/sidecar', source, mode: 0o755 }],
        signer: await loadSignerFor(keys, 'bundle'),
        out: join(root, `${version}.jws`),
      });
      await publishToFeed({ ...head, bundles: [path], ...(percent === 100 ? {} : { rollout: { percent } }) });
      return digest;
    },
    widen: async () => {
      await setRollout({ ...head, change: { kind: 'all' } });
    },
  };
}
