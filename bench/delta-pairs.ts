/**
 * Measures patches on pairs of files: size, CPU time and peak memory, each of making and applying in a process of its own.
 *
 *     node bench/delta-pairs.ts BASE TARGET [BASE TARGET …]
 *
 * Prints one line a pair, and ends with 1 if an applied patch does not give the target.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { residentBytes, resetPeak } from './support/process-memory.ts';
import { applyPatch } from '../src/bundle/patch.ts';
import { makePatch } from '../src/publish/patch/make-patch.ts';

/** What one process measured of itself. */
export interface Measured {
  /** User and system time, s; wall time, s; peak resident memory above what was there before, MiB; longest block of the loop, ms. */
  readonly cpu: number;
  readonly wall: number;
  readonly memory: number;
  readonly block: number;
  readonly result: string;
}

async function measured(work: () => Promise<string>): Promise<Measured> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  // Else the peak would be that of the process which started this one.
  resetPeak();
  const idle = process.memoryUsage.rss();
  const before = process.cpuUsage();
  const start = performance.now();
  delay.enable();
  const result = await work();
  delay.disable();
  const { user, system } = process.cpuUsage(before);
  return {
    cpu: (user + system) / 1e6,
    wall: (performance.now() - start) / 1e3,
    memory: ((residentBytes('VmHWM') ?? 0) - idle) / 2 ** 20,
    block: delay.max / 1e6,
    result,
  };
}

async function apply(base: string, target: string, patch: string): Promise<string> {
  await using file = await open(base);
  const { size } = await file.stat();
  const access = {
    size,
    read: async (buffer: Uint8Array, position: number) =>
      (await file.read(buffer, 0, buffer.length, position)).bytesRead,
  };
  const hash = createHash('sha256');
  const stored = createReadStream(patch) as AsyncIterable<Uint8Array>;
  const { size: wanted } = await stat(target);
  for await (const chunk of applyPatch(stored, access, wanted, new AbortController().signal))
    hash.update(chunk);
  return hash.digest('hex');
}

async function inChild(...args: string[]): Promise<Measured> {
  const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, ...args]);
  return JSON.parse(stdout) as Measured;
}

function text({ cpu, wall, memory, block }: Measured): string {
  return `${cpu.toFixed(1)} s CPU, ${wall.toFixed(1)} s, ${memory.toFixed(0)} MiB, longest block ${block.toFixed(0)} ms`;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What our own patch took for a pair. */
export interface DeltaMeasured {
  readonly bytes: number;
  readonly make: Measured;
  readonly apply: Measured;
  /** Whether the applied patch gave the target. */
  readonly right: boolean;
}

/**
 * Makes and applies a patch, each in a process of its own.
 *
 * @param base - a path
 * @param target - a path
 */
export async function measureDelta(base: string, target: string): Promise<DeltaMeasured> {
  const folder = await mkdtemp(join(tmpdir(), 'delta-pairs-'));
  try {
    const patch = join(folder, 'patch');
    const make = await inChild('--make', base, target, patch);
    const apply = await inChild('--apply', base, target, patch);
    return { bytes: Number(make.result), make, apply, right: apply.result === (await sha256(target)) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function pair(base: string, target: string): Promise<boolean> {
  const { bytes, make, apply, right } = await measureDelta(base, target);
  const wrong = right ? '' : ', WRONG RESULT';
  console.log(`${basename(base)} → ${basename(target)}: ${String(bytes)} bytes${wrong}`);
  console.log(`  make: ${text(make)}\n  apply: ${text(apply)}`);
  return right;
}

if (import.meta.main) {
  const [first = '', ...rest] = process.argv.slice(2);
  if (first === '--make' || first === '--apply') {
    const [base = '', target = '', patch = ''] = rest;
    const made = async (): Promise<string> =>
      String((await makePatch({ base, target, out: patch })).storedSize);
    console.log(JSON.stringify(await measured(first === '--make' ? made : () => apply(base, target, patch))));
  } else {
    const files = [first, ...rest];
    for (let i = 0; i + 1 < files.length; i += 2)
      if (!(await pair(files[i] ?? '', files[i + 1] ?? ''))) process.exitCode = 1;
  }
}
