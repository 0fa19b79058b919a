import { fatesOf, type Fate, type Logged } from './effects.ts';
import type { Random } from './random.ts';

/** What becomes of the changes that were not durable, by their number; what is not named is kept. */
export type Losses = ReadonlyMap<number, Fate>;

/** All combinations of fates; the last changes vary fastest. */
function* everything(pending: readonly Logged[]): Generator<Losses, void, undefined> {
  const [first, ...rest] = pending;
  if (first === undefined) {
    yield new Map();
    return;
  }
  for (const fate of fatesOf(first.change))
    for (const others of everything(rest))
      yield fate === 'k' ? others : new Map([[first.at, fate], ...others]);
}

/** The telling ones: nothing and all lost, each alone lost, each alone kept, each write torn among kept and among lost ones. */
function* telling(pending: readonly Logged[]): Generator<Losses, void, undefined> {
  const lost = new Map(pending.map(({ at }) => [at, 'l' as const]));
  yield new Map();
  yield lost;
  for (const { at, change } of pending) {
    yield new Map<number, Fate>([...lost].filter(([other]) => other !== at));
    for (const fate of fatesOf(change)) {
      if (fate === 'k') continue;
      yield new Map([[at, fate]]);
      if (fate !== 'l') yield new Map<number, Fate>([...lost, [at, fate]]);
    }
  }
}

/**
 * What a power cut may make of the changes that are not durable: everything while that is at most `most`, else the telling ones and as
 * many more by chance.
 *
 * @returns how many there are in all, and those to try
 */
export function lossesOf(
  pending: readonly Logged[],
  most: number,
  random: Random,
): { readonly all: number; readonly tried: Iterable<Losses> } {
  const all = pending.reduce((product, { change }) => product * fatesOf(change).length, 1);
  if (all <= most) return { all, tried: everything(pending) };
  return { all, tried: sampled(pending, most, random) };
}

function* sampled(
  pending: readonly Logged[],
  most: number,
  random: Random,
): Generator<Losses, void, undefined> {
  let left = most;
  for (const losses of telling(pending)) {
    if (left === 0) return;
    left -= 1;
    yield losses;
  }
  for (; left > 0; left -= 1) yield randomLosses(pending, random);
}

/** Fates by chance; a third of the time everything is lost, for that is the most telling. */
export function randomLosses(pending: readonly Logged[], random: Random): Losses {
  if (random.next() < 1 / 3) return new Map(pending.map(({ at }) => [at, 'l']));
  return new Map(
    pending.flatMap(({ at, change }) => {
      const fate = random.pick(fatesOf(change));
      return fate === 'k' ? [] : [[at, fate] as const];
    }),
  );
}
