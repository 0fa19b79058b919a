import { describe, expect, it } from 'vitest';
import { tarMembers } from '../../src/bundle/tar-members.ts';
import { archive } from '../fixtures/archive.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';

/** Hands out an archive in pieces, every piece in the same memory as the one before. */
async function* pieces(bytes: Buffer, length: number): AsyncGenerator<Buffer, void, undefined> {
  const memory = Buffer.alloc(length);
  for (let at = 0; at < bytes.length; at += length) {
    const count = bytes.copy(memory, 0, at, at + length);
    yield await Promise.resolve(memory.subarray(0, count));
  }
}

async function read(bytes: Buffer, length = 1000): Promise<Map<string, Buffer>> {
  const members = new Map<string, Buffer>();
  for await (const { name, type, size, body } of tarMembers(pieces(bytes, length))) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    members.set(name, Buffer.concat(chunks));
    expect(type).toBe('file');
    expect(members.get(name)?.length).toBe(size);
  }
  return members;
}

const FILES = [
  { name: 'a', body: noise(3000) },
  { name: 'dir/empty', body: Buffer.alloc(0) },
  { name: 'dir/whole', body: noise(1024) },
  { name: 'b'.repeat(100), body: Buffer.from('b') },
];

/** Changes a header and makes its checksum right again. */
function rewritten(bytes: Buffer, change: (header: Buffer) => void): Buffer {
  const header = bytes.subarray(0, 512);
  change(header);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

describe('tarMembers', () => {
  it.each([1, 511, 512, 513, 4096, 100_000])(
    'reads an archive that comes in pieces of %i bytes',
    async (length) => {
      const members = await read(await archive(FILES), length);
      expect([...members.keys()]).toEqual(FILES.map(({ name }) => name));
      for (const { name, body } of FILES) expect(members.get(name)?.equals(body)).toBe(true);
    },
  );

  it('passes over what its reader leaves of a member', async () => {
    const names: string[] = [];
    for await (const { name, body } of tarMembers(pieces(await archive(FILES), 700))) {
      names.push(name);
      for await (const chunk of body) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
    }
    expect(names).toEqual(FILES.map(({ name }) => name));
  });

  it('shows the type of what is no file', async () => {
    const bytes = await archive([{ name: 'link', type: 'symlink', linkname: 'a' }]);
    for await (const { type } of tarMembers(pieces(bytes, 512))) expect(type).toBe('2');
  });

  it.each<[string, (header: Buffer) => void]>([
    ['another magic (GNU)', (header) => header.write('ustar  \0', 257, 'latin1')],
    ['no magic (old Unix)', (header) => header.fill(0, 257, 265)],
    ['a size in base 256', (header) => header.fill(0, 124, 136).writeUInt8(0x80, 124)],
    ['a negative size', (header) => header.write('-0000000001\0', 124, 'latin1')],
    ['a size that is no number', (header) => header.write('0000000000x\0', 124, 'latin1')],
    ['no size', (header) => header.fill(0, 124, 136)],
  ])('refuses %s', async (_, change) => {
    expect(await refusal(read(rewritten(await archive(FILES), change)))).toBe('BUNDLE_ARCHIVE_INVALID');
  });

  it('refuses a wrong checksum', async () => {
    const bytes = await archive(FILES);
    bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
    expect(await refusal(read(bytes))).toBe('BUNDLE_ARCHIVE_INVALID');
  });

  it('refuses anything but zeros between a body and the next header', async () => {
    const bytes = await archive(FILES);
    bytes.writeUInt8(1, 512 + 3000);
    expect(await refusal(read(bytes))).toBe('BUNDLE_ARCHIVE_INVALID');
  });

  it('refuses an archive that is cut within a header, a body, or what fills it', async () => {
    const bytes = await archive(FILES);
    for (const end of [100, 511, 512 + 2999, 512 + 3000, 512 + 3071])
      expect(await refusal(read(bytes.subarray(0, end))), String(end)).toBe('BUNDLE_ARCHIVE_INVALID');
  });

  it('ends its source, however it ends itself', async () => {
    let ended = 0;
    async function* source(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
      try {
        yield* pieces(bytes, 600);
      } finally {
        ended += 1;
      }
    }
    const bytes = await archive(FILES);
    for await (const { name } of tarMembers(source(bytes))) if (name === 'a') break;
    expect(ended).toBe(1);
    await expect(
      (async () => {
        for await (const { name } of tarMembers(source(bytes))) throw new Error(name);
      })(),
    ).rejects.toThrow('a');
    expect(ended).toBe(2);
  });
});
