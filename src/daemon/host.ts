import { importTrustSet } from '../bundle/trust-set.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { hostPlatform } from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import type { Host } from '../services/ports.ts';

/** What this program is called in heads and manifests when it was built without a trust set that says so. */
const DEFAULT_PRODUCT = 'coresdk-sidecar';

/**
 * The facts of this host and program, but for its machine id. A program without keys trusts nobody: every document is refused.
 *
 * @throws UpdateError `TRUST_SET_INVALID` when the build embedded a bad key
 */
export function describeHost(embedded: Embedded): Omit<Host, 'machineId'> {
  const trust: TrustSet =
    embedded.trust === null
      ? { product: DEFAULT_PRODUCT, development: false, keys: new Map() }
      : importTrustSet(embedded.trust);
  return {
    product: trust.product,
    platform: hostPlatform(),
    updaterVersion: embedded.version,
    builtFrom: embedded.builtFrom,
    trust,
  };
}
