import { describe, expect, it } from 'vitest';
import type { Clock, Journal } from '../../../src/services/ports.ts';
import type { Attempt, Ended, OutcomeKind, Plan, Trigger } from '../../../src/types.ts';

/** All of them: the compiler sees to it. */
const TRIGGERS: Record<Trigger, true> = {
  schedule: true,
  check: true,
  update: true,
  bundle: true,
  rollback: true,
  watch: true,
  recovery: true,
};

/** A journal under test. */
export interface JournalWorld {
  readonly journal: Journal;
  /** Ends the journal and opens the same one again. */
  readonly reopen: () => Promise<Journal>;
  /** Moves the clock on, ms; it starts at 1000. */
  readonly pass: (ms: number) => void;
}

const digest = 'd'.repeat(64);
const plan: Plan = {
  from: { origin: 'baseline', version: '1.0.0' },
  to: { origin: 'store', version: '1.1.0', digest },
};

/** An attempt for tests. */
export const attemptOf = (id: string): Attempt => ({ id, trigger: 'schedule', mode: 'apply' });

/** The end of an attempt, for tests. */
export const endOf = (id: string, outcome: OutcomeKind, more: Partial<Ended> = {}): Ended => ({
  attempt: attemptOf(id),
  outcome,
  reason: 'because',
  error: null,
  stage: 'probing',
  from: plan.from,
  to: plan.to,
  ...more,
});

/** What every journal does. `make` gives an empty one over the clock that it is handed. */
export function describeJournal(
  name: string,
  make: (
    clock: Pick<Clock, 'now'>,
    test: (journal: Journal, reopen: () => Promise<Journal>) => Promise<void>,
  ) => Promise<void>,
): void {
  const run = (test: (world: JournalWorld) => Promise<void>): Promise<void> => {
    let now = 1000;
    const clock = { now: () => now };
    const pass = (ms: number): void => {
      now += ms;
    };
    return make(clock, (journal, reopen) => test({ journal, reopen, pass }));
  };

  describe(`Journal: ${name}`, () => {
    it('is empty at first', () =>
      run(async ({ journal }) => {
        expect(await journal.inFlight()).toBeNull();
        expect(await journal.history(10)).toEqual([]);
        expect(await journal.interruptions(digest)).toBe(0);
        expect(await journal.spent('probe:x')).toBe(0);
        expect(await journal.refusal(digest)).toBeNull();
        await journal.suspend();
      }));

    it('remembers the attempt in flight and the facts as they grow', () =>
      run(async ({ journal, reopen }) => {
        await journal.enter(attemptOf('a'), 'checking', {});
        await journal.enter(attemptOf('a'), 'downloading', { digest, version: '1.1.0' });
        await journal.enter(attemptOf('a'), 'swapping', { plan, interruptions: 1, digest: undefined });
        const expected = {
          attempt: attemptOf('a'),
          state: 'swapping',
          facts: { digest, version: '1.1.0', plan, interruptions: 1 },
          suspended: false,
        };
        expect(await journal.inFlight()).toEqual(expected);
        expect(await (await reopen()).inFlight()).toEqual(expected);
      }));

    it('keeps the steps of an attempt with their times', () =>
      run(async ({ journal, reopen, pass }) => {
        await journal.enter(attemptOf('a'), 'checking', {});
        pass(5);
        await journal.enter(attemptOf('a'), 'swapping', { plan });
        pass(7);
        await journal.close(endOf('a', 'committed'));
        const record = {
          id: 'a',
          trigger: 'schedule',
          startedAt: 1000,
          endedAt: 1012,
          outcome: 'committed',
          reason: 'because',
          error: null,
          from: '1.0.0',
          to: '1.1.0',
          digest,
          steps: [
            { state: 'checking', at: 1000 },
            { state: 'swapping', at: 1005 },
          ],
        };
        expect(await journal.history(10)).toEqual([record]);
        const again = await reopen();
        expect(await again.history(10)).toEqual([record]);
        expect(await again.inFlight()).toBeNull();
      }));

    it('marks a suspended attempt until the next step', () =>
      run(async ({ journal, reopen }) => {
        await journal.enter(attemptOf('a'), 'probing', { plan });
        await journal.suspend();
        const again = await reopen();
        expect((await again.inFlight())?.suspended).toBe(true);
        await again.enter(attemptOf('a'), 'probing', {});
        expect(await again.inFlight()).toMatchObject({ suspended: false, facts: { plan } });
      }));

    it('leaves no line for attempts that came to nothing', () =>
      run(async ({ journal }) => {
        for (const outcome of ['nothing', 'available'] as const) {
          await journal.enter(attemptOf(outcome), 'checking', {});
          await journal.close(endOf(outcome, outcome));
        }
        expect(await journal.history(10)).toEqual([]);
        expect(await journal.inFlight()).toBeNull();
      }));

    it('keeps the first end of an attempt, and none of an unknown one', () =>
      run(async ({ journal, pass }) => {
        await journal.enter(attemptOf('a'), 'checking', {});
        await journal.close(endOf('a', 'committed'));
        pass(1);
        await journal.close(endOf('a', 'rolledBack'));
        await journal.close(endOf('a', 'nothing'));
        await journal.close(endOf('unknown', 'committed'));
        expect((await journal.history(10)).map(({ id, outcome, endedAt }) => [id, outcome, endedAt])).toEqual(
          [['a', 'committed', 1000]],
        );
      }));

    it('takes an attempt that enters again as under way again', () =>
      run(async ({ journal }) => {
        await journal.enter(attemptOf('a'), 'checking', {});
        await journal.close(endOf('a', 'error', { error: { code: 'FEED_UNREACHABLE', message: 'm' } }));
        await journal.enter(attemptOf('a'), 'rollingBack', {});
        expect((await journal.history(1))[0]).toMatchObject({
          endedAt: null,
          outcome: null,
          error: null,
          reason: '',
        });
        expect((await journal.inFlight())?.state).toBe('rollingBack');
      }));

    it('ends an attempt that another one overtakes', () =>
      run(async ({ journal }) => {
        await journal.enter(attemptOf('a'), 'checking', { digest });
        await journal.enter(attemptOf('b'), 'checking', {});
        const [b, a] = await journal.history(10);
        expect(a).toMatchObject({ id: 'a', outcome: 'interrupted', endedAt: 1000 });
        expect(b).toMatchObject({ id: 'b', outcome: null });
        expect(await journal.inFlight()).toMatchObject({ attempt: { id: 'b' }, facts: {} });
        expect(await journal.interruptions(digest)).toBe(0);
      }));

    it('lists the newest first, at most as many as asked for', () =>
      run(async ({ journal }) => {
        for (const id of ['a', 'b', 'c']) {
          await journal.enter(attemptOf(id), 'checking', {});
          await journal.close(endOf(id, 'refused'));
        }
        expect((await journal.history(2)).map(({ id }) => id)).toEqual(['c', 'b']);
      }));

    it('counts the interruptions of a release after its swap began', () =>
      run(async ({ journal }) => {
        const interrupted = { code: 'ATTEMPT_INTERRUPTED', message: 'm' } as const;
        const ends: [OutcomeKind, Ended['error']][] = [
          ['rolledBack', interrupted],
          ['interrupted', interrupted],
          ['rolledBack', { code: 'PROBE_TIMEOUT', message: 'm' }],
          ['committed', null],
          ['deferred', interrupted],
        ];
        for (const [index, [outcome, error]] of ends.entries()) {
          await journal.enter(attemptOf(String(index)), 'swapping', { plan });
          await journal.close(endOf(String(index), outcome, { error }));
        }
        expect(await journal.interruptions(digest)).toBe(1);
        expect(await journal.interruptions('e'.repeat(64))).toBe(0);
      }));

    it('forgets the interruptions of a release that is pardoned, and counts later ones', () =>
      run(async ({ journal, reopen }) => {
        const error = { code: 'ATTEMPT_INTERRUPTED', message: 'stopped' } as const;
        const interrupt = async (on: Journal, id: string): Promise<void> => {
          await on.enter(attemptOf(id), 'swapping', { plan });
          await on.close(endOf(id, 'rolledBack', { error }));
        };
        await interrupt(journal, 'a');
        await interrupt(journal, 'b');
        await journal.pardon('e'.repeat(64));
        expect(await journal.interruptions(digest)).toBe(2);
        await journal.pardon(digest);
        expect(await journal.interruptions(digest)).toBe(0);
        expect((await journal.history(10)).map(({ outcome }) => outcome)).toEqual([
          'rolledBack',
          'rolledBack',
        ]);
        const again = await reopen();
        await interrupt(again, 'c');
        expect(await again.interruptions(digest)).toBe(1);
      }));

    it('ends an attempt that only owes its quarantine as rolled back when another overtakes it', () =>
      run(async ({ journal }) => {
        const error = { code: 'PROBE_TIMEOUT', message: 'no 200' } as const;
        await journal.enter(attemptOf('a'), 'rolledBack', { plan, error, interruptions: 0 });
        const owed = [{ attempt: attemptOf('a'), plan, error, interruptions: 0 }];
        await journal.enter(attemptOf('b'), 'rollingBack', { plan, owed });
        expect((await journal.history(10))[1]).toMatchObject({ id: 'a', outcome: 'rolledBack', error });
        expect((await journal.inFlight())?.facts.owed).toEqual(owed);
      }));

    it('takes every trigger that an attempt may have', () =>
      run(async ({ journal, reopen }) => {
        const triggers = Object.keys(TRIGGERS) as Trigger[];
        for (const trigger of triggers) {
          const attempt: Attempt = { id: trigger, trigger, mode: 'apply' };
          await journal.enter(attempt, 'probing', { plan });
          expect((await journal.inFlight())?.attempt).toEqual(attempt);
        }
        const again = await reopen();
        expect((await again.history(10)).map(({ trigger }) => trigger)).toEqual(triggers.reverse());
      }));

    it('keeps what is spent of a budget', () =>
      run(async ({ journal, reopen }) => {
        await journal.spend('probe:a', 10);
        await journal.spend('probe:a', 25.5);
        const again = await reopen();
        expect(await again.spent('probe:a')).toBe(25.5);
        expect(await again.spent('probe:b')).toBe(0);
      }));

    it('counts refusals', () =>
      run(async ({ journal, reopen, pass }) => {
        await journal.refuse(digest, 'JWS_SIGNATURE_INVALID');
        pass(50);
        await journal.refuse(digest, 'WRONG_PLATFORM');
        expect(await (await reopen()).refusal(digest)).toEqual({
          sha256: digest,
          code: 'WRONG_PLATFORM',
          count: 2,
          at: 1050,
        });
      }));

    it('remembers when a release was first seen', () =>
      run(async ({ journal, reopen, pass }) => {
        expect(await journal.seen(digest)).toBe(1000);
        pass(50);
        expect(await journal.seen('e'.repeat(64))).toBe(1050);
        expect(await journal.seen(digest)).toBe(1000);
        expect(await (await reopen()).seen(digest)).toBe(1000);
      }));

    it('starts again where the clock says that a release was seen in the future', () =>
      run(async ({ journal, pass }) => {
        expect(await journal.seen(digest)).toBe(1000);
        pass(-500);
        expect(await journal.seen(digest)).toBe(500);
        pass(100);
        expect(await journal.seen(digest)).toBe(500);
      }));

    it('puts a note behind the reason, however the attempt ends', () =>
      run(async ({ journal, reopen }) => {
        await journal.enter(attemptOf('a'), 'downloading', { note: 'security override: CVE-1' });
        await journal.enter(attemptOf('a'), 'swapping', { plan });
        const again = await reopen();
        await again.close(endOf('a', 'committed'));
        await again.enter(attemptOf('b'), 'checking', {});
        await again.close(endOf('b', 'refused'));
        expect((await again.history(2)).map(({ reason }) => reason)).toEqual([
          'because',
          'because; security override: CVE-1',
        ]);
      }));

    it('refuses to write once it has ended', () =>
      run(async ({ journal }) => {
        journal.end();
        journal.end();
        await expect(journal.enter(attemptOf('a'), 'checking', {})).rejects.toMatchObject({
          code: 'JOURNAL_WRITE_FAILED',
        });
      }));
  });
}
