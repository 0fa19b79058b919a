import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifestSchema, releaseDigest, type Manifest } from '../../src/bundle/manifest.ts';
import type { Downloads } from '../../src/services/ports.ts';
import type { VersionRef } from '../../src/types.ts';

/** A signal that never fires. */
export const never = new AbortController().signal;

/** Runs `body` in a folder of its own, and deletes it. */
export async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-state-'));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A release to stage: its manifest, digest and bytes. */
export interface TestRelease {
  readonly manifest: Manifest;
  readonly digest: string;
  readonly ref: Extract<VersionRef, { origin: 'store' }>;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A small release whose entry is a shell script; `salt` makes another release of the same version. */
export function testRelease(
  version: string,
  salt = '',
  entry = `#!/bin/sh\necho ${version}${salt}\n`,
): TestRelease {
  const files = new Map<string, Uint8Array>([
    ['bin/app', Buffer.from(entry)],
    ['lib/deep/data.bin', Buffer.alloc(3000, version + salt)],
    ['empty', new Uint8Array()],
  ]);
  const manifest = manifestSchema.parse({
    schema: 1,
    product: 'test',
    version,
    audience: ['stable', 'edge'],
    platform: { os: 'linux', arch: 'x64' },
    created_at: '2026-01-01T00:00:00Z',
    entrypoint: 'bin/app',
    files: [...files].map(([path, bytes]) => ({
      path,
      mode: path === 'bin/app' ? 0o755 : 0o644,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      encoding: 'zstd',
      stored_size: bytes.length,
    })),
  });
  const digest = releaseDigest(manifest.files);
  return { manifest, digest, ref: { origin: 'store', version, digest }, files };
}

/** Unpacks a release into `downloads/<name>`, as the bundle reader does. */
export async function unpackInto(downloads: Downloads, name: string, release: TestRelease): Promise<void> {
  const target = await downloads.unpack(name);
  for (const { path, mode } of release.manifest.files) {
    const file = await target.open(path, mode);
    await file.write(release.files.get(path) ?? new Uint8Array());
    await file.close();
  }
}
