import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programsOf, type Manifest } from '../bundle/manifest.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import { requireAlgorithm, writeBundleFile, type CreatedBundle } from './bundle-file.ts';
import { DEFAULT_ZSTD_LEVEL } from './bundle-writer.ts';
import { attemptOn, baseOf, requireBaseFor } from './delta-base.ts';
import { encodeDelta } from './file-encoding.ts';
import type { Signer } from './signer.ts';
import { unpackBundleFile, type UnpackedBundle } from './unpacked-bundle.ts';

/** Between which releases a delta is made. */
export interface CreateDeltaOptions {
  /** The full bundle of the release that hosts have; of any audience. */
  readonly base: string;
  /** The full bundle of the release that the delta leads to. Its audience is the delta's. */
  readonly bundle: string;
  /** The keys that both bundles, and the delta itself, must verify with. */
  readonly trust: TrustSet;
  /** The key of bundles for that audience. */
  readonly signer: Signer;
  /** Where the delta appears, mode 0644; what is there is replaced. */
  readonly out: string;
  readonly signal?: AbortSignal | undefined;
}

/** The delta that was made. */
export interface CreatedDelta extends CreatedBundle {
  /** Bytes of the full bundle of the same release. */
  readonly fullSize: number;
}

/**
 * Makes a signed delta between two full bundles. Its manifest is that of the full bundle but for the encodings, the stored sizes and
 * `base`; so its release digest is the same. It is applied once before it appears.
 *
 * @throws UpdateError what `unpackBundleFile` and `requireBaseFor` throw; `SIGNING_FAILED`, `MANIFEST_INVALID`, `WRITE_FAILED`; every
 * refusal of a delta that does not verify with the trust set
 * @example
 * await createDelta({ base: 'sidecar-1.0.0.jws', bundle: 'sidecar-1.1.0.jws', trust: await readTrustFile('keys/trust.json'),
 *   signer: await loadSigner('keys/bundle.pem'), out: 'sidecar-1.1.0-from-1.0.0.jws' });
 */
export async function createDelta(options: CreateDeltaOptions): Promise<CreatedDelta> {
  const { trust, signal } = options;
  try {
    await using target = await unpackBundleFile(options.bundle, trust, signal);
    requireAlgorithm(target.manifest.audience[0] === 'airgap' ? 'airgap' : 'feed', options.signer);
    await using base = await unpackBundleFile(options.base, trust, signal);
    requireBaseFor(target.manifest, base);
    return { ...(await write(options, base, target)), fullSize: target.size };
  } catch (error) {
    throw UpdateError.from(error, 'WRITE_FAILED', `the delta ${options.out} cannot be written`);
  }
}

async function write(
  { trust, signer, out, signal }: CreateDeltaOptions,
  base: UnpackedBundle,
  target: UnpackedBundle,
): Promise<CreatedBundle> {
  const { files } = target.manifest;
  const [entrypoint = ''] = programsOf(target.manifest);
  const sizes = new Map(files.map(({ path, stored_size: size }) => [path, size]));
  const work = await mkdtemp(join(tmpdir(), 'coresdk-delta-'));
  try {
    const encoded = await encodeDelta(
      files.map(({ path, mode }) => ({ path, mode, source: target.fileOf(path) })),
      { base, entrypoint, wholeSize: (path) => sizes.get(path) },
      { work, level: DEFAULT_ZSTD_LEVEL, signal },
    );
    const manifest: Manifest = {
      ...target.manifest,
      files: encoded.map(({ entry }) => entry),
      base: baseOf(base),
    };
    return await writeBundleFile({
      manifest,
      files: encoded,
      signer,
      out,
      attempt: attemptOn(base, trust, signal),
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
