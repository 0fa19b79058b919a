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
import type { Head } from '../bundle/head.ts';
import { releaseDigest, type Manifest } from '../bundle/manifest.ts';
import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { Downloaded, Offer, Release, Verified, VersionRef } from '../types.ts';
import { objection } from './admission.ts';
import { withBase } from './delta-base.ts';
import { acceptedHeads, storedHead } from './heads.ts';
import type { Host, Ports } from './ports.ts';
import { refusing } from './refusing.ts';
import type { Settings } from './settings.ts';
import { requireSpace } from './space.ts';
import { requireClock, timeFloor } from './time-floor.ts';
import { overrideNote, requireBaked } from './turn.ts';

type Needs = Pick<
  Ports,
  'downloads' | 'host' | 'store' | 'heads' | 'clock' | 'reporter' | 'quarantine' | 'journal' | 'succession'
>;

type Policy = Pick<Settings, 'allowSecurityOverride'>;

const UNPACKED = 'unpacked';

/** What a head says of a bundle. */
interface NamedBundle {
  readonly release: Release;
  /** For a delta: the release digest of its base. */
  readonly base: string | undefined;
}

/** What the way that a bundle came by says of it; `named` is null where nothing does. `note` is for the history. */
interface Way {
  readonly named: NamedBundle | null;
  readonly note?: string;
}

/** This host's time, or the time floor where the clock is behind it: setting a clock back gives no key a second life. */
const timeHere = async (ports: Needs): Promise<number> =>
  Math.max(ports.clock.now(), timeFloor(ports, await acceptedHeads(ports)).at);

/**
 * A bundle from a feed must be for its channel and be the bytes that the head names; a file must be for air-gapped hosts, or be
 * named by a stored head, and then be as right as if it came by the feed: in time, and baked.
 */
async function requireRightWay(
  ports: Needs,
  settings: Policy,
  { source, channel, release }: Offer,
  downloaded: Downloaded,
  signed: SignedBundle,
): Promise<Way> {
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
    return { named: release === null ? null : { release, base: source.base?.digest } };
  }
  if (signed.audiences.includes('airgap')) return { named: null };
  requireClock(ports, await acceptedHeads(ports));
  for (const name of ['stable', 'edge'] as const) {
    const head = (await storedHead(ports, name, 'unexpired'))?.head;
    const named = head === undefined ? null : bundleNamed(head, downloaded.sha256);
    if (head === undefined || named === null) continue;
    const override = await requireBaked(ports, settings, head);
    return { named, ...(override === null ? {} : { note: overrideNote(override) }) };
  }
  throw new UpdateError(
    'BUNDLE_NOT_NAMED',
    `expected an airgap bundle, or one that the stored head names; found one for ${signed.audiences.join(', ')} that no stored, unexpired head names`,
  );
}

/** What the head says of the bundle with these bytes: of its newest release, or of a step on the way to it. */
function bundleNamed(head: Head, sha256: string): NamedBundle | null {
  for (const { version, targets } of [head, ...(head.steps ?? [])])
    for (const { release_digest: digest, bundles } of targets) {
      const bundle = bundles.find((each) => each.sha256 === sha256);
      if (bundle !== undefined) return { release: { version, digest }, base: bundle.base };
    }
  return null;
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

function requireNamed(named: NamedBundle | null, release: Release, base: Manifest['base']): void {
  if (named === null) return;
  const { version, digest } = named.release;
  if (version !== release.version || digest !== release.digest)
    throw new UpdateError(
      'BUNDLE_NOT_NAMED',
      `expected release ${version} (${digest.slice(0, 12)}), as the head says; found ${release.version} (${release.digest.slice(0, 12)})`,
    );
  if (named.base === base?.release_digest) return;
  const way = (from: string | undefined): string =>
    from === undefined ? 'a full bundle' : `a delta from ${from.slice(0, 12)}`;
  throw new UpdateError(
    'BUNDLE_NOT_NAMED',
    `expected ${way(named.base)}, as the head says; found ${way(base?.release_digest)}`,
  );
}

/**
 * `verifying`: see the head of this file.
 *
 * @throws UpdateError every code of signature, manifest, archive and admission; `DISK_FULL`,
 * `STATE_DIR_UNUSABLE`, `BUNDLE_NOT_FOUND`; for a delta `DELTA_BASE_MISSING` and
 * `DELTA_FAILED`; for a stable bundle from a file `CLOCK_BEHIND`, `BAKE_MISSING`, `BAKE_INVALID`, `BAKE_TOO_SHORT`
 */
export const verify =
  (ports: Needs, settings: Policy) =>
  ({ offer, downloaded }: Steps['verify']['input'], signal: AbortSignal): Promise<Verified> => {
    // Remembered by the sum that the head names, since a check knows no other.
    const sha256 = offer.source.kind === 'feed' ? offer.source.sha256 : downloaded.sha256;
    return refusing(ports, { ...downloaded, sha256 }, async () => {
      const file = await ports.downloads.read(downloaded.file);
      try {
        // A file is judged by today: a key that has ended could sign one today and date it back. A feed's bundle is named by a
        // head, whose own key has not ended; the head vouches for when it was there.
        const now = offer.source.kind === 'file' ? { now: await timeHere(ports) } : {};
        const signed = await verifyBundleSignature(file, ports.host.trust, signal, now);
        const { named, ...more } = await requireRightWay(ports, settings, offer, downloaded, signed);
        const manifest = await readManifest(file, signed, signal);
        requireFit(manifest, ports.host);
        const release = { version: manifest.version, digest: releaseDigest(manifest.files) };
        requireNamed(named, release, manifest.base);

        const isThis = (ref: VersionRef | null): boolean =>
          ref?.origin === 'store' && ref.digest === release.digest && ref.version === release.version;
        const runs =
          manifest.entrypoint === undefined ? await ports.succession.origin() : await ports.store.current();
        if (isThis(runs)) return { release, manifest, kid: signed.kid, unpacked: null };
        const reason = await objection(ports, release);
        if (reason !== null) throw new UpdateError(reason.code, reason.message);

        await withBase(ports, manifest, signal, async (base) => {
          const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
          await requireSpace(ports.downloads, bytes, `to unpack ${release.version}`);
          const target = await ports.downloads.unpack(UNPACKED);
          await unpackBundle(file, signed, manifest, target, { signal, ...base });
        });
        return { release, manifest, kid: signed.kid, unpacked: UNPACKED, ...more };
      } finally {
        await file.close();
      }
    });
  };
