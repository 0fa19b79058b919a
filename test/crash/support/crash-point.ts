import type { Fate } from './effects.ts';
import type { Losses } from './losses.ts';
import { bootTable, orphans } from './sim-processes.ts';
import type { Situation, World } from './world.ts';

/** A crash: when, how, and what is lost. */
export interface CrashPoint {
  /** Right before this effect. */
  readonly at: number;
  /** `kill`: the daemon alone, so that nothing is lost on disk and the workload goes on; `power`: the host. */
  readonly how: 'kill' | 'power';
  /** Whether the journal is lost as well. */
  readonly journalLost: boolean;
  /** What is lost of what was not durable; nothing for `kill`. */
  readonly losses: Losses;
}

/** How long a host is down, ms. */
const DOWN_MS = 5_000;

/** What a crash leaves of a world. */
export function crash(world: World, { at, how, journalLost, losses }: CrashPoint): Situation {
  const beside = world.tape.moments[at]?.beside;
  const now = world.situation();
  const { journal, table, baseline, feed, elapsed } = beside ?? now;
  return {
    image: world.sim.imageAt(at, losses),
    journal: journalLost ? [] : journal,
    journalLost,
    table: how === 'kill' ? orphans(table) : bootTable(`${table.bootId}+`),
    baseline,
    feed,
    elapsed: elapsed + DOWN_MS,
  };
}

/** A crash as a short text: `17:power`, `17:power!:3l,9z` (`!`: the journal is lost too). */
export function writePoint({ at, how, journalLost, losses }: CrashPoint): string {
  const lost = [...losses].map(([number, fate]) => `${String(number)}${fate}`).join(',');
  return `${String(at)}:${how}${journalLost ? '!' : ''}${lost === '' ? '' : `:${lost}`}`;
}

/** Reads what {@link writePoint} wrote; throws when it is something else. */
export function readPoint(text: string): CrashPoint {
  const match = /^(\d+):(kill|power)(!?)(?::([\dlpzsh,]+))?$/.exec(text);
  if (match === null)
    throw new Error(`expected a crash point such as 17:power:3l,9z, found ${JSON.stringify(text)}`);
  const [, at = '', how = '', mark = '', lost = ''] = match;
  const losses = new Map<number, Fate>();
  for (const each of lost === '' ? [] : lost.split(','))
    losses.set(Number.parseInt(each, 10), each.slice(-1) as Fate);
  return { at: Number(at), how: how as CrashPoint['how'], journalLost: mark === '!', losses };
}
