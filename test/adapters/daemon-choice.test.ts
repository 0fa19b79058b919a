import { describe, expect, it } from 'vitest';
import { choose, passOver, STARTS_MAX } from '../../src/adapters/daemon-choice.ts';
import { NO_RECORD, type DaemonRecord, type Trial } from '../../src/adapters/daemon-record.ts';
import type { Successor } from '../../src/types.ts';

const daemon = (version: string, digit: string): Successor => ({
  ref: { origin: 'store', version, digest: digit.repeat(64) },
  sha256: digit.repeat(64),
});
const OLD = daemon('1.1.0', 'a');
const NEW = daemon('1.2.0', 'b');
const trial = (changes: Partial<Trial> = {}): Trial => ({
  attempt: 'id-1',
  successor: NEW,
  starts: 1,
  acknowledged: false,
  seen: [],
  ...changes,
});
const record = (changes: Partial<DaemonRecord> = {}): DaemonRecord => ({ ...NO_RECORD, ...changes });

describe('the launcher starts', () => {
  it.each([
    ['the installed program on a host where nothing was replaced', record(), '1.0.0', null],
    ['the trusted daemon', record({ current: OLD }), '1.0.0', OLD],
    ['the trusted daemon of the installed version', record({ current: OLD }), '1.1.0', OLD],
    [
      'the trusted daemon, though the installed one says no version',
      record({ current: OLD }),
      '0.0.0-source',
      OLD,
    ],
    ['an installed program that is newer than the trusted daemon', record({ current: OLD }), '1.1.1', null],
    ['the one on trial', record({ trial: trial() }), '1.0.0', NEW],
    ['the one on trial, and not the trusted one', record({ current: OLD, trial: trial() }), '1.0.0', NEW],
    ['the one on probation', record({ trial: trial({ acknowledged: true, starts: 2 }) }), '1.0.0', NEW],
    [
      'the trusted one after three starts',
      record({ current: OLD, trial: trial({ starts: 3 }) }),
      '1.0.0',
      OLD,
    ],
    ['the installed one after three starts', record({ trial: trial({ starts: 3 }) }), '1.0.0', null],
    ['an installed program that is newer than the one on trial', record({ trial: trial() }), '1.3.0', null],
    [
      'what is trusted, where another failed',
      record({
        current: OLD,
        failed: {
          attempt: 'id-1',
          successor: NEW,
          error: { code: 'DAEMON_FAILED', message: 'm' },
          evidence: [],
        },
      }),
      '1.0.0',
      OLD,
    ],
  ])('%s', (_, before, installed, run) => {
    expect(choose(before, installed).run).toEqual(run);
  });

  it('nothing on trial uncounted', () => {
    const { record: counted } = choose(record({ trial: trial({ starts: 1 }) }), '1.0.0');
    expect(counted.trial).toMatchObject({ starts: 2, seen: ['start 1 ended before it acknowledged'] });
  });

  it('a first start that says nothing of another before it', () => {
    expect(choose(record({ trial: trial({ starts: 0 }) }), '1.0.0').record.trial?.seen).toEqual([]);
  });
});

it('each start has to be acknowledged for itself: one that hangs is not up because the one before it was', () => {
  const { record: counted } = choose(record({ trial: trial({ acknowledged: true }) }), '1.0.0');
  expect(counted.trial).toMatchObject({
    starts: 2,
    acknowledged: false,
    seen: ['start 1 ended after it had acknowledged'],
  });
});

it('after three starts the trial has failed, with what was seen of each', () => {
  let now = record({ current: OLD, trial: trial() });
  for (let start = 1; start < STARTS_MAX; start += 1) now = choose(now, '1.0.0').record;
  const { record: after, why } = choose(
    { ...now, trial: now.trial && { ...now.trial, acknowledged: true } },
    '1.0.0',
  );
  expect(after.trial).toBeNull();
  expect(after.current).toEqual(OLD);
  expect(after.failed).toEqual({
    attempt: 'id-1',
    successor: NEW,
    error: { code: 'DAEMON_FAILED', message: 'the daemon of 1.2.0 was started 3 times and did not stay up' },
    evidence: [
      'start 1 ended before it acknowledged',
      'start 2 ended before it acknowledged',
      'start 3 ended after it had acknowledged',
      'was started 3 times and did not stay up',
    ],
  });
  expect(why).toContain('the one before it runs again');
});

describe('a package that is newer', () => {
  it('takes the place of what updates brought, for good', () => {
    const after = choose(record({ current: OLD, trial: trial() }), '2.0.0');
    expect(after.record).toMatchObject({ current: null, trial: null });
    expect(choose(after.record, '1.0.0').run).toBeNull();
  });
});

describe('a file that cannot be started', () => {
  it('ends the trial', () => {
    const after = passOver(record({ current: OLD, trial: trial() }), NEW, 'cannot be started: damaged');
    expect(after).toMatchObject({ trial: null, current: OLD, failed: { successor: NEW } });
    expect(choose(after, '1.0.0').run).toEqual(OLD);
  });

  it('of a trusted daemon leads to the installed one', () => {
    const after = passOver(record({ current: OLD }), OLD, 'cannot be started: gone');
    expect(after).toEqual(NO_RECORD);
  });
});
