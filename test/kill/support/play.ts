/**
 * Plays a kind of path: once to find its fault points, then with a kill at one of them, followed by the ordinary daemon and a look
 * at everything that must hold.
 */
import type { StateView } from '../../model/support/state-view.ts';
import { isAt } from './fault-order.ts';
import type { FaultPoint, Reached } from './fault-points.ts';
import { judge, workloadProcesses, type Look } from './invariants.ts';
import { LAST, type KillPath } from './paths.ts';
import { createStage, type KillSetup, type KillStage } from './stage.ts';

/** A path that was prepared, and the fault points on it. */
export interface PreparedPath extends AsyncDisposable {
  readonly path: KillPath;
  /** Those that its kills are made at. */
  readonly points: readonly FaultPoint[];
  /** The host that is copied for each kill; no daemon runs on it. */
  readonly template: KillStage;
}

/** What a kill led to. */
export interface Played {
  /** How many daemons were killed on the way. */
  readonly kills: number;
  /** What did not hold; nothing when all is well. */
  readonly violations: readonly string[];
  /** The end of the daemon's log, where something did not hold. */
  readonly log: string;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const settle = async (stage: KillStage): Promise<void> => {
  await stage.settled();
};

/** Starts a daemon that kills itself, and waits until it did and whoever walked with it has noticed. */
async function die(
  stage: KillStage,
  point: FaultPoint,
  workload: boolean,
  walk: KillPath['walk'],
): Promise<void> {
  await stage.start({ kill: { ...point, workload } });
  const walked = walk(stage).then(
    () => true,
    () => false,
  );
  const survived = await Promise.race([stage.host.exited().then(() => false), walked]);
  const ended = survived ? 'a daemon that came to the end' : await stage.host.exited();
  await walked;
  if (ended !== 'SIGKILL') throw new Error(`expected the daemon to be killed, found ${String(ended)}`);
}

/** Prepares a path and walks it without a kill. */
export async function preparePath(setup: KillSetup, path: KillPath): Promise<PreparedPath> {
  const template = await createStage(setup, path);
  try {
    await path.prepare(template);
    await using dry = await createStage(setup, path, template);
    for (const point of path.killedAt ?? []) await die(dry, point, false, settle);
    await dry.start();
    await path.walk(dry);
    const points: FaultPoint[] = [];
    for (const { at, nth, when } of dry.reached('last'))
      if (path.at.test(at) && !points.some((known) => isAt(known, { at, nth, when })))
        points.push({ at, nth, when });
    return { path, points, template, [Symbol.asyncDispose]: () => template[Symbol.asyncDispose]() };
  } catch (error) {
    await template[Symbol.asyncDispose]();
    throw new Error(`${path.name} cannot be prepared: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Kills a daemon at a point of a path, and looks at what comes after.
 *
 * @param workload - whether the workload is killed at the same moment
 */
export async function killAt(
  setup: KillSetup,
  { path, template }: PreparedPath,
  point: FaultPoint,
  workload: boolean,
): Promise<Played> {
  await using stage = await createStage(setup, path, template);
  const violations: string[] = [];
  let kills = 0;
  try {
    for (const earlier of path.killedAt ?? []) {
      await die(stage, earlier, false, settle);
      kills += 1;
    }
    await die(stage, point, workload, path.walk);
    kills += 1;
    await path.meanwhile?.(stage);
    violations.push(...(await goOn(stage, path)));
  } catch (error) {
    violations.push(messageOf(error));
  }
  const log = violations.length === 0 ? '' : (await stage.host.log()).split('\n').slice(-60).join('\n');
  return { kills, violations, log };
}

/** Attempts whose beginning was durable, but for those that came to nothing. */
function attemptsIn(reached: readonly Reached[]): string[] {
  const toNothing = new Set(
    reached.filter(({ at }) => /^journal\.close (nothing|available)$/.test(at)).map(({ attempt }) => attempt),
  );
  const begun = reached.filter(({ at, when }) => at.startsWith('journal.enter ') && when === 'after');
  return [...new Set(begun.map(({ attempt = '' }) => attempt))].filter((id) => !toNothing.has(id));
}

/** The recovery, the same attempt again, the next update, an orderly stop; and after each what must hold. */
async function goOn(stage: KillStage, path: KillPath): Promise<string[]> {
  const { host, client } = stage;
  const violations: string[] = [];
  let before: StateView | null = null;
  const look = async (when: string): Promise<Look> => {
    const status = await stage.settled();
    const history = await client.history(100);
    const seen = await judge(host, status, history, { before, attempts: attemptsIn(stage.reached('all')) });
    before = seen.view;
    violations.push(...seen.violations.map((each) => `${when}: ${each}`));
    return seen;
  };

  await stage.start();
  await look('after the recovery');
  await path.again(stage);
  const { answer } = await look('once it was tried again');
  const { quarantine } = await client.status();
  const held = quarantine.map(({ version, reason }) => [version, reason.code] as const);
  if (!endsWell(path, answer, held))
    violations.push(
      `in the end: expected ${path.ends.current.join(' or ')} and [${path.ends.quarantined.join()}] in quarantine, found ${answer} and ${JSON.stringify(held)}`,
    );
  await nextUpdate(stage, path);
  const last = await look('after the next update');
  if (last.answer !== LAST) violations.push(`the next update: expected ${LAST}, found ${last.answer}`);
  const exit = await host.stop();
  if (exit !== 0) violations.push(`expected exit code 0 of a stop, found ${String(exit)}`);
  const left = await workloadProcesses(host);
  if (left.length > 0) violations.push(`expected no process after a stop, found ${left.join()}`);
  return violations;
}

/** As the path says; or, where the release was interrupted twice, held back for that. */
function endsWell(
  { ends }: KillPath,
  answer: string,
  held: readonly (readonly [version: string, code: string])[],
): boolean {
  const versions = held.map(([version]) => version).sort();
  if (ends.current.includes(answer) && versions.join() === [...ends.quarantined].sort().join()) return true;
  return held.some(([version, code]) => code === 'ATTEMPT_INTERRUPTED' && version !== answer);
}

async function nextUpdate({ host, client }: KillStage, path: KillPath): Promise<void> {
  const begin = async (): Promise<string> => {
    if (path.config?.['update']?.['channel'] === 'manual')
      return client.apply(await host.publisher.bundle({ version: LAST, audience: 'airgap' }));
    await host.publisher.publish({ version: LAST });
    return client.update({ dryRun: false });
  };
  await client.follow(await begin(), { pollMs: 60 });
}
