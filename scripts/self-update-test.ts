/**
 * `npm run test:self-update [-- --manager NAME] [--only WORDS] [--json FILE]`: daemons that update themselves, and fail to, as real
 * processes: started by hand, and under something that behaves as Docker's restart policy; then daemons of several schemas over one
 * state directory. Under systemd: `npm run test:systemd`. The last line is `N passed, N failed`.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateKeys } from '../src/publish/keys.ts';
import { buildDaemon, buildFirst, buildNewer, type DaemonKind } from './self-update/daemons.ts';
import { takeTurns } from './self-update/kin.ts';
import { byHand, restartPolicy, whyNoContainer, type Manager } from './self-update/managers.ts';
import { SCENARIOS } from './self-update/scenarios.ts';
import { createStage, type Parts } from './self-update/stage.ts';
import { conclude, createReport, type Report } from './systemd-test/report.ts';

/** The whole run. */
const LIMIT_MS = 15 * 60_000;
/** Hosts at once: most of the time is waiting. */
const AT_ONCE = 4;
const MANAGERS: Readonly<Record<string, () => Manager>> = { hand: byHand, docker: restartPolicy };

const KINDS = [
  'good',
  'crashes',
  'hangs',
  'misreads',
  'stricter',
  'dies',
  'deaf',
  'slowTest',
  'slowStart',
] as const satisfies readonly DaemonKind[];

/** A piece of work, and what it is called. */
interface Job {
  readonly name: string;
  run(report: Report): Promise<void>;
}

async function makeParts(
  folder: string,
  report: Report,
): Promise<Parts & { trust: string; programs: Record<DaemonKind, string> }> {
  const keys = join(folder, 'keys');
  await generateKeys({ product: 'coresdk-sidecar', dir: keys, development: true, modulusLength: 2048 });
  const trust = join(keys, 'trust.json');
  const installed = await buildDaemon('good', { out: join(folder, 'installed'), version: '1.0.0', trust });
  const programs: Partial<Record<DaemonKind, string>> = {};
  for (const kind of KINDS)
    programs[kind] = await buildDaemon(kind, { out: join(folder, kind), version: '1.1.0', trust });
  report.say(`${String(KINDS.length + 1)} daemons are built`);
  return { keys, trust, installed, programs: programs as Record<DaemonKind, string> };
}

async function kinJobs(folder: string, parts: Parts & { trust: string }, report: Report): Promise<Job[]> {
  const { trust } = parts;
  const today = parts.installed;
  const sources = join(folder, 'newer-sources');
  const old = join(folder, 'first-sources');
  await mkdir(sources);
  await mkdir(old);
  const newer = await buildNewer(sources, { out: join(folder, 'newer'), version: '1.0.0', trust });
  const first = await buildFirst(old, { out: join(folder, 'first'), version: '1.0.0', trust });
  const job = (name: string, ...turns: [string, string][]): Job => ({
    name: `schemas: ${name}`,
    run: async (to) => {
      await using stage = await createStage(parts, byHand());
      await takeTurns(stage, to, name, turns);
    },
  });
  const jobs = [
    job('newer and today', ['newer', newer], ['today', today], ['newer', newer], ['today', today]),
  ];
  if (first === null) report.say('SKIPPED: the first daemons: their commit is not in this repository');
  else
    jobs.push(job('first and today', ['first', first], ['today', today], ['first', first], ['today', today]));
  return jobs;
}

async function main(only: string, managers: readonly string[], json: string | null): Promise<boolean> {
  const report = createReport();
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-self-update-'));
  const interrupted = Promise.withResolvers<never>();
  const limit = setTimeout(() => {
    interrupted.reject(new Error(`expected an end within ${String(LIMIT_MS / 1000)} s`));
  }, LIMIT_MS);
  try {
    const parts = await makeParts(folder, report);
    const jobs: Job[] = [];
    for (const name of managers) {
      const why = name === 'docker' ? await whyNoContainer() : null;
      if (why !== null) {
        report.say(`SKIPPED: restart policy: ${why}`);
        continue;
      }
      for (const scenario of SCENARIOS)
        jobs.push({
          name: `${name}: ${scenario.name}`,
          run: async (to) => {
            await using stage = await createStage(parts, (MANAGERS[name] ?? byHand)());
            await scenario.play({ stage, report: to, programs: parts.programs });
          },
        });
    }
    jobs.push(...(await kinJobs(folder, parts, report)));
    const wanted = jobs.filter(({ name }) => name.includes(only));
    const work = async (): Promise<void> => {
      for (let job = wanted.shift(); job !== undefined; job = wanted.shift()) {
        const { name } = job;
        const named: Report = {
          ...report,
          check: (what, ok, detail) => {
            report.check(`${name.split(':')[0] ?? ''}: ${what}`, ok, detail);
          },
        };
        try {
          await job.run(named);
        } catch (error) {
          report.check(
            `${name}: goes through`,
            false,
            error instanceof Error ? error.message : String(error),
          );
        }
      }
    };
    await Promise.race([Promise.all(Array.from({ length: AT_ONCE }, work)), interrupted.promise]);
  } catch (error) {
    report.check('the run comes to its end', false, error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(limit);
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
  return conclude(report.checks, json);
}

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, manager: { type: 'string' }, json: { type: 'string' } },
});
const chosen = values.manager === undefined ? Object.keys(MANAGERS) : [values.manager];
process.exit((await main(values.only, chosen, values.json ?? null)) ? 0 : 1);
