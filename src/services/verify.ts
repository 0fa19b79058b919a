/**
 * `verifying`. The order is the operator's guarantee:
 * 1. the file already sits in a private temporary path (`download`),
 * 2. the signature, over the raw bytes, before anything in the payload is parsed or decompressed,
 * 3. the manifest, then every file's size and SHA-256 against it, while the files are unpacked to a temporary folder;
 * 4. only after this service is done, `stage` makes a version folder appear.
 */
import semver from 'semver';
import { readManifest, unpackBundle } from '../bundle/bundle-reader.ts';
import { verifyBundleSignature, type SignedBundle } from '../bundle/bundle-signature.ts';
import { releaseDigest, type Manifest } from '../bundle/manifest.ts';
import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { Downloaded, Offer, Release, Verified } from '../types.ts';
import { objection } from './admission.ts';
import { storedHead } from './heads.ts';
import type { Host, Ports } from './ports.ts';
import { refusing } from './refusing.ts';
import { requireSpace } from './space.ts';

type Needs = Pick<
  Ports,
  'downloads' | 'host' | 'store' | 'heads' | 'clock' | 'reporter' | 'quarantine' | 'journal'
>;

const UNPACKED = 'unpacked';

/** A bundle from a feed must be for its channel and be the bytes that the head names; a file must be for air-gapped hosts, or be named by a stored head. */
async function requireRightWay(
  ports: Needs,
  offer: Offer,
  downloaded: Downloaded,
  signed: SignedBundle,
): Promise<void> {
  const { source, channel } = offer;
  if (source.kind === 'feed') {
    if (channel === null || !signed.audiences.includes(channel))
      throw new UpdateError(
        'WRONG_AUDIENCE',
        `expected a bundle for ${channel ?? 'a channel'}, found one for ${signed.audiences.join(', ')}`,
      );
    if (downloaded.sha256 !== source.sha256)
      throw new UpdateError(
        'BUNDLE_CHECKSUM_MISMATCH',
        `expected a bundle with SHA-256 ${source.sha256}, as the head says; found ${downloaded.sha256}`,
      );
    return;
  }
  if (signed.audiences.includes('airgap')) return;
  for (const name of ['stable', 'edge'] as const) {
    const stored = await storedHead(ports, name, 'unexpired');
    const named = stored?.head.targets.some((target) =>
      target.bundles.some(({ sha256 }) => sha256 === downloaded.sha256),
    );
    if (named === true) return;
  }
  throw new UpdateError(
    'BUNDLE_NOT_NAMED',
    `expected an airgap bundle, or one that the stored head names; found one for ${signed.audiences.join(', ')} that no stored, unexpired head names`,
  );
}

function requireFit(manifest: Manifest, host: Host): void {
  if (manifest.product !== host.product)
    throw new UpdateError(
      'WRONG_PRODUCT',
      `expected a bundle of ${host.product}, found one of ${manifest.product}`,
    );
  const { os, arch, libc } = manifest.platform;
  const fits =
    os === host.platform.os &&
    arch === host.platform.arch &&
    (libc === undefined || libc === host.platform.libc);
  const name = (platform: Manifest['platform'] | Host['platform']): string =>
    [platform.os, platform.arch, platform.libc].filter((part) => part !== undefined).join('/');
  if (!fits)
    throw new UpdateError(
      'WRONG_PLATFORM',
      `expected a bundle for ${name(host.platform)}, found one for ${name(manifest.platform)}`,
    );
  if (manifest.min_updater !== undefined && semver.lt(host.updaterVersion, manifest.min_updater))
    throw new UpdateError(
      'UPDATER_TOO_OLD',
      `expected an updater of version ${manifest.min_updater} or later, found ${host.updaterVersion}`,
    );
}

function requireNamed(offer: Offer, release: Release): void {
  const named = offer.release;
  if (named === null || (named.version === release.version && named.digest === release.digest)) return;
  throw new UpdateError(
    'BUNDLE_NOT_NAMED',
    `expected release ${named.version} (${named.digest.slice(0, 12)}), as the head says; found ${release.version} (${release.digest.slice(0, 12)})`,
  );
}

/**
 * `verifying`: see the head of this file.
 *
 * @throws UpdateError every code of signature, manifest, archive and admission; `DISK_FULL`
 */
export const verify =
  (ports: Needs) =>
  ({ offer, downloaded }: Steps['verify']['input'], signal: AbortSignal): Promise<Verified> => {
    // Remembered by the sum that the head names, since a check knows no other.
    const sha256 = offer.source.kind === 'feed' ? offer.source.sha256 : downloaded.sha256;
    return refusing(ports, { ...downloaded, sha256 }, async () => {
      const file = await ports.downloads.read(downloaded.file);
      try {
        const signed = await verifyBundleSignature(file, ports.host.trust, signal);
        await requireRightWay(ports, offer, downloaded, signed);
        const manifest = await readManifest(file, signed, signal);
        requireFit(manifest, ports.host);
        const release = { version: manifest.version, digest: releaseDigest(manifest.files) };
        requireNamed(offer, release);

        const current = await ports.store.current();
        if (
          current.origin === 'store' &&
          current.digest === release.digest &&
          current.version === release.version
        )
          return { release, manifest, kid: signed.kid, unpacked: null };
        const reason = await objection(ports, release);
        if (reason !== null) throw new UpdateError(reason.code, reason.message);

        const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
        await requireSpace(ports.downloads, bytes, `to unpack ${release.version}`);
        await unpackBundle(file, signed, manifest, await ports.downloads.unpack(UNPACKED), signal);
        return { release, manifest, kid: signed.kid, unpacked: UNPACKED };
      } finally {
        await file.close();
      }
    });
  };
