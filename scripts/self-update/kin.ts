/** Whole daemons of two schemas over one state directory, one after the other: the first in the field, today's, a newer one. */
import type { Report } from '../systemd-test/report.ts';
import { killAll } from './managers.ts';
import type { Stage } from './stage.ts';

/** Daemons in the order in which they run; each is told what it is. */
export type Turns = readonly (readonly [name: string, program: string])[];

/**
 * Lets daemons take turns on one host: each finds all that the ones before did, and does something itself.
 *
 * @param publish - whether each turn installs a release
 */
export async function takeTurns(stage: Stage, report: Report, about: string, turns: Turns): Promise<void> {
  const attempts: string[] = [];
  let running = 'baseline';
  for (const [index, [name, program]] of turns.entries()) {
    const what = `${about}: ${name}, turn ${String(index + 1)}`;
    await stage.start(program);
    const found = await stage.well(what);
    const lost = found.warnings.filter(({ code }) => code === 'JOURNAL_DAMAGED');
    report.check(`${what}: reads the journal`, lost.length === 0, lost);
    const known = (await stage.history()).map(({ id }) => id);
    report.check(
      `${what}: knows every attempt`,
      attempts.every((id) => known.includes(id)),
      { attempts, known },
    );
    const answers = await stage.host.answer();
    report.check(`${what}: the version that runs is the one before`, answers === running, [running, answers]);
    if (index > 0)
      report.check(
        `${what}: the floor is kept`,
        found.version_floor?.version === running,
        found.version_floor,
      );
    running = `1.${String(index + 1)}.0`;
    await stage.host.publisher.publish({ version: running });
    await stage.update();
    await stage.until(
      `${what}: ${running} is committed`,
      ({ current, state, watching }) => current.version === running && state === 'idle' && watching === null,
    );
    attempts.push(...(await stage.history()).map(({ id }) => id).filter((id) => !attempts.includes(id)));
    await killAll(stage.host.root);
  }
}
