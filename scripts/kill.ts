/**
 * `npm run kill`: real daemons are killed with SIGKILL right before and right after every write of the journal, and at the effects
 * around it, on every kind of path (`test/kill/support/paths.ts`); then the ordinary daemon starts, and everything that must hold is
 * looked at.
 *
 *     npm run kill -- [--hosts N] [--only NAME] [--effects N]
 *     npm run kill -- --damage [--hosts N] [--only NAME] [--seed S]
 *
 * - `--hosts`: how many hosts at once; 3 for each core unless told.
 * - `--only`: a path, by a part of its name.
 * - `--effects`: of the points that are no write of the journal, only every Nth; 4 unless told, 1 for all.
 *
 * - `--damage`: instead of kills, the journal's file is damaged in every way (`test/kill/support/journal-damage.ts`) in each
 *   situation, and the daemon is started on it; `--only` then is a part of a damage's name.
 * - `--seed`: of the flipped bits; from the clock unless told.
 *
 * At every third point the workload is killed at the same moment.
 *
 * Exit code 0 when everything held, 1 when something did not; what, where and the daemon's log are printed.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildForTests } from '../test/e2e/support/built.ts';
import { buildKillDaemon } from '../test/kill/support/kill-daemon.ts';
import { updateMachine } from '../src/machines/update.machine.ts';
import type { FaultPoint } from '../test/kill/support/fault-points.ts';
import { pointName } from '../test/kill/support/fault-order.ts';
import {
  damageAt,
  prepareSituation,
  SITUATIONS,
  type PreparedSituation,
} from '../test/kill/support/damage-play.ts';
import { cuts, DAMAGES, headerFlips, randomFlips } from '../test/kill/support/journal-damage.ts';
import { PATHS } from '../test/kill/support/paths.ts';
import type { KillSetup } from '../test/kill/support/stage.ts';
import { killAt, preparePath, type PreparedPath } from '../test/kill/support/play.ts';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: String(3 * availableParallelism()) },
    only: { type: 'string', default: '' },
    effects: { type: 'string', default: '4' },
    damage: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});

/** Runs jobs, `lanes` at a time, in order. */
async function inLanes<T>(jobs: readonly T[], lanes: number, run: (job: T) => Promise<void>): Promise<void> {
  const queue = [...jobs];
  const lane = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await run(job);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** A write of the journal for each state that has an effect; every one of them must be on some path. */
const INTENTS = Object.keys(updateMachine.states)
  .filter((state) => !['recovering', 'idle'].includes(state))
  .map((state) => `journal.enter ${state}`);

const isJournal = ({ at }: FaultPoint): boolean => at.startsWith('journal.');

const hosts = Math.max(1, Number(values.hosts));
const effects = Math.max(1, Number(values.effects));

/** Kills at every point. Returns a line for people, and how much did not hold. */
async function killEverywhere(setup: KillSetup): Promise<{ done: string; failures: number }> {
  const paths = PATHS.filter(({ name }) => name.includes(values.only));
  const prepared: PreparedPath[] = [];
  let kills = 0;
  let failures = 0;
  try {
    await inLanes(paths, hosts, async (path) => void prepared.push(await preparePath(setup, path)));
    const jobs = prepared.flatMap((path) => {
      const journal = path.points.filter(isJournal);
      const others = path.points.filter((point) => !isJournal(point)).filter((_, at) => at % effects === 0);
      console.log(
        `${String(journal.length).padStart(4)} + ${String(others.length).padStart(2)} fault points  ${path.path.name}`,
      );
      return [...journal, ...others].map((point, at) => ({ path, point, workload: at % 3 === 2 }));
    });
    const missing = INTENTS.filter((at) => !jobs.some(({ point }) => point.at === at));
    if (values.only === '' && missing.length > 0)
      throw new Error(`no path comes by ${missing.join(', ')}: add one to test/kill/support/paths.ts`);
    await inLanes(jobs, hosts, async ({ path, point, workload }) => {
      const played = await killAt(setup, path, point, workload);
      kills += played.kills;
      if (played.violations.length === 0) return;
      failures += 1;
      const who = workload ? 'daemon and workload' : 'daemon';
      console.error(
        [
          `\nFAILED: ${path.path.name}: ${who} killed at ${pointName(point)}`,
          ...played.violations.map((violation) => `  ${violation}`),
          played.log,
        ].join('\n'),
      );
    });
  } finally {
    for (const path of prepared) await path[Symbol.asyncDispose]();
  }
  return { done: `${String(kills)} kills on ${String(paths.length)} paths`, failures };
}

/** Damages the journal in every way, in every situation. */
async function damageEverywhere(setup: KillSetup): Promise<{ done: string; failures: number }> {
  const prepared: PreparedSituation[] = [];
  const seed = Number(values.seed);
  let failures = 0;
  let done = 0;
  try {
    await inLanes(SITUATIONS, hosts, async (it) => void prepared.push(await prepareSituation(setup, it)));
    const { size } = await stat(join(prepared[0]?.template.host.stateDir ?? '', 'state.db'));
    const every = <T>(of: readonly T[], nth: number): T[] => of.filter((_, at) => at % nth === 0);
    const damages = [
      ...DAMAGES,
      ...every(cuts(size), 12),
      ...every(headerFlips(size), 24),
      ...randomFlips(size, 6, seed),
    ].filter(({ name }) => name.includes(values.only));
    const jobs = prepared.flatMap((it) => damages.map((damage) => ({ it, damage })));
    await inLanes(jobs, hosts, async ({ it, damage }) => {
      const wrong = await damageAt(setup, it, damage);
      done += 1;
      if (wrong.length === 0) return;
      failures += 1;
      console.error(`\nFAILED: ended in ${it.situation.name}, ${damage.name}\n${wrong.join('\n')}`);
    });
  } finally {
    for (const it of prepared) await it[Symbol.asyncDispose]();
  }
  return { done: `${String(done)} damaged journals (seed ${String(seed)})`, failures };
}

const began = performance.now();
const root = await mkdtemp(join(tmpdir(), 'coresdk-kill-'));
try {
  const built = await buildForTests(root);
  const setup = { built, daemon: [process.execPath, await buildKillDaemon(root)] };
  const { done, failures } = await (values.damage ? damageEverywhere(setup) : killEverywhere(setup));
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${done} in ${seconds} s; ${failures === 0 ? 'everything held' : `${String(failures)} did not hold`}`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
} finally {
  await rm(root, { recursive: true, force: true });
}
