/**
 * Plays a damage of the journal on a real host: a daemon was stopped or killed, the file is damaged, the ordinary daemon starts. All
 * but the history must be there, and the next update must go through.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeDisk } from '../../../src/adapters/disk.ts';
import { statePaths } from '../../../src/adapters/state-dir.ts';
import { lookAtState } from '../../model/support/state-view.ts';
import type { FaultPoint } from './fault-points.ts';
import { judge, workloadProcesses } from './invariants.ts';
import type { Damage } from './journal-damage.ts';
import { LAST } from './paths.ts';
import { createStage, type KillSetup, type KillStage } from './stage.ts';

/** What the daemon was at when it ended. */
export interface Situation {
  readonly name: string;
  /** Where it was killed; null for an orderly stop. */
  readonly kill: FaultPoint | null;
  readonly release: 'healthy' | 'exits';
  /** What may be current in the end. */
  readonly ends: readonly string[];
}

const RUNS = '1.1.0';
const COMES = '1.3.0';

/** All of them. In each, 1.1.0 is committed and watched, and 1.2.0 is in quarantine. */
export const SITUATIONS: readonly Situation[] = [
  { name: 'idle', kill: null, release: 'healthy', ends: [COMES] },
  {
    name: 'swapping',
    kill: { at: 'store.activate', nth: 1, when: 'after' },
    release: 'healthy',
    ends: [COMES],
  },
  { name: 'probing', kill: { at: 'step probing', nth: 1, when: 'before' }, release: 'exits', ends: [RUNS] },
];

/** A host in a situation; no daemon and no workload runs on it. */
export interface PreparedSituation extends AsyncDisposable {
  readonly situation: Situation;
  readonly template: KillStage;
}

/** Brings a host into a situation. */
export async function prepareSituation(setup: KillSetup, situation: Situation): Promise<PreparedSituation> {
  const template = await createStage(setup, {});
  const { publisher } = template.host;
  await publisher.publish({ version: RUNS });
  await template.start();
  await template.settled();
  await publisher.publish({ version: '1.2.0', behaviour: 'exits' });
  await template.client.follow(await template.client.update({ dryRun: false }), { pollMs: 60 });
  await template.settled();
  await template.host.stop();
  await publisher.publish({ version: COMES, behaviour: situation.release });
  if (situation.kill !== null) {
    await template.start({ kill: situation.kill });
    await template.host.exited();
    for (const pid of await workloadProcesses(template.host)) process.kill(pid, 'SIGKILL');
  }
  return { situation, template, [Symbol.asyncDispose]: () => template[Symbol.asyncDispose]() };
}

/**
 * Damages the journal of a host in a situation, starts the ordinary daemon, and looks at what must hold.
 *
 * @returns what did not hold
 */
export async function damageAt(
  setup: KillSetup,
  { situation, template }: PreparedSituation,
  damage: Damage,
): Promise<string[]> {
  await using stage = await createStage(setup, {}, template);
  const { host, client } = stage;
  const violations: string[] = [];
  const baseline = { version: '0.0.0-0', entry: '/nowhere' };
  const paths = statePaths(host.stateDir);
  const before = await lookAtState(nodeDisk, paths, baseline);
  await damage.to(join(host.stateDir, 'state.db'));
  await stage.start();
  const look = async (when: string, lost: boolean): Promise<string> => {
    const status = await stage.settled();
    const history = await client.history(100);
    const known = { before: { ...before, leftovers: [] }, attempts: [], historyLost: lost };
    const seen = await judge(host, status, history, known);
    violations.push(...seen.violations.map((each) => `${when}: ${each}`));
    return seen.answer;
  };
  await stage.settled();
  const told = (await client.status()).warnings.some(({ code }) => code === 'JOURNAL_DAMAGED');
  if (damage.told !== 'either' && told !== (damage.told === 'damaged'))
    violations.push(`expected a daemon that says ${damage.told}, found ${told ? 'damaged' : 'nothing'}`);
  if (told && !(await readFile(join(host.root, 'daemon.log'), 'utf8')).includes('JOURNAL_DAMAGED'))
    violations.push('expected JOURNAL_DAMAGED in the log, found nothing of it');
  await look('after the recovery', told);
  await client.follow(await client.update({ dryRun: false }), { pollMs: 60 });
  const answer = await look('once it was tried again', told);
  if (!situation.ends.includes(answer))
    violations.push(`expected ${situation.ends.join(' or ')} in the end, found ${answer}`);
  await host.publisher.publish({ version: LAST });
  await client.follow(await client.update({ dryRun: false }), { pollMs: 60 });
  const last = await look('after the next update', told);
  if (last !== LAST) violations.push(`the next update: expected ${LAST}, found ${last}`);
  if ((await host.stop()) !== 0) violations.push('expected exit code 0 of a stop');
  if (violations.length > 0) violations.push((await host.log()).split('\n').slice(-40).join('\n'));
  return violations;
}
