/**
 * `npm run load`: a real daemon, 1,000 status clients and 200 event streams at once while an update goes through, and beside them whoever
 * means no good: streams that are never read, connections that are half open, requests that are malformed or huge.
 *
 *     npm run load -- [--clients N] [--streams N] [--seconds N] [--waves N] [--json FILE]
 *
 * - `--clients`, `--streams`: 1000 and 200 unless told. Of each kind of bad caller there are 50.
 * - `--seconds`: how long the load lasts at most; 30 unless told. It ends a few seconds after the update did, and the whole is over in a
 *   minute.
 * - `--waves`: how often the same callers come again, without an update, to see that memory settles; once unless told.
 * - `--json`: the figures are written there too.
 *
 * Exit code 0 when the update was committed, no good caller was refused, no event was left out, and the daemon answers afterwards.
 * Everything is on unix sockets and loopback.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchWorkload, createDaemonRig } from '../bench/support/daemon-rig.ts';
import { residentBytes } from '../bench/support/process-memory.ts';
import { createControlClient } from '../src/control/client.ts';
import type { BundleFile } from '../src/publish/bundle-writer.ts';
import { BAD, wave } from './load/wave.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '1000' },
    streams: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '45' },
    waves: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});

function whole(name: 'clients' | 'streams' | 'seconds' | 'waves'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 0 && value <= 10_000) return value;
  console.error(`--${name}: expected a whole number up to 10000, found ${JSON.stringify(values[name])}`);
  process.exit(2);
}

const [clients, streams, seconds] = [whole('clients'), whole('streams'), whole('seconds')];
/** Beside the program; enough that the download is seen. */
const BALLAST = 64 * 1024 * 1024;
const mib = (bytes: number | null): string => (bytes === null ? '–' : `${(bytes / 2 ** 20).toFixed(0)} MiB`);
const ms = (value: number | null): string => (value === null ? '–' : `${value.toFixed(0)} ms`);

await using rig = await createDaemonRig();
const socket = join(rig.root, 'state', 'control.sock');
const client = createControlClient({ socket });
const ballast = Array.from({ length: BALLAST / 2 ** 20 }, (_, index): BundleFile => ({
  path: `data/${String(index)}`,
  source: Buffer.alloc(2 ** 20, index + 1),
  mode: 0o644,
}));
await rig.publish('1.1.0', [
  { path: 'workload', source: Buffer.from(benchWorkload('1.1.0')), mode: 0o755 },
  ...ballast,
]);
const { pid } = await rig.start();
if (pid === undefined) throw new Error('expected a daemon with a process id');
const memory = (): number | null => residentBytes('VmRSS', pid);
const before = memory();

const signal = AbortSignal.timeout(seconds * 1000);
let outcome = 'not ended';
let took = 0;
const common = { socket, client, clients, streams, signal };
const first = await wave({
  ...common,
  during: async () => {
    const began = performance.now();
    try {
      const id = await client.update({ dryRun: false });
      const { ended } = await client.follow(id, { until: () => signal.aborted });
      outcome = ended?.outcome ?? outcome;
    } catch (error) {
      outcome = String(error);
    }
    took = performance.now() - began;
  },
});
const afterFirst = memory();
const quiet: Awaited<ReturnType<typeof wave>>[] = [];
const afterEach: (number | null)[] = [];
for (let count = 0; count < whole('waves'); count += 1) {
  const again = AbortSignal.timeout(seconds * 1000);
  quiet.push(await wave({ ...common, signal: again, during: () => Promise.resolve() }));
  afterEach.push(memory());
}
const peak = residentBytes('VmHWM', pid);
const asked = performance.now();
const last = await client.status().catch(() => null);
const answered = performance.now() - asked;

const complete = first.seen.filter((states) => ['probing', 'committed'].every((it) => states.includes(it)));
const timesOf = ({ status }: typeof first): string =>
  `median ${ms(status.quantile(0.5))}, 99 % ${ms(status.quantile(0.99))}, worst ${ms(status.quantile(1))}`;
const rows: readonly (readonly [string, string])[] = [
  [`${clients.toLocaleString('en')} status clients`, first.status.summary()],
  ['  time of an answer', timesOf(first)],
  [
    `${String(streams)} event streams`,
    `${first.streams.summary()}; ${String(complete.length)} saw the whole update`,
  ],
  [`${String(BAD)} streams that are never read`, first.deaf.summary()],
  [`${String(BAD)} half-open connections`, first.halfOpen.summary()],
  [`${String(BAD)} callers with malformed and huge requests`, first.bad.summary()],
  ['the update', `${outcome} in ${(took / 1000).toFixed(1)} s`],
  ...quiet.map(
    (again) => ['the same callers again', `${again.status.summary()}; ${timesOf(again)}`] as const,
  ),
  [
    'the daemon’s memory (resident)',
    `${mib(before)} before, ${[afterFirst, ...afterEach].map(mib).join(', ')} after the waves, ${mib(peak)} at most`,
  ],
  [
    'the daemon afterwards',
    last === null ? 'does not answer' : `${last.state}, ${last.current.version}, answers in ${ms(answered)}`,
  ],
];
for (const [what, found] of rows) console.log(`${what.padEnd(46)} ${found}`);
if (values.json !== undefined)
  await writeFile(values.json, `${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`);

const refused = [first, ...quiet].some(({ status }) => status.of('ok') !== status.total());
const gaps = [first, ...quiet].reduce((sum, { streams: of }) => sum + of.of('gaps'), 0);
const installed = outcome === 'committed' && last?.current.version === '1.1.0';
if (!installed || refused || gaps > 0 || complete.length !== streams) {
  console.error('NOT everything held: see above');
  process.exitCode = 1;
}
