/**
 * Verify and stage against the programs that do as much, in the same run.
 *
 *     node bench/verify.ts [--sizes 10,150,600] [--noise 150] [--rounds 5] [--json FILE]
 *
 * The floor is `openssl dgst -sha256` over the bundle, then `zstd -d` of the compressed program to a file, then
 * `openssl dgst -sha256` of that file, one after the other; the ratio is verify and stage, without fsync, over their sum.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  benchBundle,
  benchKeys,
  extractCompressed,
  noisyBinary,
  realBinary,
  type BenchBundle,
  type BenchKeys,
} from './support/bundles.ts';
import { installed } from './support/installed.ts';
import { measureCommand } from './support/measure-command.ts';
import { mebibytes, median, milliseconds, ratio, seconds } from './support/numbers.ts';
import { printTable, writeJson } from './support/report.ts';
import type { VerifyRun, VerifyTask } from './support/verify-child.ts';

/** What is verified. */
interface Subject {
  readonly name: string;
  /** Bytes of the program in the bundle. */
  readonly bytes: number;
  readonly bundle: BenchBundle;
  /** The program as it stands in the bundle. */
  readonly compressed: string;
}

/** The medians of one subject; null where a program is not installed. */
export interface VerifyResult {
  readonly name: string;
  readonly bytes: number;
  readonly bundleBytes: number;
  readonly verifySeconds: number;
  readonly stageSeconds: number;
  readonly cpuSeconds: number;
  readonly syncedSeconds: number;
  readonly bundleDigestSeconds: number | null;
  readonly zstdSeconds: number | null;
  readonly resultDigestSeconds: number | null;
  readonly floorCpuSeconds: number | null;
  readonly minisignSeconds: number | null;
  /** Verify and stage over the floor: wall time, and CPU time. */
  readonly ratio: number | null;
  readonly cpuRatio: number | null;
  /** Of all rounds, the most. */
  readonly peakBytes: number;
  readonly loopDelayMs: number;
}

const CHILD = join(import.meta.dirname, 'support', 'verify-child.ts');

/** Verifies and stages in a process of its own, in a fresh state directory. */
async function runUpdater(
  keys: BenchKeys,
  bundle: BenchBundle,
  work: string,
  sync: boolean,
): Promise<VerifyRun> {
  const stateDir = await mkdtemp(join(work, 'state-'));
  try {
    const { size, sha256, release } = bundle;
    const task: VerifyTask = {
      stateDir,
      trustFile: keys.trustFile,
      bundle: bundle.path,
      size,
      sha256,
      release,
      sync,
    };
    const child = spawn(process.execPath, ['--expose-gc', CHILD, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let answer = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (answer += text));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    if (code !== 0) throw new Error(`expected the updater to end with 0, found ${String(code)}`);
    return JSON.parse(answer) as VerifyRun;
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

type Command = readonly [string, ...string[]];

/** Measures a reference program; null if it is not installed. */
async function reference(command: Command): Promise<{ seconds: number; cpuSeconds: number } | null> {
  return installed(command[0]) === null ? null : measureCommand(command);
}

interface Round {
  readonly updater: VerifyRun;
  readonly synced: VerifyRun;
  readonly bundleDigest: Awaited<ReturnType<typeof reference>>;
  readonly zstd: Awaited<ReturnType<typeof reference>>;
  readonly resultDigest: Awaited<ReturnType<typeof reference>>;
  readonly minisign: Awaited<ReturnType<typeof reference>>;
}

async function runRound(
  keys: BenchKeys,
  { bundle, compressed }: Subject,
  signature: Command | null,
  work: string,
): Promise<Round> {
  const result = join(work, 'result');
  await rm(result, { force: true });
  const round = {
    bundleDigest: await reference(['openssl', 'dgst', '-sha256', bundle.path]),
    zstd: await reference(['zstd', '-d', '-q', '-f', compressed, '-o', result]),
    resultDigest: await reference(['openssl', 'dgst', '-sha256', result]),
    minisign: signature === null ? null : await reference(signature),
    updater: await runUpdater(keys, bundle, work, false),
    synced: await runUpdater(keys, bundle, work, true),
  };
  await rm(result, { force: true });
  return round;
}

/** A signature by minisign over the bundle, and the command that checks it; null if it is not installed. */
async function minisign({ bundle }: Subject, work: string): Promise<Command | null> {
  if (installed('minisign') === null) return null;
  const [secret, open] = [join(work, 'minisign.key'), join(work, 'minisign.pub')];
  await measureCommand(['minisign', '-G', '-f', '-W', '-s', secret, '-p', open]);
  await measureCommand(['minisign', '-S', '-s', secret, '-m', bundle.path]);
  return ['minisign', '-V', '-q', '-p', open, '-m', bundle.path];
}

function summary({ name, bytes, bundle }: Subject, rounds: readonly Round[]): VerifyResult {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  const ifThere = (pick: (round: Round) => number | undefined): number | null => {
    const values = rounds.map(pick).filter((value) => value !== undefined);
    return values.length === 0 ? null : median(values);
  };
  const whole = ({ verifySeconds, stageSeconds }: VerifyRun): number => verifySeconds + stageSeconds;
  const floor = (
    { bundleDigest, zstd, resultDigest }: Round,
    what: 'seconds' | 'cpuSeconds',
  ): number | undefined =>
    bundleDigest === null || zstd === null || resultDigest === null
      ? undefined
      : bundleDigest[what] + zstd[what] + resultDigest[what];
  const share = (part: number, base: number | undefined): number | undefined =>
    base === undefined ? undefined : part / base;
  return {
    name,
    bytes,
    bundleBytes: bundle.size,
    verifySeconds: of(({ updater }) => updater.verifySeconds),
    stageSeconds: of(({ updater }) => updater.stageSeconds),
    cpuSeconds: of(({ updater }) => updater.cpuSeconds),
    syncedSeconds: of(({ synced }) => whole(synced)),
    bundleDigestSeconds: ifThere(({ bundleDigest }) => bundleDigest?.seconds),
    zstdSeconds: ifThere(({ zstd }) => zstd?.seconds),
    resultDigestSeconds: ifThere(({ resultDigest }) => resultDigest?.seconds),
    floorCpuSeconds: ifThere((round) => floor(round, 'cpuSeconds')),
    minisignSeconds: ifThere((round) => round.minisign?.seconds),
    ratio: ifThere((round) => share(whole(round.updater), floor(round, 'seconds'))),
    cpuRatio: ifThere((round) => share(round.updater.cpuSeconds, floor(round, 'cpuSeconds'))),
    peakBytes: Math.max(...rounds.flatMap(({ updater, synced }) => [updater.peakBytes, synced.peakBytes])),
    loopDelayMs: Math.max(
      ...rounds.flatMap(({ updater, synced }) => [updater.loopDelayMs, synced.loopDelayMs]),
    ),
  };
}

function row(result: VerifyResult): Record<string, string> {
  return {
    program: result.name,
    bundle: mebibytes(result.bundleBytes),
    'sha256 bundle': seconds(result.bundleDigestSeconds),
    'zstd -d': seconds(result.zstdSeconds),
    'sha256 result': seconds(result.resultDigestSeconds),
    verify: seconds(result.verifySeconds),
    stage: seconds(result.stageSeconds),
    ratio: ratio(result.ratio),
    'CPU ratio': ratio(result.cpuRatio),
    'with fsync': seconds(result.syncedSeconds),
    'minisign -V': seconds(result.minisignSeconds),
    'peak above idle': mebibytes(result.peakBytes),
    'loop delay': milliseconds(result.loopDelayMs),
  };
}

/** Sizes in MB, as they are given: `10,150`. */
function sizes(list: string): number[] {
  return list
    .split(',')
    .filter((size) => size !== '')
    .map((size) => {
      const bytes = Number(size) * 1e6;
      if (!(bytes >= 1e6)) throw new Error(`expected sizes in MB, such as 10,150; found ${list}`);
      return Math.round(bytes);
    });
}

/**
 * Measures verify and stage for programs of these sizes.
 *
 * @param plan - `sizes` of real programs and of `noise`, in bytes; how many `rounds`, of which the median counts
 */
export async function benchVerify(plan: {
  readonly sizes: readonly number[];
  readonly noise: readonly number[];
  readonly rounds: number;
}): Promise<VerifyResult[]> {
  const work = await mkdtemp(join(tmpdir(), 'coresdk-bench-'));
  try {
    const keys = await benchKeys(join(work, 'keys'));
    const results: VerifyResult[] = [];
    const kinds = [
      ...plan.sizes.map((bytes) => ({ bytes, kind: 'node', make: realBinary })),
      ...plan.noise.map((bytes) => ({ bytes, kind: 'noise', make: noisyBinary })),
    ];
    for (const { bytes, kind, make } of kinds) {
      const binary = join(work, 'binary');
      const compressed = join(work, 'program.zst');
      await make(bytes, binary);
      const bundle = await benchBundle(keys, binary, join(work, 'bundle.jws'));
      await extractCompressed(keys, bundle.path, compressed);
      await rm(binary);
      const subject: Subject = { name: `${String(bytes / 1e6)} MB ${kind}`, bytes, bundle, compressed };
      const signature = await minisign(subject, work);
      const rounds: Round[] = [];
      for (let round = 0; round < plan.rounds; round += 1)
        rounds.push(await runRound(keys, subject, signature, work));
      results.push(summary(subject, rounds));
    }
    return results;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '10,150,600' },
      noise: { type: 'string', default: '' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
    },
  });
  const results = await benchVerify({
    sizes: sizes(values.sizes),
    noise: sizes(values.noise),
    rounds: Number(values.rounds),
  });
  printTable(results.map(row));
  if (values.json !== undefined) await writeJson(values.json, results);
}
