/** Making of bundles out of the files of a release. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifestSchema, type Manifest } from '../bundle/manifest.ts';
import { firstIssue } from '../bundle/quote.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import type { Platform } from '../types.ts';
import { requireAlgorithm, writeBundleFile, type CreatedBundle } from './bundle-file.ts';
import { attemptOn, baseOf, requireBaseFor } from './delta-base.ts';
import { encodeDelta, encodeWhole, type BundleFile, type EncodedFile } from './file-encoding.ts';
import type { Signer } from './signer.ts';
import { unpackBundleFile, type UnpackedBundle } from './unpacked-bundle.ts';

export type { CreatedBundle } from './bundle-file.ts';
export type { BundleFile } from './file-encoding.ts';

/** The level of zstd unless told. */
export const DEFAULT_ZSTD_LEVEL = 10;

/** What goes into a bundle. */
export interface CreateBundleOptions {
  readonly product: string;
  readonly version: string;
  /** `feed` makes a bundle for stable and edge (RS256), `airgap` one that comes from a file (ES256). */
  readonly audience: 'feed' | 'airgap';
  readonly platform: Platform;
  /** The path of the workload's program among `files`, mode 0755; none in a release of the daemon alone. */
  readonly entrypoint?: string | undefined;
  /** The path of the daemon's program among `files`, mode 0755; it may be the same file. None unless told. */
  readonly daemon?: string | undefined;
  readonly files: readonly BundleFile[];
  /**
   * Makes a delta from this release instead of a full bundle: the path of its full bundle, of any audience, and the keys that it and
   * the delta must verify with.
   */
  readonly base?: { readonly bundle: string; readonly trust: TrustSet } | undefined;
  readonly signer: Signer;
  /** Where the bundle appears, mode 0644; what is there is replaced. */
  readonly out: string;
  /** ms since 1970, written into manifest and archive in whole seconds; now unless told. Fix it for equal bytes. */
  readonly createdAt?: number;
  readonly minUpdater?: string | undefined;
  readonly rollbackSafeTo?: string | undefined;
  readonly notes?: string | undefined;
  /** zstd level, 1 to 19; 10 unless told. */
  readonly level?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes one signed bundle: encodes each file into a private temporary folder, then streams archive, base64url and signature in one
 * go. With `base` it is a delta, which is tried before it appears; its release digest is that of the full bundle of these files.
 *
 * @throws UpdateError `SIGNING_FAILED` when the signer's algorithm does not fit the audience, `MANIFEST_INVALID`,
 * `BUNDLE_NOT_FOUND` when a source cannot be read, `WRITE_FAILED`, `USAGE` for a level out of range; for a base what
 * `unpackBundleFile` and `requireBaseFor` throw
 * @example
 * await createBundle({ product: 'coresdk-sidecar', version: '1.1.0', audience: 'feed', platform: { os: 'linux', arch: 'x64' },
 *   entrypoint: 'bin/sidecar', files: [{ path: 'bin/sidecar', source: 'dist/sidecar', mode: 0o755 }],
 *   signer: await loadSigner('keys/bundle.pem'), out: 'sidecar-1.1.0.jws' });
 */
export async function createBundle(options: CreateBundleOptions): Promise<CreatedBundle> {
  requireAlgorithm(options.audience, options.signer);
  const level = options.level ?? DEFAULT_ZSTD_LEVEL;
  if (!Number.isInteger(level) || level < 1 || level > 19)
    throw new UpdateError('USAGE', `expected a zstd level from 1 to 19, found ${String(level)}`);

  try {
    if (options.base === undefined) return await write(options, level, null);
    const { bundle, trust } = options.base;
    await using base = await unpackBundleFile(bundle, trust, options.signal);
    requireBaseFor(options, base);
    return await write(options, level, base);
  } catch (error) {
    throw UpdateError.from(error, 'WRITE_FAILED', `the bundle ${options.out} cannot be written`);
  }
}

async function write(
  options: CreateBundleOptions,
  level: number,
  base: UnpackedBundle | null,
): Promise<CreatedBundle> {
  const { files, entrypoint = options.daemon ?? '', signal, signer, out } = options;
  const work = await mkdtemp(join(tmpdir(), 'coresdk-bundle-'));
  try {
    const encoding = { work, level, signal };
    const encoded =
      base === null
        ? await encodeWhole(files, encoding)
        : await encodeDelta(files, { base, entrypoint }, encoding);
    const manifest = describe(options, encoded, base);
    const attempt =
      base === null || options.base === undefined ? undefined : attemptOn(base, options.base.trust, signal);
    return await writeBundleFile({ manifest, files: encoded, signer, out, attempt });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function describe(
  options: CreateBundleOptions,
  files: readonly EncodedFile[],
  base: UnpackedBundle | null,
): Manifest {
  const seconds = Math.floor((options.createdAt ?? Date.now()) / 1000);
  const { os, arch, libc } = options.platform;
  const parsed = manifestSchema.safeParse({
    schema: 1,
    product: options.product,
    version: options.version,
    audience: options.audience === 'airgap' ? ['airgap'] : ['stable', 'edge'],
    platform: { os, arch, ...(libc === undefined ? {} : { libc }) },
    created_at: new Date(seconds * 1000).toISOString(),
    ...(options.entrypoint === undefined ? {} : { entrypoint: options.entrypoint }),
    ...(options.daemon === undefined ? {} : { daemon: options.daemon }),
    files: files.map(({ entry }) => entry),
    ...(base === null ? {} : { base: baseOf(base) }),
    ...(options.minUpdater === undefined ? {} : { min_updater: options.minUpdater }),
    ...(options.rollbackSafeTo === undefined ? {} : { rollback_safe_to: options.rollbackSafeTo }),
    ...(options.notes === undefined ? {} : { notes: options.notes }),
  });
  if (parsed.success) return parsed.data;
  throw new UpdateError('MANIFEST_INVALID', `manifest: ${firstIssue(parsed.error)}`, { cause: parsed.error });
}
