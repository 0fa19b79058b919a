import { importTrustSet } from '../bundle/trust-set.ts';
import { hostPlatform } from '../config/index.ts';
import { UpdateError } from '../errors.ts';
import { verifyBundleFile } from '../publish/inspect.ts';
import { verifiedText } from './bundle-text.ts';
import type { CliContext } from './context.ts';

/**
 * `update --bundle FILE --verify-only`: verifies a bundle for this host, with the keys that this program was built with.
 * Whether the daemon would install it (version floor, quarantine, blocked versions) only the daemon knows.
 *
 * @throws UpdateError `TRUST_SET_MISSING`, and every refusal of a bundle that does not verify
 */
export async function verifyOnly(context: CliContext, path: string): Promise<void> {
  const { trust } = context.embedded;
  if (trust === null)
    throw new UpdateError('TRUST_SET_MISSING', 'expected public keys in this program, found none');
  const verified = await verifyBundleFile(path, importTrustSet(trust), {
    platform: hostPlatform(),
    now: context.now(),
  });
  context.print(verifiedText(path, verified));
  if (!verified.manifest.audience.some((audience) => audience === 'airgap'))
    context.print(
      'note: a bundle for stable and edge is installed from a file only while the channel’s head names it',
    );
}
