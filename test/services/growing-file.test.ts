import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { openGrowing, type Growing } from '../../src/services/growing-file.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { createRig, NEVER, type Rig } from './rig.ts';

const NAME = 'x.jws';
const MIB = 1024 * 1024;
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let rig: Rig;
beforeEach(() => {
  rig = createRig();
});
const opened = (total: number, signal = NEVER): Promise<Growing> => openGrowing(rig, NAME, total, signal);
const onDisk = (): number => rig.downloads.files.get(NAME)?.length ?? 0;
const told = (): number[] => rig.reporter.of('download').map(({ received }) => received);

describe('a growing file', () => {
  it('that is new is of one answer, and tells nothing before anything comes', async () => {
    const file = await opened(10);
    expect(file.isMixed).toBe(false);
    await file.flush();
    expect(told()).toEqual([]);
    expect(file.digest()).toBe(sha(new Uint8Array()));
  });

  it('that an earlier try left is of more answers than one, until it starts over', async () => {
    rig.downloads.files.set(NAME, noise(4));
    const file = await opened(10);
    expect(file.isMixed).toBe(true);
    await file.restart(null);
    expect(file.isMixed).toBe(false);
    file.resume();
    expect(file.isMixed).toBe(true);
  });

  it('takes chunks of any size across its blocks', async () => {
    const bytes = noise(3 * MIB);
    const file = await opened(bytes.length);
    for (let at = 0; at < bytes.length; at += 700_000) await file.add(bytes.subarray(at, at + 700_000));
    await file.flush();
    expect(file.received).toBe(bytes.length);
    expect(file.digest()).toBe(sha(bytes));
    expect(sha(rig.downloads.files.get(NAME)!)).toBe(sha(bytes));
  });

  it('lets bytes wait a quarter of a second for their block, however long the daemon has run', async () => {
    await rig.clock.advance(10_000);
    const file = await opened(10);
    await file.add(noise(1));
    await rig.clock.advance(249);
    await file.add(noise(1));
    expect(onDisk()).toBe(0);
    await rig.clock.advance(1);
    await file.add(noise(1));
    expect(onDisk()).toBe(3);
  });

  it('writes nothing where nothing came', async () => {
    let writes = 0;
    const append = rig.downloads.append.bind(rig.downloads);
    rig.downloads.append = async (name) => {
      const file = await append(name);
      return { ...file, size: file.size, validator: null, append: async () => void (writes += 1) };
    };
    const file = await opened(10);
    await file.flush();
    expect(writes).toBe(0);
  });
});

describe('what an earlier try left', () => {
  /** Reads give at most so many bytes each; `size` is what the file says of itself. */
  const reading = (most: number, size?: number): { open: number } => {
    const counter = { open: 0 };
    const read = rig.downloads.read.bind(rig.downloads);
    rig.downloads.read = async (name) => {
      const file = await read(name);
      counter.open += 1;
      return {
        size: size ?? file.size,
        read: (buffer, at) => file.read(buffer.subarray(0, most), at),
        close: async () => void (counter.open -= 1),
      };
    };
    return counter;
  };

  it('is hashed whole, however little each read gives', async () => {
    const bytes = noise(1000);
    rig.downloads.files.set(NAME, bytes);
    const counter = reading(7);
    const file = await opened(2000);
    expect(file.digest()).toBe(sha(bytes));
    expect(counter.open).toBe(0);
  });

  it('is hashed as far as it goes where it is shorter than it says', async () => {
    rig.downloads.files.set(NAME, noise(10));
    reading(1000, 20);
    expect((await opened(100)).digest()).toBe(sha(noise(10)));
  });

  it('is closed, and the reason told, when it cannot be hashed', async () => {
    rig.downloads.files.set(NAME, noise(10));
    const counter = reading(1000);
    let closed = 0;
    const append = rig.downloads.append.bind(rig.downloads);
    rig.downloads.append = async (name) => {
      const file = await append(name);
      return { ...file, size: file.size, validator: null, close: async () => void (closed += 1) };
    };
    expect(await refusal(opened(100, AbortSignal.abort()))).toBe('CANCELLED');
    expect([counter.open, closed]).toEqual([0, 1]);
  });
});
