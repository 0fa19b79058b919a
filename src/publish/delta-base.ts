/** What the full bundle of a base must be for a delta, and what the delta says of it. */
import semver from 'semver';
import type { Manifest } from '../bundle/manifest.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import type { Platform } from '../types.ts';
import { platformName } from './inspect.ts';
import type { UnpackedBundle } from './unpacked-bundle.ts';
import { verifyBundleFile } from './verify-bundle.ts';

/** The release of a base, as a manifest names it. */
export function baseOf({ manifest, digest }: UnpackedBundle): NonNullable<Manifest['base']> {
  return { version: manifest.version, release_digest: digest };
}

/**
 * Sees that a release can be made from a base. Its audience does not matter: hosts know a base by its release digest.
 *
 * @throws UpdateError `WRONG_PRODUCT`, `WRONG_PLATFORM`; `VERSION_TOO_LOW` for a release that is not newer, since no host goes back
 */
export function requireBaseFor(
  { product, version, platform }: { product: string; version: string; platform: Platform },
  { path, manifest: base }: UnpackedBundle,
): void {
  if (base.product !== product)
    throw new UpdateError(
      'WRONG_PRODUCT',
      `expected a base of ${product}, found one of ${base.product}: ${path}`,
    );
  if (platformName(base.platform) !== platformName(platform))
    throw new UpdateError(
      'WRONG_PLATFORM',
      `expected a base for ${platformName(platform)}, found one for ${platformName(base.platform)}: ${path}`,
    );
  if (!semver.lt(base.version, version))
    throw new UpdateError(
      'VERSION_TOO_LOW',
      `expected a base older than ${version}, found ${base.version}: ${path}`,
    );
}

/** A try of a delta on its base, as an updater would: signature, manifest, and every file that comes out. */
export function attemptOn(
  base: UnpackedBundle,
  trust: TrustSet,
  signal: AbortSignal | undefined,
): (path: string) => Promise<void> {
  return async (path) => {
    await verifyBundleFile(path, trust, { signal, base: () => Promise.resolve(base.files) });
  };
}
