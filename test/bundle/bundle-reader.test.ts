import { zstdCompressSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { readManifest, unpackBundle } from '../../src/bundle/bundle-reader.ts';
import { verifyBundleSignature } from '../../src/bundle/bundle-signature.ts';
import type { TrustSet } from '../../src/bundle/trust.ts';
import type { UnpackSink } from '../../src/bundle/unpack-file.ts';
import { UpdateError } from '../../src/errors.ts';
import {
  archive,
  fill,
  forge,
  manifestOf,
  membersOf,
  packed,
  type Member,
  type Packed,
} from '../fixtures/forge.ts';
import { testKeys } from '../fixtures/keys.ts';
import { memoryFile, memoryTarget, readBundle } from '../fixtures/memory-bundle.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';

let trust: TrustSet;
beforeAll(async () => {
  ({ trust } = await testKeys());
});

const run = packed('run', Buffer.from('#!/bin/sh\n'));
const data = packed('lib/data', noise(5000));
const right = membersOf([run, data]);
const [manifest, first, second] = right as [Member, Member, Member];

const verdictOf = async (payload: Buffer): Promise<string> =>
  refusal(readBundle(await forge({ purpose: 'bundle', payload }), trust));
const verdict = async (members: readonly Member[]): Promise<string> => verdictOf(await archive(members));
const withFiles = (...files: Packed[]): Member[] => membersOf(files);
const withManifest = (change: Record<string, unknown>): Member[] =>
  membersOf([run], manifestOf([run], change));

describe('an archive', () => {
  it('with the manifest and its files in order is unpacked', async () => {
    const bytes = await forge({ purpose: 'bundle', payload: await archive(right) });
    const { files } = await readBundle(bytes, trust);
    expect([...files.keys()]).toEqual(['run', 'lib/data']);
    expect(files.get('lib/data')?.equals(noise(5000))).toBe(true);
  });

  it.each<[string, Member[]]>([
    ['without a manifest', [first, second]],
    ['with the manifest in second place', [first, manifest, second]],
    ['without one of the files', [manifest, first]],
    ['without any file', [manifest]],
    ['with the files in another order', [manifest, second, first]],
    ['with an extra member at the end', [...right, { name: 'extra', body: Buffer.from('x') }]],
    ['with an extra member in between', [manifest, { name: 'extra', body: Buffer.from('x') }, first, second]],
    ['with a second manifest', [manifest, manifest, first, second]],
    ['with a file twice', [manifest, first, first, second]],
    ['with a file twice at the end', [...right, second]],
    ['with a name that climbs out', [manifest, { ...first, name: '../run' }, second]],
    ['with an absolute name', [manifest, { ...first, name: '/run' }, second]],
    ['with a name that is spelt otherwise', [manifest, { ...first, name: './run' }, second]],
    ['with a symbolic link', [manifest, { name: 'run', type: 'symlink', linkname: '/bin/sh' }, second]],
    ['with a hard link', [manifest, { name: 'run', type: 'link', linkname: 'lib/data' }, second]],
    ['with a folder', [manifest, { name: 'run', type: 'directory' }, second]],
    ['with an extra folder', [manifest, first, { name: 'lib', type: 'directory' }, second]],
    [
      'with a character device',
      [manifest, { name: 'run', type: 'character-device', devmajor: 1, devminor: 3 }, second],
    ],
    ['with a block device', [manifest, { name: 'run', type: 'block-device', devmajor: 8 }, second]],
    ['with a FIFO', [manifest, { name: 'run', type: 'fifo' }, second]],
    ['with a contiguous file', [manifest, { ...first, type: 'contiguous-file' }, second]],
    ['with a pax header before a file', [manifest, { ...first, pax: { comment: 'x' } }, second]],
    [
      'with a pax header that renames a file',
      [manifest, { ...first, name: 'other', pax: { path: 'run' } }, second],
    ],
    ['with a pax header before the manifest', [{ ...manifest, pax: { comment: 'x' } }, first, second]],
    [
      'with a manifest that is a link',
      [{ name: 'manifest.json', type: 'symlink', linkname: 'run' }, first, second],
    ],
    [
      'with a file longer than stored_size',
      [manifest, { ...first, body: Buffer.concat([run.stored, run.stored]) }, second],
    ],
  ])('%s is refused', async (_, members) => {
    expect(await verdict(members)).toBe('BUNDLE_ARCHIVE_INVALID');
  });

  it('with a manifest over 1 MiB is refused before it is parsed', async () => {
    const padded = Buffer.concat([manifestOf([run]), Buffer.alloc(1024 * 1024, ' ')]);
    expect(await verdict(membersOf([run], padded))).toBe('BUNDLE_ARCHIVE_INVALID');
  });

  it('with extended headers and types of other dialects is refused', async () => {
    const bytes = await archive(right);
    for (const type of ['S', 'V', 'L', 'x', 'g']) {
      const changed = retyped(bytes, memberStart(bytes, 'run'), type);
      expect(await verdictOf(changed), type).toBe('BUNDLE_ARCHIVE_INVALID');
    }
  });

  it('with zeros between members, or a hidden header at the end, is refused', async () => {
    const bytes = await archive(right);
    const at = memberStart(bytes, 'run');
    const gap = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(512), bytes.subarray(at)]);
    expect(await verdictOf(fill(gap))).toBe('BUNDLE_ARCHIVE_INVALID');

    const extra = await archive([...right, { name: 'y', body: Buffer.from('13 comment=x\n') }]);
    const hidden = retyped(extra, memberStart(extra, 'y'), 'x');
    expect(await verdictOf(hidden)).toBe('BUNDLE_ARCHIVE_INVALID');
  });

  it('that does not end in zeros, or has no end, is refused', async () => {
    const bytes = await archive(right);
    const dirty = Buffer.concat([bytes, Buffer.alloc(1535), Buffer.of(1)]);
    expect(await verdictOf(dirty)).toBe('BUNDLE_ARCHIVE_INVALID');
    const longer = await forge({
      purpose: 'bundle',
      payload: Buffer.concat([bytes, Buffer.alloc(1536 * 700)]),
    });
    expect((await readBundle(longer, trust)).files.size).toBe(2);
    const end = memberStart(bytes, 'lib/data') + 512 + Math.ceil(data.stored.length / 512) * 512;
    for (const cut of [end - 512, end, end + 512, end + 513, bytes.length - 3])
      expect(await verdictOf(bytes.subarray(0, cut)), String(cut)).toMatch(
        /^(BUNDLE_ARCHIVE_INVALID|JWS_MALFORMED)$/,
      );
  });

  it('that is not canonical base64url is refused', async () => {
    const text = (await archive(right)).toString('base64url');
    const wrong = [
      `${text.slice(0, 8)}+${text.slice(9)}`,
      `${text.slice(0, -1)}=`,
      `${text.slice(0, 2000)}\n${text.slice(2001)}`,
    ];
    for (const payloadText of wrong) {
      const bytes = await forge({ purpose: 'bundle', payload: Buffer.alloc(0), payloadText });
      expect(await refusal(readBundle(bytes, trust))).toBe('JWS_MALFORMED');
    }
  });
});

describe('a manifest', () => {
  it.each<[string, string, Member[]]>([
    ['that is no JSON', 'JSON_INVALID', membersOf([run], Buffer.from('no'))],
    ['with a duplicate member', 'JSON_INVALID', membersOf([run], Buffer.from('{"schema":1,"schema":1}'))],
    ['with an unknown member', 'MANIFEST_INVALID', withManifest({ extra: 1 })],
    ['of another schema', 'MANIFEST_INVALID', withManifest({ schema: 2 })],
    ['for an audience that its key is not for', 'WRONG_AUDIENCE', withManifest({ audience: ['airgap'] })],
    ['with a path that climbs out', 'MANIFEST_INVALID', withFiles(run, packed('../x', Buffer.alloc(1)))],
    ['with a path twice but for case', 'MANIFEST_INVALID', withFiles(run, packed('RUN', Buffer.alloc(1)))],
    [
      'with a file that is a folder too',
      'MANIFEST_INVALID',
      withFiles(run, packed('run/x', Buffer.alloc(1))),
    ],
    [
      'with a set-user-id mode',
      'MANIFEST_INVALID',
      withFiles(run, packed('x', Buffer.alloc(1), { mode: 0o4755 as never })),
    ],
  ])('%s is refused with %s', async (_, code, members) => {
    expect(await verdict(members)).toBe(code);
  });

  it('for stable and edge, signed by the airgap key, is refused', async () => {
    const bytes = await forge({ purpose: 'airgap', payload: await archive(right) });
    expect(await refusal(readBundle(bytes, trust))).toBe('WRONG_AUDIENCE');
  });

  it('made after its key had ended is refused', async () => {
    const { signal } = new AbortController();
    const file = memoryFile(await forge({ purpose: 'bundle', payload: await archive(right) }));
    const signed = await verifyBundleSignature(file, trust, signal);
    const made = Date.parse('2026-01-01T00:00:00Z');
    expect(await refusal(readManifest(file, { ...signed, notAfter: made - 1 }, signal))).toBe(
      'JWS_KEY_NOT_ALLOWED',
    );
    expect(await readManifest(file, { ...signed, notAfter: made }, signal)).toMatchObject({
      version: '1.0.0',
    });
  });
});

describe('a file', () => {
  const zeros = Buffer.alloc(64 * 1024 * 1024);
  it.each<[string, Packed]>([
    ['with another SHA-256', packed('run', Buffer.from('abc'), { sha256: '0'.repeat(64) })],
    ['shorter than its size', packed('run', Buffer.from('abc'), { size: 4 })],
    ['longer than its size', packed('run', Buffer.from('abc'), { size: 2 })],
    ['that is not zstd', stored(packed('run', Buffer.from('abc')), Buffer.from('garbage, not zstd'))],
    ['that is cut', stored(packed('run', noise(1000)), zstdCompressSync(noise(1000)).subarray(0, -5))],
    [
      'with something after the stream',
      stored(packed('run', noise(10)), Buffer.concat([zstdCompressSync(noise(10)), Buffer.from('more')])),
    ],
    ['of no bytes at all', stored(packed('run', Buffer.alloc(0)), Buffer.alloc(0))],
  ])('%s is refused and never closed', async (_, file) => {
    const { log, code } = await unpack([file]);
    expect(code).toBe('BUNDLE_CHECKSUM_MISMATCH');
    expect(log).toEqual(['open run', 'discard run']);
  });

  it('that unpacks to more than it says is stopped before more is written', async () => {
    const bomb = packed('run', zeros, { size: 1000 });
    expect(bomb.stored.length).toBeLessThan(20_000);
    const { code, written } = await unpack([bomb]);
    expect(code).toBe('BUNDLE_CHECKSUM_MISMATCH');
    expect(written).toBeLessThanOrEqual(1000);
  });

  it('that asks for a window larger than 8 MiB is refused', async () => {
    const { constants } = await import('node:zlib');
    const params = { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_enableLongDistanceMatching]: 1 };
    const content = noise(9_000_000);
    const file = stored(packed('run', content), zstdCompressSync(content, { params }));
    expect((await unpack([file])).code).toBe('BUNDLE_CHECKSUM_MISMATCH');
  });

  it('that is wrong leaves the right ones before it closed, and nothing after it opened', async () => {
    const wrong = packed('b', Buffer.from('abc'), { sha256: '0'.repeat(64) });
    const { log } = await unpack([packed('run', Buffer.from('ok')), wrong, packed('c', Buffer.from('c'))]);
    expect(log).toEqual(['open run', 'close run', 'open b', 'discard b']);
  });

  it('is handed on at the pace of its target', async () => {
    const { signal } = new AbortController();
    let writing = 0;
    let most = 0;
    const slow: UnpackSink = {
      open: () =>
        Promise.resolve({
          async write() {
            most = Math.max(most, (writing += 1));
            await new Promise(setImmediate);
            writing -= 1;
          },
          close: () => Promise.resolve(),
        }),
    };
    const { file, signed } = await signedBundle([packed('run', zeros)]);
    await unpackBundle(file, signed, await readManifest(file, signed, signal), slow, { signal });
    expect(most).toBe(1);
  });

  it('stops when it is cancelled', async () => {
    const controller = new AbortController();
    const { file, signed } = await signedBundle([packed('run', noise(5_000_000))]);
    const content = await readManifest(file, signed, controller.signal);
    const target = memoryTarget();
    const stopping: UnpackSink = {
      async open(path, mode) {
        const sink = await target.open(path, mode);
        return {
          ...sink,
          write: (chunk) => {
            controller.abort();
            return sink.write(chunk);
          },
        };
      },
    };
    expect(await refusal(unpackBundle(file, signed, content, stopping, { signal: controller.signal }))).toBe(
      'CANCELLED',
    );
    expect(target.log).toEqual(['open run', 'discard run']);
    expect(await refusal(readManifest(file, signed, AbortSignal.abort()))).toBe('CANCELLED');
  });

  it('that cannot be written fails with the target’s own code', async () => {
    const { signal } = new AbortController();
    const { file, signed } = await signedBundle([run]);
    const content = await readManifest(file, signed, signal);
    const failing = (error: Error): UnpackSink => ({
      open: () => Promise.resolve({ write: () => Promise.reject(error), close: () => Promise.resolve() }),
    });
    const full = failing(new UpdateError('DISK_FULL', 'full'));
    expect(await refusal(unpackBundle(file, signed, content, full, { signal }))).toBe('DISK_FULL');
    expect(await refusal(unpackBundle(file, signed, content, failing(new Error('x')), { signal }))).toBe(
      'INTERNAL',
    );
  });
});

describe('a bundle that is changed between the passes', () => {
  it('is refused before any of the changed block is decoded', async () => {
    const { signal } = new AbortController();
    const files = [packed('run', noise(3_000_000)), packed('b', noise(10))];
    const { bytes, file, signed } = await signedBundle(files);
    const content = await readManifest(file, signed, signal);
    for (const at of [200, 1024 * 1024 + 1, 3 * 1024 * 1024 + 1, bytes.length - 1]) {
      const before = bytes.readUInt8(at);
      bytes.writeUInt8(before === 65 ? 66 : 65, at);
      const target = memoryTarget();
      expect(await refusal(unpackBundle(file, signed, content, target, { signal })), String(at)).toBe(
        'BUNDLE_CHANGED',
      );
      expect(target.written).toBeLessThan(at);
      bytes.writeUInt8(before, at);
    }
    bytes.writeUInt8(bytes.readUInt8(200) === 65 ? 66 : 65, 200);
    expect(await refusal(readManifest(file, signed, signal))).toBe('BUNDLE_CHANGED');
  });

  it('is refused when it became shorter', async () => {
    const { signal } = new AbortController();
    const { bytes, file, signed } = await signedBundle([run]);
    const short = { ...memoryFile(bytes.subarray(0, -10)), size: file.size };
    expect(await refusal(readManifest(short, signed, signal))).toBe('BUNDLE_CHANGED');
  });
});

async function signedBundle(files: readonly Packed[]): Promise<{
  bytes: Buffer;
  file: ReturnType<typeof memoryFile>;
  signed: Awaited<ReturnType<typeof verifyBundleSignature>>;
}> {
  const bytes = await forge({ purpose: 'bundle', payload: await archive(membersOf(files)) });
  const file = memoryFile(bytes);
  return { bytes, file, signed: await verifyBundleSignature(file, trust, new AbortController().signal) };
}

async function unpack(files: readonly Packed[]): Promise<{ code: string; log: string[]; written: number }> {
  const { signal } = new AbortController();
  const { file, signed } = await signedBundle(files);
  const target = memoryTarget();
  const code = await refusal(
    unpackBundle(file, signed, await readManifest(file, signed, signal), target, { signal }),
  );
  return { code, log: target.log, written: target.written };
}

function stored(file: Packed, bytes: Buffer): Packed {
  return { stored: bytes, entry: { ...file.entry, stored_size: bytes.length } };
}

/** The offset of a member's header. */
function memberStart(bytes: Buffer, name: string): number {
  for (let at = 0; at < bytes.length; at += 512)
    if (bytes.toString('latin1', at, at + name.length + 1) === `${name}\0`) return at;
  throw new Error(`no member ${name}`);
}

/** Gives a member another type, with a right header checksum. */
function retyped(archived: Buffer, at: number, type: string): Buffer {
  const bytes = Buffer.from(archived);
  bytes.write(type, at + 156, 'latin1');
  bytes.fill(' ', at + 148, at + 156);
  const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  return bytes;
}
