/**
 * Makes patches (the format is described in docs/decisions/0008-delta-format.md).
 *
 * Invariants: the same two files give the same patch, on every machine; memory is both files and an index of at most 1.3 GiB, so never
 * more than 4 GiB.
 */
import { open } from 'node:fs/promises';
import { MAX_FILE, type Copies } from '../../bundle/patch-copies.ts';
import { BEFORE, MARGIN } from '../../bundle/patch-model.ts';
import { Turns } from '../../bundle/patch-turns.ts';
import { UpdateError } from '../../errors.ts';
import { encodePatch } from './encode-patch.ts';
import { CopyFinding } from './find-copies.ts';
import { maskAddresses } from './mask-addresses.ts';
import { programLayout, type ProgramLayout } from './program-layout.ts';
import { SeedIndex } from './seed-index.ts';

/** Places of an index; with more bytes than that, only every second (fourth, …) is indexed. */
const MAX_PLACES = 2 ** 28;

/** What {@link makePatch} makes, and out of what. */
export interface PatchOptions {
  /** Path of the file that the patch will be applied to. */
  readonly base: string;
  /** Path of the file that comes out then. */
  readonly target: string;
  /** Path that the patch is written to; nothing may be there. */
  readonly out: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes the patch that turns one file into another; `applyPatch` applies it.
 *
 * It is good with programs (ELF, Mach-O and PE for x86-64 and arm64) and right with any files.
 *
 * @returns the size of the patch, in bytes
 * @throws UpdateError `CANCELLED`, `USAGE` for a file of more than 1 GiB; Node's own errors for files that cannot be read or written
 *
 * @example
 * const { storedSize } = await makePatch({ base: 'v1/sidecar', target: 'v2/sidecar', out: 'sidecar.patch' });
 */
export async function makePatch(options: PatchOptions): Promise<{ readonly storedSize: number }> {
  const turns = new Turns(options.signal ?? new AbortController().signal);
  turns.check();
  const found = await matched(options, turns);
  // Matching masks its bytes in place, so they are read anew.
  const files = {
    base: await readPadded(options.base, MARGIN, MARGIN),
    target: await readPadded(options.target, BEFORE, 0),
  };
  const sizes = [files.base.length - 2 * MARGIN, files.target.length - BEFORE];
  if (sizes[0] !== found.sizes[0] || sizes[1] !== found.sizes[1])
    throw new UpdateError('INTERNAL', 'expected files that nobody writes to, found that they changed');
  const patch = await inTurns(encodePatch(files, found.base, found.target, found.copies), turns);
  const file = await open(options.out, 'wx', 0o600);
  try {
    await file.writeFile(patch);
  } finally {
    await file.close();
  }
  return { storedSize: patch.length };
}

interface Found {
  readonly sizes: readonly [number, number];
  readonly base: ProgramLayout;
  readonly target: ProgramLayout;
  readonly copies: Copies;
}

async function matched(options: PatchOptions, turns: Turns): Promise<Found> {
  const base = await readPadded(options.base, 0, 0);
  const target = await readPadded(options.target, 0, 0);
  const baseLayout = programLayout(base);
  const targetLayout = programLayout(target);
  await inTurns(maskAddresses(base, baseLayout), turns);
  await inTurns(maskAddresses(target, targetLayout), turns);
  let step = 1;
  while (base.length / step > MAX_PLACES) step *= 2;
  const index = new SeedIndex(base.length, step);
  await inTurns(index.add(base), turns);
  const finding = new CopyFinding(base, target, index);
  await inTurns(finding.run(), turns);
  return {
    sizes: [base.length, target.length],
    base: baseLayout,
    target: targetLayout,
    copies: finding.copies(),
  };
}

async function inTurns<T>(work: Generator<void, T, undefined>, turns: Turns): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (turns.due) await turns.take();
  }
}

// The whole file, with zeros around it.
async function readPadded(path: string, before: number, after: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > MAX_FILE)
      throw new UpdateError(
        'USAGE',
        `${path}: expected at most ${String(MAX_FILE)} bytes, found ${String(size)}`,
      );
    const bytes = new Uint8Array(before + size + after);
    for (let filled = 0; filled < size;) {
      const { bytesRead } = await file.read(bytes, before + filled, size - filled, filled);
      if (bytesRead === 0)
        throw new UpdateError('INTERNAL', `${path}: expected ${String(size)} bytes, found ${String(filled)}`);
      filled += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
