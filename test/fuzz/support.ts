/** What the properties are tried on: throw-away keys, and valid documents made by the publisher's own code. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifest, unpackBundle } from '../../src/bundle/bundle-reader.ts';
import { verifyBundleSignature } from '../../src/bundle/bundle-signature.ts';
import { pathSchema } from '../../src/bundle/manifest.ts';
import type { RandomAccess } from '../../src/bundle/random-access.ts';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import type { TrustFile, TrustSet } from '../../src/bundle/trust.ts';
import type { UnpackSink } from '../../src/bundle/unpack-file.ts';
import { UpdateError } from '../../src/errors.ts';
import { createBundle } from '../../src/publish/bundle-writer.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { generateKeys, KEY_PURPOSES, type KeyPurpose } from '../../src/publish/keys.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';

const PRODUCT = 'coresdk-sidecar';

/** Valid documents, and what they are made of. */
export interface Material {
  readonly trust: TrustSet;
  readonly trustFile: TrustFile;
  readonly keys: Readonly<Record<KeyPurpose, KeyObject>>;
  readonly product: string;
  /** An instant at which the head is right, ms. */
  readonly now: number;
  readonly head: Buffer;
  /** Bundles: for channels (RS256) and for air-gapped hosts (ES256). */
  readonly bundles: readonly Buffer[];
}

/** Makes the material, in about a second. */
export async function makeMaterial(): Promise<Material> {
  const dir = await mkdtemp(join(tmpdir(), 'coresdk-fuzz-'));
  try {
    const keysDir = join(dir, 'keys');
    const { trust: trustFile } = await generateKeys({ product: PRODUCT, dir: keysDir, modulusLength: 2048 });
    const trust = importTrustSet(trustFile);
    const bundle = async (audience: 'feed' | 'airgap'): Promise<string> => {
      const out = join(dir, `${audience}.jws`);
      await createBundle({
        product: PRODUCT,
        version: '1.2.3',
        audience,
        platform: { os: 'linux', arch: 'x64' },
        entrypoint: 'bin/run',
        files: [
          { path: 'bin/run', source: Buffer.from('#!/bin/sh\necho 1.2.3\n'), mode: 0o755 },
          { path: 'share/text', source: Buffer.alloc(3000, 'text '), mode: 0o644 },
        ],
        signer: await loadSignerFor(keysDir, audience === 'airgap' ? 'airgap' : 'bundle'),
        out,
      });
      return out;
    };
    const feed = await bundle('feed');
    const { path } = await publishToFeed({
      feedDir: join(dir, 'feed'),
      channel: 'edge',
      bundles: [feed],
      signer: await loadSignerFor(keysDir, 'head-edge'),
      trust,
    });
    const read = async (purpose: KeyPurpose): Promise<KeyObject> =>
      createPrivateKey(await readFile(join(keysDir, KEY_PURPOSES[purpose].file)));
    return {
      trust,
      trustFile,
      keys: {
        bundle: await read('bundle'),
        'head-edge': await read('head-edge'),
        'head-stable': await read('head-stable'),
        airgap: await read('airgap'),
      },
      product: PRODUCT,
      now: Date.now(),
      head: await readFile(path),
      bundles: [await readFile(feed), await readFile(await bundle('airgap'))],
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The code of a refusal, or `accepted`. Whatever is thrown that is no `UpdateError`, or is a fault of the program, comes out. */
export async function verdict(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'accepted';
  } catch (error) {
    if (error instanceof UpdateError && error.code !== 'INTERNAL') return error.code;
    throw error;
  }
}

/** Bytes in memory as a file. */
export function memoryFile(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    read: (buffer, position) => {
      const part = bytes.subarray(position, position + buffer.byteLength);
      buffer.set(part);
      return Promise.resolve(part.length);
    },
  };
}

/** Takes files and keeps nothing, but throws at a path that no file may have. */
function strictSink(): UnpackSink {
  return {
    open: (path) => {
      if (!pathSchema.safeParse(path).success) throw new Error(`a file at ${JSON.stringify(path)}`);
      return Promise.resolve({ write: () => Promise.resolve(), close: () => Promise.resolve() });
    },
  };
}

/** Reads a bundle as an updater does: both passes, every check. */
export async function readBundle(bytes: Uint8Array, trust: TrustSet): Promise<void> {
  const { signal } = new AbortController();
  const file = memoryFile(bytes);
  const signed = await verifyBundleSignature(file, trust, signal);
  await unpackBundle(file, signed, await readManifest(file, signed, signal), strictSink(), { signal });
}
