/**
 * `npm run torture`: random updates, faults and kills on the real system with the shipped program, round after round; after each
 * round everything that must hold is looked at.
 *
 *     npm run torture -- [--minutes N] [--seed S] [--hosts N] [--json FILE]
 *
 * - `--minutes`: how long; 10 unless told. The round that is under way then is brought to its end.
 * - `--seed`: a whole number; from the clock unless told. The same seed makes the same choices; what the machine makes of them
 *   differs.
 * - `--hosts`: how many hosts at once; one for each core unless told.
 * - `--json`: the summary is written there too.
 *
 * Exit code 0 when everything held. 1 when something did not: a host's folder is then kept, and its path is printed.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildForTests } from '../test/e2e/support/built.ts';
import { chanceFrom } from '../test/torture/chance.ts';
import { canMount, smallDisk } from '../test/torture/faults.ts';
import { createTally } from '../test/torture/tally.ts';
import { torture } from '../test/torture/torture.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    hosts: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'string' },
  },
});

function number(name: 'minutes' | 'seed' | 'hosts'): number {
  const value = Number(values[name]);
  if (values[name].trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name}: expected a number, found ${JSON.stringify(values[name])}`);
  process.exit(2);
}

/** Which sources this is about. */
function commitOf(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ', with changes');
  } catch {
    return 'unknown';
  }
}

const [minutes, seed, hosts] = [number('minutes'), number('seed'), Math.max(1, number('hosts'))];
const tally = createTally();
const root = await mkdtemp(join(tmpdir(), 'coresdk-torture-'));
const over = new AbortController();
const timer = setTimeout(() => {
  over.abort();
}, minutes * 60_000);
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.on(name, () => {
    console.error('stopping after this round');
    over.abort();
  });
const began = performance.now();
console.log(`seed ${String(seed)}, ${String(minutes)} min, ${String(hosts)} hosts, commit ${commitOf()}`);
try {
  const disk = canMount(root) ? smallDisk : null;
  if (disk === null) console.log('skipped: a disk that is full (it takes root and mount)');
  const built = await buildForTests(root);
  const lanes = await Promise.allSettled(
    Array.from({ length: hosts }, (_, lane) =>
      torture({
        built,
        chance: chanceFrom(seed + lane),
        tally,
        disk,
        mayFill: disk !== null,
        signal: over.signal,
        evidence: join(tmpdir(), `coresdk-torture-evidence-${String(seed)}-${String(lane)}`),
        say: (line) => {
          console.log(`${String(lane)} ${line}`);
        },
      }),
    ),
  );
  for (const lane of lanes) if (lane.status === 'rejected') tally.violations.push(String(lane.reason));
} finally {
  clearTimeout(timer);
  await rm(root, { recursive: true, force: true });
}
const { attempt: _, ...counts } = tally;
const seconds = Math.round((performance.now() - began) / 1000);
const summary = { seed, commit: commitOf(), hosts, seconds, ...counts };
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(summary, null, 2)}\n`);
for (const violation of tally.violations) console.error(`VIOLATION ${violation}`);
console.log(
  [
    `${String(tally.rounds)} rounds, ${String(tally.attempts)} attempts, ${String(tally.commits)} commits, ${String(tally.rollbacks)} rollbacks,`,
    `${String(tally.refusals)} refusals, ${String(tally.interruptions)} interruptions, ${String(tally.faults)} faults, ${String(tally.damages)} damaged journals,`,
    `${String(tally.kills)} kills, ${String(tally.violations.length)} violations in ${String(seconds)} s; seed ${String(seed)}, commit ${summary.commit}`,
  ].join(' '),
);
process.exit(tally.violations.length === 0 ? 0 : 1);
