import { describe, expect, it } from 'vitest';
import { createGate, type GateOptions } from '../../src/adapters/gate.ts';
import { openApprovals } from '../../src/adapters/approvals.ts';
import { nodeDisk } from '../../src/adapters/disk.ts';
import type { Window } from '../../src/config/config.ts';
import { windowAt } from '../../src/config/windows.ts';
import type { Approvals, Waiting } from '../../src/services/ports.ts';
import type { Plan, Trigger } from '../../src/types.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { createFakeReporter } from '../fakes/reporter.ts';
import { inFolder } from './state-fixture.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (text: string): number => Date.parse(text);

const digest = 'a'.repeat(64);
const plan: Plan = {
  from: { origin: 'baseline', version: '1.0.0' },
  to: { origin: 'store', version: '1.1.0', digest },
};

/** Every night at 02:00 in Berlin, for an hour: 01:00 UTC in November. */
const nightly: readonly Window[] = [
  { startMinute: 120, lengthMs: HOUR, days: [], timeZone: 'Europe/Berlin' },
];
const NOON = at('2026-11-23T12:00:00Z');

interface Rig {
  readonly clock: FakeClock;
  readonly approvals: Approvals;
  /** What was reported that it waits for. */
  readonly told: () => (Waiting | null)[];
  /** Starts an attempt at the gate; `state` says how far it is. */
  readonly pass: (trigger?: Trigger) => {
    state: string;
    readonly done: Promise<void>;
    readonly abort: () => void;
  };
}

interface RigOptions {
  readonly start?: number;
  readonly random?: readonly number[];
  readonly windows?: readonly Window[];
  readonly approval?: GateOptions['approval'];
}

async function rigged(
  { start = NOON, random = [0.5], windows = nightly, approval = 'none' }: RigOptions,
  body: (rig: Rig) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const clock = createFakeClock(start, random);
    const reporter = createFakeReporter();
    const approvals = openApprovals(nodeDisk, `${folder}/approvals.json`);
    const gate = createGate({
      windowAt: windows.length === 0 ? null : (now) => windowAt(windows, now),
      approval,
      approvals,
      clock,
      reporter,
    });
    await body({
      clock,
      approvals,
      told: () => reporter.of('waiting').map(({ waiting }) => waiting),
      pass: (trigger = 'schedule') => {
        const controller = new AbortController();
        const passing = {
          state: 'waiting',
          done: gate.pass({ id: '1', trigger, mode: 'apply' }, plan, controller.signal).then(
            () => void (passing.state = 'passed'),
            (error: unknown) => {
              passing.state = (error as { code: string }).code;
            },
          ),
          abort: () => {
            controller.abort();
          },
        };
        return passing;
      },
    });
  });
}

describe('a window', () => {
  it.each(['schedule', 'check'] as const)(
    'lets an update by %s wait until it opens, and spreads it',
    (trigger) =>
      rigged({}, async ({ clock, told, pass }) => {
        const passing = pass(trigger);
        // 13 hours to the opening, and half of the half hour over which a fleet spreads.
        await clock.advance(13 * HOUR + 15 * MINUTE - 1);
        expect(passing.state).toBe('waiting');
        expect(told()).toEqual([
          {
            for: 'window',
            reason:
              'the window opens at 02:00 Europe/Berlin on Tue, 24 Nov 2026, and this host goes at 02:15',
            until: at('2026-11-24T01:15:00Z'),
          },
        ]);
        await clock.advance(1);
        await passing.done;
        expect(passing.state).toBe('passed');
        expect(told().at(-1)).toBeNull();
      }),
  );

  it.each(['update', 'bundle'] as const)('does not hold what an operator asked for by name: %s', (trigger) =>
    rigged({ approval: 'required' }, async ({ told, pass }) => {
      const passing = pass(trigger);
      await passing.done;
      expect(passing.state).toBe('passed');
      expect(told()).toEqual([]);
    }),
  );

  it('that is open lets an update through at once, and tells nothing', () =>
    rigged({ start: at('2026-11-24T01:59:59Z') }, async ({ told, pass }) => {
      const passing = pass();
      await passing.done;
      expect(passing.state).toBe('passed');
      expect(told()).toEqual([]);
    }));

  it.each([
    ['the earliest of a fleet at the opening', 0, 0],
    ['the latest before the window is half over', 0.999_999_9, 30 * MINUTE - 1],
  ])('lets %s through', (_, draw, after) =>
    rigged({ random: [draw] }, async ({ clock, pass, told }) => {
      const passing = pass();
      await clock.advance(13 * HOUR + after - 1);
      expect(passing.state).toBe('waiting');
      await clock.advance(2);
      expect(passing.state).toBe('passed');
      expect(told()[0]?.until).toBeGreaterThanOrEqual(at('2026-11-24T01:00:00Z'));
      expect(told()[0]?.until).toBeLessThan(at('2026-11-24T01:30:00Z'));
    }),
  );

  it('of days spreads a fleet over an hour, not over half of them', () =>
    rigged(
      { windows: [{ startMinute: 0, lengthMs: 48 * HOUR, days: [6], timeZone: 'UTC' }], random: [0.5] },
      async ({ clock, pass, told }) => {
        const passing = pass();
        await clock.advance(0);
        expect(told()[0]?.until).toBe(at('2026-11-28T00:30:00Z'));
        passing.abort();
        await passing.done;
      },
    ));

  it('is found by a clock that is set forward while it waits', () =>
    rigged({ random: [0] }, async ({ clock, pass }) => {
      const passing = pass();
      await clock.advance(HOUR);
      clock.setNow(at('2026-11-24T01:20:00Z'));
      await clock.advance(MINUTE);
      expect(passing.state).toBe('passed');
    }));

  it('that a host slept through is not caught up with: the next one counts', () =>
    rigged({}, async ({ clock, pass, told }) => {
      const passing = pass();
      await clock.advance(HOUR);
      clock.setNow(at('2026-11-24T05:00:00Z'));
      await clock.advance(24 * HOUR);
      // 2026-11-25 01:00 UTC is 20 h away from there, and its turn another quarter of an hour.
      expect(passing.state).toBe('passed');
      expect(told().map((waiting) => waiting?.until)).toEqual([
        at('2026-11-24T01:15:00Z'),
        at('2026-11-25T01:15:00Z'),
        undefined,
      ]);
    }));

  it('is waited for again when the clock is set back out of it, and told only once', () =>
    rigged({}, async ({ clock, pass, told }) => {
      const passing = pass();
      await clock.advance(13 * HOUR + MINUTE);
      clock.setNow(at('2026-11-24T00:30:00Z'));
      await clock.advance(44 * MINUTE);
      expect(passing.state).toBe('waiting');
      await clock.advance(2 * MINUTE);
      expect(passing.state).toBe('passed');
      expect(told()).toHaveLength(2);
    }));

  it('that is open after the clock was set back is taken, though a later one was waited for', () =>
    rigged({}, async ({ clock, pass }) => {
      const passing = pass();
      await clock.advance(HOUR);
      clock.setNow(at('2026-11-23T01:30:00Z'));
      await clock.advance(MINUTE);
      expect(passing.state).toBe('passed');
    }));

  it('is no longer waited for when the attempt is called off', () =>
    rigged({}, async ({ clock, pass, told }) => {
      const passing = pass();
      await clock.advance(HOUR);
      passing.abort();
      await passing.done;
      expect(passing.state).toBe('CANCELLED');
      expect(told().at(-1)).toBeNull();
      expect(clock.sleeping).toBe(0);
    }));
});

describe('an approval', () => {
  const required = { windows: [], approval: 'required' } as const;
  const approval = { digest, version: '1.1.0', at: NOON };

  it('is waited for, with word how to give it', () =>
    rigged(required, async ({ approvals, clock, pass, told }) => {
      const passing = pass();
      await expect.poll(told).toHaveLength(1);
      await clock.advance(100 * HOUR);
      expect(passing.state).toBe('waiting');
      expect(told()).toEqual([
        {
          for: 'approval',
          reason: '1.1.0 waits for an approval: `core sidecar approve 1.1.0`',
          until: null,
        },
      ]);
      await approvals.add(approval);
      await passing.done;
      expect(passing.state).toBe('passed');
      expect(told().at(-1)).toBeNull();
    }));

  it('that was given before lets the release through, and tells nothing', () =>
    rigged(required, async ({ approvals, pass, told }) => {
      await approvals.add(approval);
      const passing = pass();
      await passing.done;
      expect(passing.state).toBe('passed');
      expect(told()).toEqual([]);
    }));

  it('of another release, such as one that was superseded, lets nothing through', () =>
    rigged(required, async ({ approvals, pass, told }) => {
      await approvals.add({ ...approval, digest: 'b'.repeat(64) });
      const passing = pass();
      await expect.poll(told).toHaveLength(1);
      await approvals.add({ ...approval, digest: 'c'.repeat(64) });
      expect(passing.state).toBe('waiting');
      passing.abort();
      await passing.done;
      expect(passing.state).toBe('CANCELLED');
      expect(told().at(-1)).toBeNull();
    }));

  it('comes first: an approved update waits for the window', () =>
    rigged({ approval: 'required' }, async ({ approvals, clock, pass, told }) => {
      const passing = pass();
      await expect.poll(told).toHaveLength(1);
      await clock.advance(20 * HOUR);
      // The first window has passed meanwhile.
      await approvals.add(approval);
      await expect.poll(told).toHaveLength(2);
      expect(told().map((waiting) => [waiting?.for, waiting?.until])).toEqual([
        ['approval', null],
        ['window', at('2026-11-25T01:15:00Z')],
      ]);
      await clock.advance(24 * HOUR);
      await passing.done;
      expect(passing.state).toBe('passed');
      expect(told().at(-1)).toBeNull();
    }));

  it('that is given while a window is open is acted on at once', () =>
    rigged({ approval: 'required' }, async ({ approvals, clock, pass, told }) => {
      const passing = pass();
      await expect.poll(told).toHaveLength(1);
      await clock.advance(13 * HOUR + MINUTE);
      await approvals.add(approval);
      await passing.done;
      expect(passing.state).toBe('passed');
    }));
});
