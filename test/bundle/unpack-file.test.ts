import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ManifestFile } from '../../src/bundle/manifest.ts';
import type { BaseFiles } from '../../src/bundle/random-access.ts';
import { unpackFile } from '../../src/bundle/unpack-file.ts';
import { UpdateError } from '../../src/errors.ts';
import { makePatch } from '../../src/publish/patch/make-patch.ts';
import { memoryFile, memoryTarget } from '../fixtures/memory-bundle.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';

const OLD = noise(300_000);
// Enough that is new for a patch of several pieces.
const NEW = Buffer.concat([
  noise(150_000).reverse(),
  OLD.subarray(0, 100_000),
  Buffer.from('changed'),
  OLD.subarray(100_000),
]);
// Of several chunks.
const SAME = noise(2_500_000);

let patch: Buffer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coresdk-unpack-'));
  const [base, target, out] = ['old', 'new', 'patch'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(base, OLD);
  await writeFile(target, NEW);
  await makePatch({ base, target, out });
  patch = await readFile(out);
});
afterAll(() => rm(folder, { recursive: true }));

const entryOf = (
  encoding: ManifestFile['encoding'],
  content: Buffer,
  stored: Buffer,
  change: Partial<ManifestFile> = {},
): ManifestFile => ({
  path: 'run',
  mode: 0o755,
  size: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
  encoding,
  stored_size: stored.length,
  ...change,
});

/** A base of files in memory, which counts what is open. */
function baseOf(
  files: Record<string, Buffer>,
): BaseFiles & { open: BaseFiles['open']; opened: string[]; closed: number } {
  const base = {
    opened: [] as string[],
    closed: 0,
    open: (path: string) => {
      const bytes = files[path];
      if (bytes === undefined) return Promise.reject(new UpdateError('DELTA_BASE_MISSING', path));
      base.opened.push(path);
      return Promise.resolve({
        ...memoryFile(bytes),
        close: () => {
          base.closed += 1;
          return Promise.resolve();
        },
      });
    },
  };
  return base;
}

/** Hands out a member in pieces, every piece in the same memory as the one before, as an archive's reader does. */
async function* pieces(bytes: Buffer, length = 50_000): AsyncGenerator<Buffer, void, undefined> {
  const memory = Buffer.alloc(length);
  for (let at = 0; at < bytes.length; at += length) {
    const count = bytes.copy(memory, 0, at, at + length);
    yield await Promise.resolve(memory.subarray(0, count));
  }
}

async function unpack(
  stored: Buffer,
  entry: ManifestFile,
  base?: BaseFiles,
  signal = new AbortController().signal,
): Promise<{ code: string | null; log: string[]; bytes: Buffer | undefined }> {
  const target = memoryTarget();
  const step = unpackFile(pieces(stored), entry, target, base === undefined ? { signal } : { signal, base });
  const code = await refusal(step).catch((error: unknown) => {
    if (error instanceof Error && error.message.includes('accepted')) return null;
    throw error;
  });
  return { code, log: target.log, bytes: target.closed.get('run') };
}

describe('unpackFile, of a whole file', () => {
  it.each([0, 1, 65_536, 1_048_576, 1_048_577, 5_000_000])('gives its %i bytes', async (size) => {
    const content = Buffer.concat([noise(Math.ceil(size / 2)), Buffer.alloc(Math.floor(size / 2))]);
    const stored = zstdCompressSync(content);
    const { code, bytes } = await unpack(stored, entryOf('zstd', content, stored));
    expect(code).toBeNull();
    expect(bytes?.equals(content)).toBe(true);
  });

  it('reads its member at the pace of the decoder, and keeps none of its chunks', async () => {
    const stored = zstdCompressSync(NEW);
    for (const length of [1, 1000, 1_000_000]) {
      const content = length === 1 ? Buffer.from('short') : NEW;
      const bytes = length === 1 ? zstdCompressSync(content) : stored;
      const target = memoryTarget();
      const { signal } = new AbortController();
      await unpackFile(pieces(bytes, length), entryOf('zstd', content, bytes), target, { signal });
      expect(target.closed.get('run')?.equals(content)).toBe(true);
    }
  });
});

describe('unpackFile, of a delta', () => {
  it('applies a patch to the file of the same path', async () => {
    const base = baseOf({ run: OLD });
    const { code, log, bytes } = await unpack(patch, entryOf('patch', NEW, patch), base);
    expect(code).toBeNull();
    expect(bytes?.equals(NEW)).toBe(true);
    expect(log).toEqual(['open run', 'close run']);
    expect(base).toMatchObject({ opened: ['run'], closed: 1 });
  });

  it('takes the same file, under the path that the manifest names', async () => {
    const base = baseOf({ 'old/run': SAME });
    const same = entryOf('same', SAME, Buffer.alloc(0), { base_path: 'old/run' });
    const { code, bytes } = await unpack(Buffer.alloc(0), same, base);
    expect(code).toBeNull();
    expect(bytes?.equals(SAME)).toBe(true);
    expect(base).toMatchObject({ opened: ['old/run'], closed: 1 });
  });

  it.each([1024 * 1024, 1024 * 1024 + 1])(
    'finds a byte too many behind %i that are the same',
    async (size) => {
      const none = Buffer.alloc(0);
      const entry = entryOf('same', SAME.subarray(0, size), none);
      expect((await unpack(none, entry, baseOf({ run: SAME.subarray(0, size) }))).code).toBeNull();
      expect((await unpack(none, entry, baseOf({ run: SAME.subarray(0, size + 1) }))).code).toBe(
        'DELTA_FAILED',
      );
    },
  );

  it('takes an empty file that is the same', async () => {
    const empty = Buffer.alloc(0);
    const { code, bytes } = await unpack(empty, entryOf('same', empty, empty), baseOf({ run: empty }));
    expect({ code, length: bytes?.length }).toEqual({ code: null, length: 0 });
  });

  it.each(['patch', 'same'] as const)('%s: needs a base', async (encoding) => {
    const stored = encoding === 'patch' ? patch : Buffer.alloc(0);
    const { code, log } = await unpack(stored, entryOf(encoding, NEW, stored));
    expect(code).toBe('DELTA_BASE_MISSING');
    expect(log).toEqual(['open run', 'discard run']);
    expect((await unpack(stored, entryOf(encoding, NEW, stored), baseOf({}))).code).toBe(
      'DELTA_BASE_MISSING',
    );
  });

  const damaged = (at: number): Buffer => {
    const bytes = Buffer.from(OLD);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  };
  it.each<[string, () => { stored: Buffer; entry: ManifestFile; base: Buffer }]>([
    [
      'a patch on a damaged base',
      () => ({ stored: patch, entry: entryOf('patch', NEW, patch), base: damaged(7) }),
    ],
    [
      'a patch on a shorter base',
      () => ({ stored: patch, entry: entryOf('patch', NEW, patch), base: OLD.subarray(0, -9) }),
    ],
    [
      'a patch on an empty base',
      () => ({ stored: patch, entry: entryOf('patch', NEW, patch), base: Buffer.alloc(0) }),
    ],
    [
      'a patch that gives another file',
      () => ({ stored: patch, entry: entryOf('patch', NEW, patch, { sha256: '0'.repeat(64) }), base: OLD }),
    ],
    [
      'a patch that gives less than its size',
      () => ({ stored: patch, entry: entryOf('patch', NEW, patch, { size: NEW.length + 1 }), base: OLD }),
    ],
    [
      'a patch that gives more than its size',
      () => ({ stored: patch, entry: entryOf('patch', NEW, patch, { size: 1000 }), base: OLD }),
    ],
    [
      'bytes that are no patch',
      () => ({ stored: noise(500), entry: entryOf('patch', NEW, noise(500)), base: OLD }),
    ],
    [
      'a patch that is cut',
      () => ({ stored: patch.subarray(0, -4), entry: entryOf('patch', NEW, patch), base: OLD }),
    ],
    [
      'no patch at all',
      () => ({ stored: Buffer.alloc(0), entry: entryOf('patch', NEW, Buffer.alloc(0)), base: OLD }),
    ],
    [
      'a same file that is damaged',
      () => ({ stored: Buffer.alloc(0), entry: entryOf('same', OLD, Buffer.alloc(0)), base: damaged(7) }),
    ],
    [
      'a same file that is shorter',
      () => ({
        stored: Buffer.alloc(0),
        entry: entryOf('same', OLD, Buffer.alloc(0)),
        base: OLD.subarray(0, -1),
      }),
    ],
    [
      'a same file that is longer',
      () => ({
        stored: Buffer.alloc(0),
        entry: entryOf('same', OLD, Buffer.alloc(0)),
        base: Buffer.concat([OLD, Buffer.of(0)]),
      }),
    ],
  ])('refuses %s with DELTA_FAILED, never closed', async (_, make) => {
    const { stored, entry, base: bytes } = make();
    const base = baseOf({ run: bytes });
    const { code, log } = await unpack(stored, entry, base);
    expect(code).toBe('DELTA_FAILED');
    expect(log).toEqual(['open run', 'discard run']);
    expect(base.closed).toBe(1);
  });

  it.each(['patch', 'same'] as const)('%s: a base that cannot be read is DELTA_FAILED', async (encoding) => {
    const stored = encoding === 'patch' ? patch : Buffer.alloc(0);
    const broken: BaseFiles = {
      open: () =>
        Promise.resolve({
          size: OLD.length,
          read: () => Promise.reject(new UpdateError('VERSION_DAMAGED', 'EIO')),
          close: () => Promise.resolve(),
        }),
    };
    expect((await unpack(stored, entryOf(encoding, NEW, stored), broken)).code).toBe('DELTA_FAILED');
  });

  it.each(['patch', 'same'] as const)('%s: stops when it is cancelled', async (encoding) => {
    const stored = encoding === 'patch' ? patch : Buffer.alloc(0);
    const base = baseOf({ run: OLD });
    expect((await unpack(stored, entryOf(encoding, NEW, stored), base, AbortSignal.abort())).code).toBe(
      'CANCELLED',
    );
    expect(base.closed).toBe(1);
  });
});
