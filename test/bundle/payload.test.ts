import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES, payloadBytes, readBlocks } from '../../src/bundle/payload.ts';
import type { RandomAccess } from '../../src/bundle/random-access.ts';
import { memoryFile } from '../fixtures/memory-bundle.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';

const { signal } = new AbortController();

/** A file with a payload that begins at `start`. */
function fileWith(
  bytes: Buffer,
  start: number,
): { file: RandomAccess; payload: { start: number; length: number } } {
  const text = bytes.toString('base64url');
  const file = memoryFile(Buffer.from(`${'.'.repeat(start)}${text}.tail`, 'latin1'));
  return { file, payload: { start, length: text.length } };
}

async function decoded(bytes: Buffer, start: number, from = 0): Promise<Buffer> {
  const { file, payload } = fileWith(bytes, start);
  const source = { size: file.size, payload, blocks: 'unverified' as const };
  const chunks: Buffer[] = [];
  for await (const chunk of payloadBytes(file, source, from, signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe('payloadBytes', () => {
  const bytes = noise(2_500_002);

  it.each([0, 1, 2, 3, 4, 5, 200, 203])('decodes across blocks, with %i characters before', async (start) => {
    expect((await decoded(bytes, start)).equals(bytes)).toBe(true);
  });

  it.each([1, 2, 3, 511, 786_431, 786_432, 786_433, 2_499_999, 2_500_001, 2_500_002])(
    'starts at byte %i',
    async (from) => {
      expect((await decoded(bytes, 203, from)).equals(bytes.subarray(from))).toBe(true);
    },
  );

  it.each(['+', '/', '=', '\n', ' ', '.', 'é', '\0'])('refuses %j anywhere in the text', async (wrong) => {
    const { file, payload } = fileWith(bytes, 203);
    for (const at of [
      203,
      204,
      BLOCK_BYTES - 1,
      BLOCK_BYTES,
      BLOCK_BYTES + 70_000,
      203 + payload.length - 1,
    ]) {
      const changed: RandomAccess = {
        ...file,
        read: async (buffer, position) => {
          const count = await file.read(buffer, position);
          if (at >= position && at < position + count) buffer[at - position] = wrong.charCodeAt(0);
          return count;
        },
      };
      const source = { size: file.size, payload, blocks: 'unverified' as const };
      const reading = async (): Promise<void> => {
        for await (const chunk of payloadBytes(changed, source, 0, signal))
          expect(chunk.length).toBeGreaterThan(0);
      };
      expect(await refusal(reading()), String(at)).toBe('JWS_MALFORMED');
    }
  });

  it('leaves no reading under way when its reader stops', async () => {
    const { file, payload } = fileWith(bytes, 0);
    let pending = 0;
    const slow: RandomAccess = {
      ...file,
      read: async (buffer, position) => {
        pending += 1;
        await new Promise(setImmediate);
        pending -= 1;
        return file.read(buffer, position);
      },
    };
    const source = { size: file.size, payload, blocks: 'unverified' as const };
    for await (const chunk of payloadBytes(slow, source, 0, signal)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(pending).toBe(0);
  });
});

describe('readBlocks', () => {
  it('gives every byte once, in blocks of 1 MiB, and keeps a block unchanged while it is in use', async () => {
    const bytes = noise(3_500_000);
    let at = 0;
    for await (const block of readBlocks(memoryFile(bytes), bytes.length, signal)) {
      await new Promise(setImmediate);
      expect(block.equals(bytes.subarray(at, at + BLOCK_BYTES))).toBe(true);
      at += block.length;
    }
    expect(at).toBe(bytes.length);
  });
});
