/** Signed bundles of real bytes, for benches. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { randomFillSync } from 'node:crypto';
import { verifyBundleSignature } from '../../src/bundle/bundle-signature.ts';
import { payloadBytes } from '../../src/bundle/payload.ts';
import { tarMembers } from '../../src/bundle/tar-members.ts';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import type { TrustFile } from '../../src/bundle/trust.ts';
import { hostPlatform } from '../../src/config/host-platform.ts';
import { createBundle } from '../../src/publish/bundle-writer.ts';
import { openFile } from '../../src/publish/file-access.ts';
import { generateKeys } from '../../src/publish/keys.ts';
import { loadSigner } from '../../src/publish/signer.ts';
import type { Release } from '../../src/types.ts';

/** The product of every bench bundle. */
const PRODUCT = 'bench';

/** Throw-away keys of a bench. */
export interface BenchKeys {
  /** The folder that holds the private keys. */
  readonly dir: string;
  readonly trust: TrustFile;
  readonly trustFile: string;
}

/** Generates throw-away keys in a folder that must not be there. */
export async function benchKeys(dir: string): Promise<BenchKeys> {
  const { trust, trustFile } = await generateKeys({ product: PRODUCT, dir, development: true });
  return { dir, trust, trustFile };
}

/** A signed bundle with one program in it. */
export interface BenchBundle {
  readonly path: string;
  /** Bytes of the bundle file. */
  readonly size: number;
  readonly sha256: string;
  readonly release: Release;
}

/** Makes a full bundle for stable and edge, at the publisher's default level. */
export async function benchBundle(keys: BenchKeys, binary: string, out: string): Promise<BenchBundle> {
  const { path, manifest, digest, size } = await createBundle({
    product: PRODUCT,
    version: '1.0.0',
    audience: 'feed',
    platform: hostPlatform(),
    entrypoint: 'program',
    files: [{ path: 'program', source: binary, mode: 0o755 }],
    signer: await loadSigner(join(keys.dir, 'bundle.pem')),
    out,
  });
  return { path, size, sha256: await sha256Of(path), release: { version: manifest.version, digest } };
}

/** The program of a bundle as it stands there, compressed, into a file of its own: what `zstd -d` is given. */
export async function extractCompressed(keys: BenchKeys, bundle: string, out: string): Promise<void> {
  await using file = await openFile(bundle);
  const { signal } = new AbortController();
  const signed = await verifyBundleSignature(file, importTrustSet(keys.trust), signal);
  for await (const member of tarMembers(payloadBytes(file, signed, 0, signal))) {
    if (member.name !== 'program') continue;
    await pipeline(member.body, createWriteStream(out, { highWaterMark: 1 }));
    return;
  }
}

/**
 * Makes a program of a size out of this Node's own executable: a cut out of its middle, or the whole of it over and over. It
 * compresses as the original does, since a copy lies farther away than zstd looks back (8 MiB).
 *
 * @param bytes - how large it is
 */
export async function realBinary(bytes: number, out: string): Promise<void> {
  const source = await open(process.execPath);
  const target = await open(out, 'wx');
  try {
    const { size } = await source.stat();
    const head = await take(source, 0, 4096);
    await target.write(head.subarray(0, Math.min(head.length, bytes)));
    let left = bytes - Math.min(head.length, bytes);
    for (let at = left < size ? Math.floor((size - left) / 2) : 4096; left > 0; at = at >= size ? 0 : at) {
      const chunk = await take(source, at, Math.min(1024 * 1024, left, size - at));
      await target.write(chunk);
      left -= chunk.length;
      at += chunk.length;
    }
  } finally {
    await source.close();
    await target.close();
  }
}

/** Makes a program that does not compress: noise behind an ELF header. */
export async function noisyBinary(bytes: number, out: string): Promise<void> {
  await realBinary(4096, out);
  const target = await open(out, 'a');
  const chunk = Buffer.alloc(1024 * 1024);
  for (let left = bytes - 4096; left > 0; left -= chunk.length)
    await target.write(randomFillSync(chunk), 0, Math.min(left, chunk.length));
  await target.close();
}

async function take(file: Awaited<ReturnType<typeof open>>, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
