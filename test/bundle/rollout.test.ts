import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { HeadRollout } from '../../src/bundle/head.ts';
import { cohort, rolloutLine, rolloutShare, rolloutTurn } from '../../src/bundle/rollout.ts';

const START = 1_800_000_000;
const MS = START * 1000;
const DIGEST = 'a'.repeat(64);
const idOf = (index: number): string => createHash('sha256').update(String(index)).digest('hex').slice(0, 32);

describe('cohort', () => {
  it('is the first eight bytes of the hash, as a share of 2^64', () => {
    const hash = createHash('sha256').update(`id\0product\0${DIGEST}`).digest();
    expect(cohort('id', 'product', DIGEST)).toBeCloseTo(Number(hash.readBigUInt64BE()) / 2 ** 64, 15);
  });

  // A fleet's ids may be as good as random, or be made by somebody who counts.
  it.each<[string, (index: number) => string]>([
    ['as systemd makes them', idOf],
    ['that count up', (index) => index.toString(16).padStart(32, '0')],
    ['that count up in front', (index) => index.toString(16).padEnd(32, '0')],
  ])('is uniform over 100,000 ids %s (chi-square, 100 classes)', (_, id) => {
    const classes = new Array<number>(100).fill(0);
    for (let index = 0; index < 100_000; index += 1) {
      const place = cohort(id(index), 'coresdk-sidecar', DIGEST);
      const at = Math.floor(place * 100);
      classes[at] = (classes[at] ?? 0) + 1;
    }
    const chiSquare = classes.reduce((sum, seen) => sum + (seen - 1000) ** 2 / 1000, 0);
    // 99 degrees of freedom: 99.9 % of uniform samples are below 148.2, and 99.9 % above 60: what is too even is not drawn either.
    expect(chiSquare).toBeLessThan(148.2);
    expect(chiSquare).toBeGreaterThan(60);
  });

  it('is another one for another release or product: no host is always first', () => {
    const place = cohort(idOf(1), 'a', DIGEST);
    expect(cohort(idOf(1), 'a', 'b'.repeat(64))).not.toBe(place);
    expect(cohort(idOf(1), 'b', DIGEST)).not.toBe(place);
    // Of the first tenth of one release, a tenth is in the first tenth of the next.
    const first = Array.from({ length: 20_000 }, (_, index) => idOf(index)).filter(
      (id) => cohort(id, 'a', DIGEST) < 0.1,
    );
    const again = first.filter((id) => cohort(id, 'a', 'b'.repeat(64)) < 0.1);
    expect(again.length / first.length).toBeGreaterThan(0.07);
    expect(again.length / first.length).toBeLessThan(0.13);
  });

  it('is in [0, 1), and the same every time', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (id, product, digest) => {
        const place = cohort(id, product, digest);
        expect(place).toBeGreaterThanOrEqual(0);
        expect(place).toBeLessThan(1);
        expect(cohort(id, product, digest)).toBe(place);
      }),
    );
  });
});

const places = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const rollouts: fc.Arbitrary<HeadRollout> = fc.oneof(
  fc.record({ start: fc.constant(START), duration: fc.integer({ min: 1, max: 90 * 86_400 }) }),
  fc.record({ start: fc.constant(START), percent: fc.double({ min: 0, max: 100, noNaN: true }) }),
);

describe('a rollout', () => {
  it('lets nobody in before its start', () => {
    fc.assert(
      fc.property(rollouts, places, fc.integer({ min: 1 }), (rollout, place, before) => {
        expect(rolloutShare(rollout, MS - before)).toBe(0);
        expect(rolloutTurn(rollout, place) ?? Infinity).toBeGreaterThanOrEqual(MS);
      }),
    );
  });

  it('only ever grows', () => {
    fc.assert(
      fc.property(
        rollouts,
        fc.integer({ min: 0, max: 1e10 }),
        fc.integer({ min: 0, max: 1e10 }),
        (rollout, at, later) => {
          const now = MS - 1e9 + at;
          expect(rolloutShare(rollout, now + later)).toBeGreaterThanOrEqual(rolloutShare(rollout, now));
        },
      ),
    );
  });

  it('takes a host in at its turn, which is when its cohort is below the share', () => {
    fc.assert(
      fc.property(rollouts, places, (rollout, place) => {
        const turn = rolloutTurn(rollout, place);
        if (turn === null) expect(place).toBeGreaterThanOrEqual(rolloutShare(rollout, MS + 1e12));
        else {
          // Give or take what a number of this size cannot hold.
          expect(rolloutShare(rollout, turn + 1)).toBeGreaterThan(place - 1e-12);
          expect(rolloutShare(rollout, turn - 1)).toBeLessThanOrEqual(place + 1e-12);
          expect(Number.isSafeInteger(turn)).toBe(true);
        }
      }),
    );
  });

  it('reaches everybody when its duration is over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 * 86_400 }), places, (duration, place) => {
        const rollout = { start: START, duration };
        expect(rolloutShare(rollout, MS + duration * 1000)).toBe(1);
        expect(rolloutTurn(rollout, place)).toBeLessThanOrEqual(MS + duration * 1000);
      }),
    );
    expect(rolloutTurn({ start: START, duration: 90 * 86_400 }, 1 - 2 ** -53)).toBe(MS + 90 * 86_400_000);
  });

  it.each([
    [0, 0, null],
    [0.4999, 50, MS],
    [0.5, 50, null],
    [0.999_999, 100, MS],
  ])('of a fixed share takes %d at %d percent at once, or never', (place, percent, turn) => {
    expect(rolloutTurn({ start: START, percent }, place)).toBe(turn);
    expect(rolloutShare({ start: START, percent }, MS)).toBe(percent / 100);
  });

  it.each<[string, HeadRollout]>([
    ['neither', { start: START }],
    ['both', { start: START, duration: 1, percent: 100 }],
    ['no number of seconds', { start: START, duration: NaN }],
    ['no seconds', { start: START, duration: 0 }],
    ['less than none', { start: START, duration: -5 }],
    ['endless', { start: START, duration: Infinity }],
    ['no number of hosts', { start: START, percent: NaN }],
    ['less than no hosts', { start: START, percent: -1 }],
    ['more than all hosts', { start: START, percent: 101 }],
    ['no start', { start: NaN, percent: 100 }],
    ['a start that never comes', { start: Infinity, duration: 1 }],
    ['a start that always was', { start: -Infinity, duration: 1 }],
  ])('that makes no sense lets nobody in: %s', (_, rollout) => {
    expect(rolloutShare(rollout, MS * 2)).toBe(0);
    expect(rolloutTurn(rollout, 0)).toBeNull();
  });

  it.each([NaN, -0.1, 1, Infinity])('lets in no host whose cohort is %d', (place) => {
    expect(rolloutTurn({ start: START, percent: 100 }, place)).toBeNull();
    expect(rolloutTurn({ start: START, duration: 1 }, place)).toBeNull();
  });
});

describe('a group', () => {
  const canary = { start: START - 60, percent: 100 };
  const rollout: HeadRollout = { start: START, duration: 60, groups: { canary } };

  it('has the line that the rollout names for it', () => {
    expect(rolloutLine(rollout, 'canary')).toBe(canary);
    expect(rolloutTurn(rolloutLine(rollout, 'canary'), 0.999)).toBe(MS - 60_000);
  });

  it.each(['late', 'constructor', 'toString', '__proto__', '', undefined])(
    'that is not named, such as %j, is like none',
    (group) => {
      expect(rolloutLine(rollout, group)).toBe(rollout);
      expect(rolloutLine({ start: START, percent: 5 }, group)).toEqual({ start: START, percent: 5 });
    },
  );

  it('whose line makes no sense lets nobody in, whatever the rollout’s own says', () => {
    const broken: HeadRollout = { start: START, percent: 100, groups: { canary: { start: START } } };
    expect(rolloutTurn(rolloutLine(broken, 'canary'), 0)).toBeNull();
  });
});
