import type { Manifest } from '../bundle/manifest.ts';
import { importTrustSet } from '../bundle/trust-set.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { hostPlatform } from '../config/index.ts';
import { UpdateError } from '../errors.ts';
import {
  verifyBundleFile,
  verifySignedManifest,
  type VerifySignedOptions,
} from '../publish/verify-bundle.ts';
import { signedText, verifiedText } from './bundle-text.ts';
import type { CliContext } from './context.ts';

/**
 * `update --bundle FILE --verify-only`: verifies a bundle for this host, with the keys that this program was built with.
 * Of a delta it verifies signature and manifest: its base belongs to the daemon. Whether the daemon would install it (version floor, quarantine, blocked versions) only the daemon knows.
 *
 * @throws UpdateError `TRUST_SET_MISSING`, and every refusal of a bundle that does not verify
 */
export async function verifyOnly(context: CliContext, path: string): Promise<void> {
  const { trust } = context.embedded;
  if (trust === null)
    throw new UpdateError('TRUST_SET_MISSING', 'expected public keys in this program, found none');
  const trustSet = importTrustSet(trust);
  const rule = { platform: hostPlatform(), now: context.now() };
  const { audience } = await judge(context, path, trustSet, rule);
  if (!audience.some((each) => each === 'airgap'))
    context.print(
      'note: a bundle for stable and edge is installed from a file only while the channel’s head names it',
    );
}

/** Verifies and prints; a delta as far as it can be seen without its base. */
async function judge(
  context: CliContext,
  path: string,
  trust: TrustSet,
  rule: VerifySignedOptions,
): Promise<Manifest> {
  try {
    const verified = await verifyBundleFile(path, trust, rule);
    context.print(verifiedText(path, verified));
    return verified.manifest;
  } catch (error) {
    if (!(error instanceof UpdateError) || error.code !== 'DELTA_BASE_MISSING') throw error;
    const signed = await verifySignedManifest(path, trust, rule);
    context.print(signedText(path, signed));
    context.print(
      `note: ${error.message}; on a host that has that version, the daemon verifies the files that it gives`,
    );
    return signed.manifest;
  }
}
