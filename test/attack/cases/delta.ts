/**
 * Attacks by a delta, by whoever has stolen the keys of bundles and of edge heads, or writes into the version store. The host has
 * {@link BASE}; each head names a full bundle too, which the feed does not have.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { ErrorCode } from '../../../src/error-codes.ts';
import { releaseDigest } from '../../../src/bundle/manifest.ts';
import { hostPlatform } from '../../../src/config/index.ts';
import { makePatch } from '../../../src/publish/patch/make-patch.ts';
import type { AttackRow, Defence } from '../support/attack.ts';
import { archive, craft, sha256, storedFile, type Craft, type StoredFile } from '../support/craft.ts';
import { json, manifestOf, membersOf, OFFERED, release } from '../support/makers.ts';
import type { Rig } from '../support/rig.ts';

/** The version that the host has, and that deltas are made from. */
export const BASE = '8.0.0';

/** A delta, and what the head says of it. */
export interface Offered {
  readonly bundle: Buffer;
  /** Release digest of the base, as the head says. */
  readonly base: string;
  /** Release digest of what it leads to, as the head says. */
  readonly digest: string;
}

/** An attack by a delta. */
export interface DeltaAttack extends AttackRow {
  readonly delta: (rig: Rig) => Promise<Offered>;
  /** What is done on the host before; returns how it is undone. */
  readonly onHost?: (rig: Rig) => Promise<() => Promise<void>>;
}

const PATH = 'coresdk-sidecar';
const OLD = release(BASE);
const NEW = release(OFFERED);
const PLATFORM = hostPlatform();

const contentOf = (version: string): Buffer => zstdDecompressSync(release(version).files[0]!.stored);

/** The patch from one content to another. */
async function patchOf(base: Uint8Array, target: Uint8Array): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), 'coresdk-attack-patch-'));
  try {
    const path = (name: string): string => join(dir, name);
    await writeFile(path('base'), base);
    await writeFile(path('target'), target);
    await makePatch({ base: path('base'), target: path('target'), out: path('patch') });
    return await readFile(path('patch'));
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** The program as a patch; `change` makes its line in the manifest wrong. */
async function patched(change: Record<string, unknown> = {}, stored?: Buffer): Promise<StoredFile> {
  const content = contentOf(OFFERED);
  const patch = stored ?? (await patchOf(contentOf(BASE), content));
  return storedFile(PATH, content, { encoding: 'patch', ...change }, patch);
}

/** A file that is said to be one of the base's. */
const same = (path: string, content: Uint8Array, change: Record<string, unknown> = {}): StoredFile =>
  storedFile(path, content, { encoding: 'same', mode: 0o644, ...change }, Buffer.alloc(0));

async function deltaOf(
  rig: Rig,
  files: readonly StoredFile[],
  manifest: Record<string, unknown> = {},
  parts: Partial<Craft> = {},
): Promise<Buffer> {
  const base = { version: BASE, release_digest: OLD.digest };
  const payload = await archive(membersOf(files, json(manifestOf(files, { base, ...manifest }))));
  return craft({ key: rig.keys.bundle, typ: 'coresdk-bundle+jws', payload, ...parts });
}

/** A right delta. */
export async function rightDelta(rig: Rig): Promise<Offered> {
  return { bundle: await deltaOf(rig, [await patched()]), base: OLD.digest, digest: NEW.digest };
}

/** The targets of a head that names a delta beside a full bundle. */
export function targetsOf(
  { bundle, base, digest }: Offered,
  path: string,
  full: { readonly path: string; readonly size: number; readonly sha256: string },
): unknown[] {
  const delta = { path, size: bundle.length, sha256: sha256(bundle), base };
  return [{ os: PLATFORM.os, arch: PLATFORM.arch, release_digest: digest, bundles: [full, delta] }];
}

const attack = (
  name: string,
  code: ErrorCode,
  defence: Defence,
  delta: (rig: Rig) => Promise<Partial<Offered> & { bundle: Buffer }>,
  onHost?: DeltaAttack['onHost'],
): DeltaAttack => ({
  name,
  code,
  defence,
  delta: async (rig) => ({ base: OLD.digest, digest: NEW.digest, ...(await delta(rig)) }),
  ...(onHost === undefined ? {} : { onHost }),
});

/** A delta of these files, under a head that names their release rightly. */
const files = (
  name: string,
  code: ErrorCode,
  defence: Defence,
  make: () => Promise<readonly StoredFile[]>,
  manifest: Record<string, unknown> = {},
): DeltaAttack =>
  attack(name, code, defence, async (rig) => {
    const all = await make();
    return {
      bundle: await deltaOf(rig, all, manifest),
      digest: releaseDigest(all.map(({ entry }) => entry)),
    };
  });

const EVIL = Buffer.from('#!/bin/sh\necho evil\n');

const bases: DeltaAttack[] = [
  attack(
    'a delta whose base was swapped: the head names another',
    'BUNDLE_NOT_NAMED',
    'base',
    async (rig) => ({
      bundle: await deltaOf(rig, [await patched()], {
        base: { version: '7.0.0', release_digest: 'a'.repeat(64) },
      }),
    }),
  ),
  attack(
    'a base whose files were swapped on disk',
    'DELTA_FAILED',
    'delta',
    async (rig) => ({ bundle: await deltaOf(rig, [await patched()]) }),
    async (rig) => {
      const path = join(rig.host.stateDir, 'versions', BASE, 'files', PATH);
      const before = await readFile(path);
      const evil = Buffer.from(before);
      EVIL.copy(evil);
      await writeFile(path, evil);
      return () => writeFile(path, before);
    },
  ),
  attack('a full bundle where the head names a delta', 'BUNDLE_NOT_NAMED', 'base', (rig) =>
    Promise.resolve({ bundle: rig.good.bytes }),
  ),
  files('a file that the base does not have', 'DELTA_BASE_MISSING', 'base', async () => [
    await patched(),
    same('lib/extra', EVIL),
  ]),
  files('a patch of a file that the base does not have', 'DELTA_BASE_MISSING', 'base', async () => [
    await patched({ base_path: 'lib/other' }),
  ]),
  files('a file of the base that is another', 'DELTA_FAILED', 'delta', async () => [
    await patched(),
    same('lib/extra', EVIL, { base_path: PATH }),
  ]),
  ...[
    ['that leaves the base', '../../../../../../etc/passwd'],
    ['that is absolute', '/etc/passwd'],
    ['that is the mark of the version', '../committed'],
    ['that is a dot-file', '.profile'],
  ].map(([what = '', path = '']) =>
    files(`traversal: a path in the base ${what}`, 'MANIFEST_INVALID', 'paths', async () => [
      await patched(),
      same('lib/extra', EVIL, { base_path: path }),
    ]),
  ),
  files('a patch in a bundle without a base', 'MANIFEST_INVALID', 'schema', async () => [await patched()], {
    base: undefined,
  }),
  files('a file of the base that is stored with bytes', 'MANIFEST_INVALID', 'schema', async () => [
    await patched(),
    storedFile('lib/extra', EVIL, { encoding: 'same', mode: 0o644 }),
  ]),
];

const contents: DeltaAttack[] = [
  files('a patch that expands past the size in the manifest', 'DELTA_FAILED', 'delta', async () => {
    const huge = Buffer.concat([contentOf(OFFERED), Buffer.alloc(300_000)]);
    return [await patched({}, await patchOf(contentOf(BASE), huge))];
  }),
  files('a patch that is a decompression bomb', 'DELTA_FAILED', 'delta', async () => [
    await patched({}, zstdCompressSync(Buffer.alloc(50_000_000))),
  ]),
  files('a patch that gives other bytes', 'DELTA_FAILED', 'delta', async () => {
    const other = Buffer.from(contentOf(OFFERED));
    EVIL.copy(other);
    return [await patched({}, await patchOf(contentOf(BASE), other))];
  }),
  files('a patch that gives too few bytes', 'DELTA_FAILED', 'delta', async () => [
    await patched({}, await patchOf(contentOf(BASE), EVIL)),
  ]),
  files('a patch that is none', 'DELTA_FAILED', 'delta', async () => [await patched({}, EVIL)]),
  files('a patch of a whole archive of zeros', 'DELTA_FAILED', 'delta', async () => [
    await patched({}, Buffer.alloc(4096)),
  ]),
  files('a patch that breaks off', 'DELTA_FAILED', 'delta', async () => {
    const patch = await patchOf(contentOf(BASE), contentOf(OFFERED));
    return [await patched({}, patch.subarray(0, -1))];
  }),
  files('bytes after the patch', 'DELTA_FAILED', 'delta', async () => {
    const patch = await patchOf(contentOf(BASE), contentOf(OFFERED));
    return [await patched({}, Buffer.concat([patch, EVIL]))];
  }),
];

const names: DeltaAttack[] = [
  attack('a delta of another release under the head’s digest', 'BUNDLE_NOT_NAMED', 'named', async (rig) => {
    const content = Buffer.from(contentOf(OFFERED));
    EVIL.copy(content);
    const other = storedFile(PATH, content, { encoding: 'patch' }, await patchOf(contentOf(BASE), content));
    return { bundle: await deltaOf(rig, [other]) };
  }),
  attack('a delta of another version under the head’s digest', 'BUNDLE_NOT_NAMED', 'named', async (rig) => ({
    bundle: await deltaOf(rig, [await patched()], { version: '9.1.0' }),
  })),
  attack('a delta that another publisher’s key signed', 'JWS_KEY_UNKNOWN', 'keyring', async (rig) => ({
    bundle: await deltaOf(rig, [await patched()], {}, { key: rig.foreign.bundle }),
  })),
  attack('a delta that the key of heads signed', 'JWS_KEY_NOT_ALLOWED', 'binding', async (rig) => ({
    bundle: await deltaOf(rig, [await patched()], {}, { key: rig.keys['head-edge'] }),
  })),
  attack('a delta for air-gapped hosts by the feed', 'WRONG_AUDIENCE', 'fit', async (rig) => ({
    bundle: await deltaOf(rig, [await patched()], { audience: ['airgap'] }, { key: rig.keys.airgap }),
  })),
  attack(
    'a delta of which a byte was changed on the way',
    'JWS_SIGNATURE_INVALID',
    'signature',
    async (rig) => {
      const bundle = await deltaOf(rig, [await patched()]);
      bundle[3000] = bundle[3000] === 0x41 ? 0x42 : 0x41;
      return { bundle };
    },
  ),
];

/** Every attack by a delta. */
export const DELTA_ATTACKS: readonly DeltaAttack[] = [...bases, ...contents, ...names];
