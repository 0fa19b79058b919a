import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { emptyCopies } from '../../../src/bundle/patch-copies.ts';
import { NO_LAYOUT } from '../../../src/bundle/patch-layout.ts';
import { BEFORE, MARGIN } from '../../../src/bundle/patch-model.ts';
import { encodePatch } from '../../../src/publish/patch/encode-patch.ts';
import { fillBase } from './support/computed-base.ts';

const SIZE = 64 * 1024 * 1024;
const COPIES = 60_000;
const CHILD = join(import.meta.dirname, 'support', 'apply-in-child.ts');

it(
  'applying takes at most 64 MiB above idle for a file of as much, with many copies and changes',
  { timeout: 60_000 },
  async () => {
    const base = new Uint8Array(SIZE + 2 * MARGIN);
    fillBase(base.subarray(MARGIN, MARGIN + SIZE), 0);
    const target = new Uint8Array(SIZE + BEFORE);
    target.set(base.subarray(MARGIN, MARGIN + SIZE), BEFORE);
    // Copies of about a kilobyte with a gap behind each, and a change in some of them.
    const copies = emptyCopies(COPIES);
    const length = Math.floor(SIZE / COPIES);
    for (let i = 0; i < COPIES; i++) {
      copies.from[i] = copies.to[i] = i * length;
      copies.length[i] = length - 4;
      if (i % 4 === 0) target[BEFORE + i * length + 50]! ^= 0x55;
    }
    const none = { machine: 'none', layout: NO_LAYOUT } as const;
    const writing = encodePatch({ base, target }, none, none, copies);
    let step = writing.next();
    while (step.done !== true) step = writing.next();
    const folder = await mkdtemp(join(tmpdir(), 'patch-memory-'));
    try {
      const file = join(folder, 'patch');
      await writeFile(file, step.value);
      const { stdout } = await promisify(execFile)(process.execPath, [CHILD, file, String(SIZE)]);
      const { made, memory } = JSON.parse(stdout) as { made: number; memory: number };
      expect(made).toBe(SIZE);
      expect(memory).toBeGreaterThan(0);
      expect(memory).toBeLessThan(64 * 1024 * 1024);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
