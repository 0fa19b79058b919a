/**
 * `npm run bench`: one table of what the updater takes, beside the programs that do the same, as ratios of one run; the same as JSON
 * in `bench/results.json`, and a plot in `docs/performance.svg`. No timing decides anything: it ends with 0 whatever the figures are.
 *
 *     npm run bench [-- --quick] [-- --no-deltas] [-- --json FILE] [-- --plot FILE] [-- --pairs FOLDER]
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { build } from '../scripts/build.ts';
import { hasGunicorn, gunicornProgram, serveProgram } from './handover/workloads.ts';
import { FULL_LOAD, measureHandover, WAYS, type HandoverFigures, type HandoverWay } from './handover.ts';
import { measurePair, realPairs, type DeltaFigures, type ToolFigures } from './deltas.ts';
import { measureStart, type StartFigures } from './start.ts';
import { mebibytes, milliseconds, ratio, seconds } from './support/numbers.ts';
import { plot } from './support/plot.ts';
import { printTable, writeJson, type Row } from './support/report.ts';
import { measureSwap, type SwapFigures } from './swap.ts';
import { benchVerify, type VerifyResult } from './verify.ts';

/** Everything that a run measured. */
export interface BenchResults {
  readonly at: string;
  readonly commit: string;
  readonly machine: string;
  readonly verify: readonly VerifyResult[];
  readonly delta: readonly DeltaFigures[];
  readonly swap: readonly SwapFigures[];
  readonly start: StartFigures;
  readonly handover: readonly HandoverFigures[];
}

const row = (what: string, cells: Omit<Row, 'what'>): Row => ({ what, ...cells });

function verifyRows(results: readonly VerifyResult[]): Row[] {
  return results.map((it) =>
    row(`verify + stage, ${it.name}`, {
      ours: seconds(it.verifySeconds + it.stageSeconds),
      reference: seconds(
        it.bundleDigestSeconds === null || it.zstdSeconds === null || it.resultDigestSeconds === null
          ? null
          : it.bundleDigestSeconds + it.zstdSeconds + it.resultDigestSeconds,
      ),
      ratio: ratio(it.ratio),
      memory: mebibytes(it.peakBytes),
      of: 'openssl, zstd -d, openssl',
    }),
  );
}

function deltaRows({ name, own, bsdiff, xdelta3, zstd }: DeltaFigures): Row[] {
  const against = (tool: string, its: ToolFigures | null): Row[] => [
    row(`delta bytes, ${name}`, {
      ours: String(own.bytes),
      reference: its === null ? '–' : String(its.bytes),
      ratio: ratio(its === null ? null : own.bytes / its.bytes),
      memory: '',
      of: tool,
    }),
  ];
  const times = (['make', 'apply'] as const).map((step) =>
    row(`delta ${step}, ${name}`, {
      ours: seconds(own[step].wall),
      reference: seconds(bsdiff?.[step].seconds ?? null),
      ratio: ratio(bsdiff === null ? null : own[step].wall / bsdiff[step].seconds),
      memory: `${own[step].memory.toFixed(0)} MiB (${mebibytes(bsdiff?.[step].peakBytes ?? null)})`,
      of: step === 'make' ? 'bsdiff' : 'bspatch',
    }),
  );
  return [
    ...against('bsdiff', bsdiff),
    ...against('xdelta3 -9', xdelta3),
    ...against('zstd -19 --patch-from', zstd),
    ...times,
  ];
}

function swapRows(results: readonly SwapFigures[]): Row[] {
  return results.map(({ bytes, downtime, worst, coldStart, own }) =>
    row(`nobody answers in a swap, ${mebibytes(bytes)} beside the program`, {
      ours: milliseconds(downtime),
      reference: milliseconds(coldStart),
      ratio: '',
      memory: '',
      of: `its own cold start; ours ${milliseconds(own)}, the worst swap ${milliseconds(worst)}`,
    }),
  );
}

const WAY_WORDS: Readonly<Record<HandoverWay, string>> = {
  'stop-start': 'stop and start',
  handover: 'sockets held',
  overlap: 'beside each other',
};

function handoverRows(results: readonly HandoverFigures[]): Row[] {
  return results.map((it) => {
    const count = Object.values(it.updates).reduce((sum, updates) => sum + updates, 0);
    return row(`longest wait of ${String(it.requests)} requests, ${it.program}, ${WAY_WORDS[it.way]}`, {
      ours: milliseconds(Math.max(...Object.values(it.longestMs))),
      reference: milliseconds(it.coldMs),
      ratio: '',
      memory: '',
      of: `its own cold start; ${String(count)} updates at ${it.perSecond.toFixed(0)} a second: ${String(it.failed)} failed, ${String(it.retried)} sent again`,
    });
  });
}

function startRows(it: StartFigures): Row[] {
  const against = (what: string, ours: number, reference: number, of: string): Row =>
    row(what, {
      ours: seconds(ours),
      reference: seconds(reference),
      ratio: ratio(ours / reference),
      memory: '',
      of,
    });
  return [
    against('core --version', it.version, it.node, 'node -e 0'),
    against('core sidecar status', it.status, it.node, 'node -e 0'),
    against('daemon, from its start to idle', it.idle, it.node, 'node -e 0'),
    against(
      'daemon, from its start to the workload’s first 200',
      it.answers,
      it.workload,
      'the workload alone',
    ),
    row('daemon at idle, a minute', {
      ours: `${it.idleCpuSeconds.toFixed(2)} s CPU`,
      reference: '',
      ratio: '',
      memory: mebibytes(it.idleResidentBytes),
      of: 'resident in all',
    }),
  ];
}

function plotOf(results: readonly VerifyResult[]): string {
  const points = (value: (it: VerifyResult) => number | null): { x: number; y: number }[] =>
    results
      .filter(({ name }) => name.endsWith('node'))
      .flatMap((it) => {
        const y = value(it);
        return y === null ? [] : [{ x: it.bytes / 1e6, y }];
      });
  const floor = ({ bundleDigestSeconds, zstdSeconds, resultDigestSeconds }: VerifyResult): number | null =>
    bundleDigestSeconds === null || zstdSeconds === null || resultDigestSeconds === null
      ? null
      : bundleDigestSeconds + zstdSeconds + resultDigestSeconds;
  const panels = [
    {
      title: 'Verify and stage',
      unit: 's',
      series: [
        {
          name: 'with fsync',
          colour: '#8250df',
          points: points(({ syncedSeconds }) => syncedSeconds),
        },
        {
          name: 'this updater',
          colour: '#0969da',
          points: points((it) => it.verifySeconds + it.stageSeconds),
        },
        { name: 'openssl, zstd -d, openssl', colour: '#bc4c00', points: points(floor) },
      ].filter((series) => series.points.length > 0),
    },
    {
      title: 'Memory above the idle process',
      unit: 'MiB',
      series: [
        { name: 'this updater', colour: '#0969da', points: points(({ peakBytes }) => peakBytes / 2 ** 20) },
      ],
    },
  ];
  return plot('Time and memory of verify and stage against the size of the program', panels, ' MB');
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench/results.json' },
    plot: { type: 'string', default: 'docs/performance.svg' },
    /** A folder that keeps the packages of the pairs for the next run. */
    pairs: { type: 'string' },
    'no-deltas': { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const work = await mkdtemp(join(tmpdir(), 'coresdk-bench-'));
const kept = values.pairs ?? join(work, 'pairs');
await mkdir(kept, { recursive: true });
try {
  const { program } = await build({ form: 'script', out: join(work, 'dist'), trust: null });
  say('verify and stage …');
  const verify = await benchVerify({
    sizes: values.quick ? [10e6] : [10e6, 150e6, 600e6],
    noise: values.quick ? [] : [150e6],
    rounds: values.quick ? 1 : 5,
  });
  say('starts …');
  const start = await measureStart(values.quick ? 3 : 15, values.quick ? 2_000 : 60_000);
  say('swaps …');
  const swap = await measureSwap([0, 150e6], values.quick ? 2 : 10);
  say('updates under load …');
  const handover: HandoverFigures[] = [];
  for (const program of [serveProgram, ...(hasGunicorn() ? [gunicornProgram] : [])])
    for (const way of WAYS.filter((way) => way !== 'overlap' || program.overlaps))
      handover.push(
        await measureHandover({
          program,
          way,
          updates: values.quick ? 2 : 20,
          rates: FULL_LOAD,
          colds: values.quick ? 1 : 5,
        }),
      );
  const delta: DeltaFigures[] = [];
  if (!values['no-deltas']) {
    const missing = (what: string): void => {
      say(`left out: ${what}`);
    };
    for (const pair of await realPairs(kept, program, missing, values.quick)) {
      say(`delta: ${pair.name} …`);
      delta.push(await measurePair(pair, work));
    }
  }
  const { stdout } = await promisify(execFile)('git', ['describe', '--always', '--dirty']);
  const results: BenchResults = {
    at: new Date().toISOString(),
    commit: stdout.trim(),
    machine: `${String(cpus().length)} × ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}`,
    verify,
    delta,
    swap,
    start,
    handover,
  };
  printTable([
    ...verifyRows(verify),
    ...delta.flatMap(deltaRows),
    ...swapRows(swap),
    ...handoverRows(handover),
    ...startRows(start),
  ]);
  await writeJson(values.json, results);
  if (!values.quick) await writeFile(values.plot, plotOf(verify));
} finally {
  await rm(work, { recursive: true, force: true });
}
