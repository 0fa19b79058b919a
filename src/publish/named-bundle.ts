/** Judging of bundles that heads name, as a client would. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { HeadTarget } from '../bundle/head.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import type { FeedBases } from './feed-bases.ts';
import { platformName } from './inspect.ts';
import { verifyBundleFile, type SignedManifest } from './verify-bundle.ts';

/** A bundle as a head names it, with all that the head says of it. */
export interface NamedBundle {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly version: string;
  readonly digest: string;
  readonly platform: Pick<HeadTarget, 'os' | 'arch' | 'libc'>;
  /** For a delta: the release digest of its base. */
  readonly base?: string | undefined;
}

/** The bundles that a release, or a step, names. */
export function namedBundles({
  version,
  targets,
}: {
  readonly version: string;
  readonly targets: readonly HeadTarget[];
}): NamedBundle[] {
  return targets.flatMap(({ os, arch, libc, release_digest: digest, bundles }) =>
    bundles.map(({ path, size, sha256, base }) => ({
      path,
      size,
      sha256,
      version,
      digest,
      platform: { os, arch, libc },
      base,
    })),
  );
}

/**
 * Checks a bundle against what a head says of it: size and SHA-256, then signature, release digest, version, platform, audience and
 * base, then every file. A delta is applied to its base; that comes last, so that where the base is not at hand all else is right.
 *
 * @throws UpdateError `BUNDLE_NOT_FOUND`; `BUNDLE_NOT_NAMED` where it is another one; `WRONG_PLATFORM`, `WRONG_AUDIENCE`, and every
 * refusal of a bundle that does not verify; `DELTA_BASE_MISSING` for a delta that is right as far as it can be seen without its base
 */
export async function checkNamedBundle(
  feedDir: string,
  named: NamedBundle,
  channel: FeedChannel,
  {
    trust,
    signal,
    bases,
  }: {
    readonly trust: TrustSet;
    readonly signal?: AbortSignal | undefined;
    readonly bases?: FeedBases | undefined;
  },
): Promise<void> {
  const path = join(feedDir, named.path);
  const found = await sumOf(path, signal);
  if (found.size !== named.size)
    throw notNamed(`${String(named.size)} bytes at ${named.path}`, String(found.size));
  if (found.sha256 !== named.sha256) throw notNamed(`SHA-256 ${named.sha256} of ${named.path}`, found.sha256);
  await verifyBundleFile(path, trust, {
    signal,
    base: bases?.find,
    judge: (signed) => {
      requireNamed(named, channel, signed);
    },
  });
}

function requireNamed(named: NamedBundle, channel: FeedChannel, { manifest, digest }: SignedManifest): void {
  if (digest !== named.digest) throw notNamed(`release digest ${named.digest} in ${named.path}`, digest);
  if (manifest.version !== named.version)
    throw notNamed(`version ${named.version} in ${named.path}`, manifest.version);
  const platform = platformName(named.platform);
  if (platformName(manifest.platform) !== platform)
    throw new UpdateError(
      'WRONG_PLATFORM',
      `expected a bundle for ${platform} at ${named.path}, found one for ${platformName(manifest.platform)}`,
    );
  if (!manifest.audience.some((audience) => audience === channel))
    throw new UpdateError(
      'WRONG_AUDIENCE',
      `expected a bundle for ${channel} at ${named.path}, found one for ${manifest.audience.join(' and ')}`,
    );
  const way = (base: string | undefined): string =>
    base === undefined ? 'a full bundle' : `a delta from ${base}`;
  if (manifest.base?.release_digest !== named.base)
    throw notNamed(`${way(named.base)} at ${named.path}`, way(manifest.base?.release_digest));
}

/**
 * Size and SHA-256 of a file.
 *
 * @throws UpdateError `BUNDLE_NOT_FOUND` when it cannot be read
 */
export async function sumOf(path: string, signal?: AbortSignal): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
      const bytes = chunk as Buffer;
      hash.update(bytes);
      size += bytes.length;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', `${path} cannot be read`);
  }
  return { size, sha256: hash.digest('hex') };
}

function notNamed(expected: string, found: string): UpdateError {
  return new UpdateError('BUNDLE_NOT_NAMED', `expected ${expected}, found ${found}`);
}
