import { importTrustSet } from '../bundle/trust-set.ts';
import type { TrustSet } from '../bundle/trust.ts';
import type { Embedded } from '../embedded.ts';
import type { Host } from '../services/ports.ts';
import type { Platform } from '../types.ts';

/** What this program is called in heads and manifests when it was built without a trust set that says so. */
const DEFAULT_PRODUCT = 'coresdk-sidecar';

/** The platform of this process; `libc` on Linux only. */
export function hostPlatform(): Platform {
  const { platform: os, arch } = process;
  if (os !== 'linux') return { os, arch };
  // Without it the report looks up host names, which may take seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return { os, arch, libc: header.glibcVersionRuntime === undefined ? 'musl' : 'glibc' };
}

/**
 * The facts of this host and program. A program without keys trusts nobody: every document is refused.
 *
 * @throws UpdateError `TRUST_SET_INVALID` when the build embedded a bad key
 */
export function describeHost(embedded: Embedded): Host {
  const trust: TrustSet =
    embedded.trust === null
      ? { product: DEFAULT_PRODUCT, development: false, keys: new Map() }
      : importTrustSet(embedded.trust);
  return { product: trust.product, platform: hostPlatform(), updaterVersion: embedded.version, trust };
}
