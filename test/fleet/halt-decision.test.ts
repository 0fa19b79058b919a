import { assert as check, array, boolean, constantFrom, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideHalt, DEFAULT_POLICY, type HaltPolicy, type Word } from '../../src/fleet/halt-decision.ts';

const MINUTE = 60_000;

/** Hosts that committed and hosts that failed, all in the same instant. */
function words(committed: number, failed: number, group = 'web'): Word[] {
  const of = (said: Word['said'], name: string, count: number): Word[] =>
    Array.from({ length: count }, (_, index) => ({
      host: `${group}-${name}${String(index)}`,
      group,
      said,
      at: 0,
    }));
  return [...of('committed', 'g', committed), ...of('failed', 'b', failed)];
}

const policy = (change: Partial<HaltPolicy> = {}): HaltPolicy => ({
  share: 0.1,
  failures: 2,
  windowMs: Infinity,
  ...change,
});

describe('what is decided', () => {
  it.each([
    ['nobody spoke', [], policy(), false],
    ['all is well', words(100, 0), policy(), false],
    ['one host failed of one: too few to judge', words(0, 1), policy(), false],
    ['one host failed of one, and one is enough', words(0, 1), policy({ failures: 1 }), true],
    ['two hosts failed of two', words(0, 2), policy(), true],
    ['exactly the share', words(18, 2), policy(), true],
    ['just below the share', words(19, 2), policy(), false],
    ['far above the share, but too few failures', words(3, 2), policy({ failures: 3 }), false],
    ['all must fail, and one did not', words(1, 9), policy({ share: 1 }), false],
    ['all must fail, and all did', words(0, 9), policy({ share: 1 }), true],
    ['a group fails among many that do not', [...words(1000, 0), ...words(1, 2, 'edge')], policy(), true],
    [
      'each group has too few failures, the fleet has enough',
      [...words(0, 1, 'a'), ...words(0, 1, 'b')],
      policy(),
      true,
    ],
  ])('%s', (_, said, when, halt) => {
    expect(decideHalt(said, when).halt).toBe(halt);
  });

  it.each([
    ['a share that is no number', { share: Number.NaN }],
    ['a number of failures that is none', { failures: Number.NaN, share: 0.01 }],
    ['a negative share', { share: -1 }],
    ['a window that is no number', { windowMs: Number.NaN, failures: 1, share: 0.01 }],
    ['a negative window', { windowMs: -1, failures: 1, share: 0.01 }],
  ])('%s halts where anything failed at all', (_, change) => {
    expect(decideHalt(words(50, 3), policy(change)).halt).toBe(true);
    expect(decideHalt(words(50, 0), policy(change)).halt).toBe(false);
  });

  it('says because of whom', () => {
    const decision = decideHalt([...words(50, 0), ...words(2, 3, 'edge')], policy());
    expect(decision).toMatchObject({ because: { group: 'edge', failed: 3, committed: 2 } });
    expect(decision).toMatchObject({
      reason:
        '3 of 5 hosts of group edge that tried it went back (60 %); a rollout is halted from 10 % and 2 hosts on',
    });
  });

  it('names the fleet where a group says no more', () => {
    expect(decideHalt(words(2, 3), policy())).toMatchObject({ because: { group: null, failed: 3 } });
  });
});

describe('a host', () => {
  const at = (host: string, said: Word['said'], when: number): Word => ({
    host,
    group: 'web',
    said,
    at: when,
  });

  it('counts once, however often it tried', () => {
    expect(decideHalt([at('a', 'failed', 1), at('a', 'failed', 2)], policy()).halt).toBe(false);
  });

  it('that committed and crashed later has failed', () => {
    const said = [at('a', 'committed', 1), at('a', 'failed', 2), at('b', 'failed', 3)];
    expect(decideHalt(said, policy({ share: 1 }))).toMatchObject({ because: { failed: 2, committed: 0 } });
  });

  it('that failed and committed later has failed all the same', () => {
    const said = [at('a', 'failed', 1), at('a', 'committed', 2), at('b', 'failed', 3)];
    expect(decideHalt(said, policy({ share: 1 })).halt).toBe(true);
  });
});

describe('the window', () => {
  const spread = (gap: number): Word[] => words(0, 3).map((word, index) => ({ ...word, at: index * gap }));

  it('keeps failures apart that have nothing to do with each other', () => {
    expect(decideHalt(spread(100), policy({ windowMs: 99 })).halt).toBe(false);
    expect(decideHalt(spread(100), policy({ windowMs: 100 })).halt).toBe(true);
  });

  it('forgets the hosts that were well long ago, so that a late fault is seen', () => {
    const late = words(0, 2).map((word) => ({ ...word, at: word.at + 1000 * MINUTE }));
    const said = [...words(100, 0), ...late];
    expect(decideHalt(said, policy()).halt).toBe(false);
    expect(decideHalt(said, policy({ windowMs: 10 * MINUTE }))).toMatchObject({
      because: { failed: 2, committed: 0 },
    });
  });

  it('is a day unless told', () => {
    expect(DEFAULT_POLICY).toEqual({ share: 0.1, failures: 2, windowMs: 24 * 60 * MINUTE });
  });
});

const anyWord = record({
  host: constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  group: constantFrom('web', 'edge'),
  said: constantFrom<Word['said']>('committed', 'failed'),
  at: integer({ min: 0, max: 50 }),
});
const anyWords = array(anyWord, { maxLength: 25 });
const anyPolicy = record({
  share: constantFrom(0.05, 0.25, 0.5, 1, Number.NaN),
  failures: constantFrom(1, 2, 3, Number.NaN),
  windowMs: constantFrom(0, 5, 20, Infinity, Number.NaN),
});

/** The definition in its slowest form: every window, every group, distinct hosts. */
function bySlowestMeans(said: readonly Word[], { share, failures, windowMs }: HaltPolicy): boolean {
  const span = windowMs >= 0 ? windowMs : Infinity;
  return [null, 'web', 'edge'].some((group) =>
    said.some(({ at: end }) => {
      const seen = said.filter(
        (word) => (group === null || word.group === group) && word.at <= end && end - word.at <= span,
      );
      const bad = new Set(seen.filter((word) => word.said === 'failed').map(({ host }) => host));
      const all = new Set(seen.map(({ host }) => host));
      return bad.size > 0 && !(bad.size < failures) && !(bad.size / all.size < share);
    }),
  );
}

describe('whatever is said', () => {
  it('is decided as the definition says', () => {
    check(
      property(anyWords, anyPolicy, (said, when) => {
        expect(decideHalt(said, when).halt).toBe(bySlowestMeans(said, when));
      }),
    );
  });

  it('the order changes nothing, the reason included', () => {
    check(
      property(
        anyWords,
        anyPolicy,
        array(integer(), { minLength: 25, maxLength: 25 }),
        (said, when, keys) => {
          const shuffled = said
            .map((word, index) => ({ word, key: keys[index] ?? 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ word }) => word);
          expect(decideHalt(shuffled, when)).toEqual(decideHalt(said, when));
        },
      ),
    );
  });

  it('copies change nothing', () => {
    check(
      property(anyWords, anyPolicy, array(boolean(), { maxLength: 25 }), (said, when, again) => {
        const copies = said.filter((_, index) => again[index] === true);
        expect(decideHalt([...copies, ...said, ...copies], when)).toEqual(decideHalt(said, when));
      }),
    );
  });

  it('a failure more never takes a halt away', () => {
    check(
      property(anyWords, anyWord, anyPolicy, (said, more, when) => {
        if (!decideHalt(said, when).halt) return;
        expect(decideHalt([...said, { ...more, said: 'failed' }], when).halt).toBe(true);
      }),
    );
  });

  it('a success more never brings a halt about', () => {
    check(
      property(anyWords, anyWord, anyPolicy, (said, more, when) => {
        if (decideHalt(said, when).halt) return;
        expect(decideHalt([...said, { ...more, said: 'committed' }], when).halt).toBe(false);
      }),
    );
  });
});
