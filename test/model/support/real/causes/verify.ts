import { rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BUNDLE_BYTES } from '../../../../../src/bundle/bundle-signature.ts';
import { answering, preceded } from '../../../../faults/fault.ts';
import { storedFile } from '../../../../attack/support/craft.ts';
import { flipByte } from '../../../../e2e/support/publisher.ts';
import { breakMember, lyingFile, WRONG_JWS, type BundleChange } from '../craft.ts';
import { signed, type Claims } from '../feed-head.ts';
import { PAST_VERSION } from '../past.ts';
import type { World } from '../world.ts';
import { BY_ITSELF, type Cause, type Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';
import { elsewhere, hasAccepted } from './head.ts';

/** `verify` finds nothing wrong. */
export const VERIFIED: Causes = {
  genuine: BY_ITSELF,
  runsAlready: { past: 'committed', offer: { version: PAST_VERSION } },
};

/** The bundle on offer is crafted. */
const crafted = (change: BundleChange | (() => BundleChange)): Cause => ({ offer: { crafted: change } });

/** A bundle for feeds that an operator gives as a file; a head on stable that was accepted names it, but is not right. */
const namedBy = (claims: Claims | ((world: World) => Claims)): Cause => ({
  settings: { channel: 'stable' },
  offer: { audience: 'feed' },
  arrange: hasAccepted((world) => world.heads.make(typeof claims === 'function' ? claims(world) : claims)),
});

/** The host has accepted a head on stable with such claims. */
const accepted = (claims: (world: World) => Claims): Cause => ({
  arrange: hasAccepted((world) => world.heads.make(claims(world))),
});

/** Why it refuses a bundle. */
export const VERIFY_FAILS: Causes = {
  ...Object.fromEntries(Object.entries(WRONG_JWS).map(([code, wrong]) => [code, crafted({ wrong })])),
  JOURNAL_WRITE_FAILED: noIntent('verify'),
  STATE_DIR_UNUSABLE: fails('verify', 'Downloads.unpack', 'EIO'),
  DISK_FULL: {
    arrange: ({ arm }) => {
      arm(answering('Downloads.freeBytes', 0, { in: 'verify' }));
    },
  },
  // A hole in the file makes it as large as one likes.
  JWS_TOO_LARGE: {
    arrange: (world) => {
      const grown = (name: string): Promise<void> =>
        truncate(join(world.host.paths.downloads, name), MAX_BUNDLE_BYTES + 1);
      world.arm(preceded('Downloads.read', grown, { in: 'verify' }));
    },
  },
  JSON_INVALID: crafted({ manifestBytes: Buffer.from('{"schema":1,"schema":1}') }),
  BAKE_MISSING: namedBy({ bake: undefined }),
  BAKE_INVALID: namedBy({ bake: 'not an edge head' }),
  BAKE_TOO_SHORT: namedBy(({ heads, offer }) => ({
    bake: heads.edge({ version: offer.version, ...signed(2 * 3600) }).toString('latin1'),
  })),
  CLOCK_BEHIND: namedBy(() => signed(-24 * 3600)),
  BUNDLE_NOT_FOUND: {
    arrange: (world) => {
      world.arm(
        preceded('Downloads.read', (name) => rm(join(world.host.paths.downloads, name)), { in: 'verify' }),
      );
    },
  },
  // Between the first pass over the bundle and the second.
  BUNDLE_CHANGED: {
    arrange: (world) => {
      const names: string[] = [];
      world.arm(
        preceded('Downloads.read', (name) => void names.push(name), { in: 'verify' }),
        preceded('Downloads.unpack', () => flipByte(join(world.host.paths.downloads, names[0] ?? '')), {
          in: 'verify',
        }),
      );
    },
  },
  // From a file: of no head. From the feed: not the release that the head says.
  BUNDLE_NOT_NAMED: {
    offer: {
      audience: 'feed',
      crafted: { files: [storedFile('coresdk-sidecar', Buffer.from('#!/bin/sh\n'))] },
    },
  },
  MANIFEST_INVALID: crafted({ manifest: { schema: 2 } }),
  BUNDLE_ARCHIVE_INVALID: crafted({ payload: breakMember }),
  BUNDLE_CHECKSUM_MISMATCH: crafted(() => ({ files: [lyingFile()] })),
  // The base goes between the check and the last look at it.
  DELTA_BASE_MISSING: {
    arrange: (world) => world.takeAway(world.versionFolder(PAST_VERSION)),
  },
  DELTA_FAILED: BY_ITSELF,
  WRONG_PRODUCT: crafted({ manifest: { product: 'another-product' } }),
  WRONG_PLATFORM: crafted({ manifest: { platform: elsewhere() } }),
  // The key of air-gapped bundles may not sign for feeds.
  WRONG_AUDIENCE: {
    offer: { audience: 'airgap', crafted: { manifest: { audience: ['stable', 'edge'] } } },
  },
  UPDATER_TOO_OLD: crafted({ manifest: { min_updater: '99.0.0' } }),
  VERSION_TOO_LOW: accepted(() => ({ min_version: '99.0.0', version: '99.0.0' })),
  VERSION_BLOCKED: accepted(({ offer }) => ({ blocked: [offer.version], version: '99.0.0' })),
  RELEASE_QUARANTINED: {
    arrange: (world) => world.quarantine(world.offer.digest, world.offer.version),
  },
  INTERNAL: breaks('verify', 'VersionStore.current'),
};
