import { array, assert as check, boolean, constantFrom, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideHalt } from '../../src/fleet/halt-decision.ts';
import { createTally, wordOf } from '../../src/fleet/tally.ts';
import { BAD, digestOf, outcomeOf } from './support/fleet-rig.ts';

describe('what an outcome says of its release', () => {
  it.each([
    ['committed', null, 'schedule', 'committed'],
    ['committed', null, 'rollback', null],
    ['rolledBack', 'PROBE_TIMEOUT', 'schedule', 'failed'],
    ['rolledBack', 'ATTEMPT_INTERRUPTED', 'schedule', 'failed'],
    ['rolledBack', 'CRASH_LOOP', 'watch', 'failed'],
    ['rolledBack', 'ROLLED_BACK_BY_OPERATOR', 'rollback', null],
    ['failed', 'ROLLBACK_FAILED', 'schedule', 'failed'],
    ['deferred', 'ROLLOUT_HALTED', 'schedule', null],
    ['refused', 'BUNDLE_CHECKSUM_MISMATCH', 'schedule', null],
    ['error', 'DISK_FULL', 'schedule', null],
    ['interrupted', null, 'schedule', null],
    ['exploded', null, 'schedule', 'failed'],
  ])('%s (%s, by %s): %s', (outcome, code, trigger, said) => {
    const error = code === null ? null : { code, message: 'why' };
    expect(wordOf(outcomeOf({ host: 'h', outcome, error, trigger }))).toBe(said);
  });
});

describe('the tally', () => {
  it('keeps releases apart, and passes over what is about none', () => {
    const tally = createTally();
    expect(tally.hear(outcomeOf({ host: 'a' }), 1)).toBe(BAD);
    expect(tally.hear(outcomeOf({ host: 'b', digest: digestOf('c'), to: '1.2.0' }), 2)).toBe(digestOf('c'));
    expect(tally.hear(outcomeOf({ host: 'c', digest: null }), 3)).toBeNull();
    expect(tally.of(BAD)?.words).toHaveLength(1);
    expect(tally.all().map(({ version }) => version)).toEqual(['1.1.0', '1.2.0']);
    expect(tally.of(digestOf('d'))).toBeNull();
  });

  it('of copies of an outcome the first one counts', () => {
    const tally = createTally();
    tally.hear(outcomeOf({ host: 'a' }), 5);
    expect(tally.hear(outcomeOf({ host: 'a' }), 9)).toBeNull();
    expect(tally.hear(outcomeOf({ host: 'a' }), 2)).toBe(BAD);
    expect(tally.of(BAD)?.words).toMatchObject([{ host: 'a', at: 2 }]);
  });

  /** What may happen to outcomes on their way: any order, copies, a loss that is followed by a redelivery. */
  const message = record({
    host: constantFrom('a', 'b', 'c', 'd', 'e'),
    attempt: constantFrom('1', '2'),
    outcome: constantFrom('committed', 'rolledBack', 'deferred'),
    at: integer({ min: 0, max: 40 }),
    key: integer(),
    again: boolean(),
    lost: boolean(),
  });

  it('leads to the same decision however outcomes arrive', () => {
    check(
      property(array(message, { maxLength: 25 }), (messages) => {
        // An attempt has one outcome, and was stored at one time.
        const stored = [...new Map(messages.map((each) => [`${each.host}/${each.attempt}`, each])).values()];
        const decide = (sequence: typeof stored): unknown => {
          const tally = createTally();
          for (const { at, host, attempt, outcome } of sequence)
            tally.hear(outcomeOf({ host, attempt, outcome, id: `${host}/${attempt}` }), at);
          return decideHalt(tally.of(BAD)?.words ?? [], { share: 0.3, failures: 2, windowMs: 20 });
        };
        const arrived = [
          ...stored.filter(({ lost }) => !lost),
          ...stored.filter(({ again }) => again),
          // What was lost comes at last.
          ...stored.filter(({ lost }) => lost),
        ].sort((a, b) => a.key - b.key);
        expect(decide(arrived)).toEqual(decide(stored));
      }),
    );
  });
});
