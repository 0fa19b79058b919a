import { beforeEach, describe, expect, it } from 'vitest';
import { createBoard, endedView, errorView, type Board } from '../../src/daemon/board.ts';
import { ERROR_CODES } from '../../src/error-codes.ts';
import type { Progress } from '../../src/services/ports.ts';
import type { NewEvent } from '../../src/daemon/events.ts';
import type { UpdateContext } from '../../src/machines/update.types.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { updateMachine } from '../../src/machines/update.machine.ts';
import type { StateName } from '../../src/types.ts';
import { attempt, ended, NEW, OLD, PLAN, RECORD, RELEASE } from '../machines/values.ts';

let clock: FakeClock;
let board: Board;
let heard: Progress[];
let published: NewEvent[];
beforeEach(() => {
  clock = createFakeClock();
  heard = [];
  published = [];
  board = createBoard({
    clock,
    onProgress: (progress) => heard.push(progress),
    publish: (event) => published.push(event),
  });
});
const report = (progress: Progress): void => {
  board.reporter.report(progress);
};
const enter = (state: StateName, change: Partial<UpdateContext> = {}): void => {
  board.entered(state, { ...updateMachine.config.context, ...change } as UpdateContext);
};
const warn = (message: string): void => {
  report({ kind: 'warning', error: { code: 'STAGE_FAILED', message } });
};

describe('progress', () => {
  it('is nothing at first', () => {
    expect(board.progress()).toBeNull();
    expect(board.nextCheck()).toEqual({ at: null, why: 'starting up' });
    expect([board.lastError(), board.warnings(), board.find('a-1')]).toEqual([null, [], null]);
  });

  it('shows a download', () => {
    report({ kind: 'download', received: 3, total: 9 });
    expect(board.progress()).toEqual({
      kind: 'download',
      received_bytes: 3,
      total_bytes: 9,
      bytes_per_second: null,
      seconds_left: null,
    });
  });

  it('shows a probe, in whole milliseconds', () => {
    report({
      kind: 'probe',
      result: { healthy: false, detail: 'HTTP 500' },
      elapsedMs: 1.6,
      deadlineMs: 60_000,
    });
    expect(board.progress()).toEqual({ kind: 'probe', last: 'HTTP 500', elapsed_ms: 2, deadline_ms: 60_000 });
  });

  it('belongs to one state', () => {
    report({ kind: 'download', received: 3, total: 9 });
    enter('verifying');
    expect(board.progress()).toBeNull();
  });

  it('is not changed by warnings', () => {
    report({ kind: 'download', received: 3, total: 9 });
    warn('one');
    expect(board.progress()).toMatchObject({ kind: 'download' });
  });

  it('is passed on, all of it', () => {
    const all: Progress[] = [
      { kind: 'download', received: 1, total: 2 },
      { kind: 'nextCheck', at: 5, why: 'every 3600 s' },
      { kind: 'heldBack', held: null },
      { kind: 'warning', error: RECORD },
    ];
    all.forEach(report);
    expect(heard).toEqual(all);
  });
});

describe('what whoever watches is told', () => {
  it('is every state, with the one before and what the attempt is about', () => {
    enter('checking', { attempt: attempt() });
    enter('downloading', { attempt: attempt(), release: RELEASE });
    enter('swapping', { attempt: attempt(), release: RELEASE, plan: PLAN });
    expect(published).toEqual([
      { kind: 'state', state: 'checking', before: null, attempt: 'a-1', from: null, to: null },
      { kind: 'state', state: 'downloading', before: 'checking', attempt: 'a-1', from: null, to: '1.1.0' },
      { kind: 'state', state: 'swapping', before: 'downloading', attempt: 'a-1', from: '1.0.0', to: '1.1.0' },
    ]);
  });

  it('is progress a few times a second, and always the end of it', async () => {
    enter('downloading', { attempt: attempt() });
    for (let received = 1; received < 100; received += 1) {
      report({ kind: 'download', received, total: 100 });
      await clock.advance(10);
    }
    report({ kind: 'download', received: 100, total: 100 });
    const told = published.filter(({ kind }) => kind === 'progress');
    expect(told).toHaveLength(6);
    expect(told.at(-1)).toMatchObject({ attempt: 'a-1', progress: { received_bytes: 100 } });
  });

  it('is every look of a probe', () => {
    enter('probing', { attempt: attempt() });
    const look = { healthy: false, detail: 'HTTP 500' };
    report({ kind: 'probe', result: look, elapsedMs: 1.4, deadlineMs: 60_000 });
    expect(published.at(-1)).toEqual({
      kind: 'probe',
      attempt: 'a-1',
      ...look,
      elapsed_ms: 1,
      deadline_ms: 60_000,
    });
  });

  it('is what an update waits for, until it waits no longer', () => {
    enter('waiting', { attempt: attempt() });
    report({ kind: 'waiting', waiting: { for: 'window', reason: 'closed until 02:00', until: 0 } });
    const view = { for: 'window', reason: 'closed until 02:00', until: '1970-01-01T00:00:00.000Z' };
    expect(board.waiting()).toEqual(view);
    expect(published.at(-1)).toEqual({ kind: 'waiting', attempt: 'a-1', waiting: view });
    report({ kind: 'waiting', waiting: null });
    expect(board.waiting()).toBeNull();
    report({ kind: 'waiting', waiting: { for: 'approval', reason: 'nobody approved it', until: null } });
    expect(board.waiting()).toMatchObject({ until: null });
    enter('idle');
    expect(board.waiting()).toBeNull();
  });

  it('is how an attempt ended', () => {
    board.ended(ended());
    expect(published).toEqual([{ kind: 'ended', attempt: endedView(ended()) }]);
  });
});

describe('what is held back', () => {
  it('is what the last check said', () => {
    expect(board.heldBack()).toBeNull();
    const held = { version: '1.2.0', reason: 'not yet', until: 5 };
    report({ kind: 'heldBack', held });
    expect(board.heldBack()).toEqual(held);
    enter('checking');
    expect(board.heldBack()).toEqual(held);
    report({ kind: 'heldBack', held: null });
    expect(board.heldBack()).toBeNull();
  });
});

describe('the next check', () => {
  it('is what the schedule said', () => {
    report({ kind: 'nextCheck', at: 5, why: 'every 3600 s' });
    expect(board.nextCheck()).toEqual({ at: 5, why: 'every 3600 s' });
  });

  it('is not due while an attempt is under way', () => {
    report({ kind: 'nextCheck', at: 5, why: 'every 3600 s' });
    enter('probing');
    expect(board.nextCheck()).toEqual({ at: null, why: 'an attempt is in probing' });
  });

  it('stays when idle is entered after the schedule spoke', () => {
    report({ kind: 'nextCheck', at: 5, why: 'every 3600 s' });
    enter('idle');
    expect(board.nextCheck().at).toBe(5);
  });
});

describe('warnings', () => {
  it('are newest first, with their times', async () => {
    warn('one');
    await clock.advance(1_000);
    warn('two');
    expect(board.warnings()).toEqual([
      { error: { code: 'STAGE_FAILED', message: 'two' }, at: clock.now() },
      { error: { code: 'STAGE_FAILED', message: 'one' }, at: clock.now() - 1_000 },
    ]);
  });

  it('only move up when they come again', async () => {
    warn('one');
    warn('two');
    await clock.advance(1_000);
    warn('one');
    expect(board.warnings().map(({ error, at }) => [error.message, at])).toEqual([
      ['one', clock.now()],
      ['two', clock.now() - 1_000],
    ]);
  });

  it('are the last ten', () => {
    for (let count = 1; count <= 12; count += 1) warn(String(count));
    expect(board.warnings().map(({ error }) => error.message)).toEqual([
      '12',
      '11',
      '10',
      '9',
      '8',
      '7',
      '6',
      '5',
      '4',
      '3',
    ]);
  });
});

describe('attempts that ended', () => {
  it('are found by their ids', () => {
    board.ended(ended());
    expect(board.find('a-1')).toEqual(ended());
    expect(board.find('a-2')).toBeNull();
  });

  it('are the last 64', () => {
    for (let count = 1; count <= 70; count += 1)
      board.ended(ended({ attempt: attempt({ id: `a-${String(count)}` }) }));
    expect(board.find('a-6')).toBeNull();
    expect(board.find('a-7')).not.toBeNull();
    expect(board.find('a-70')).not.toBeNull();
  });

  it('leave their last error', () => {
    board.ended(ended({ outcome: 'rolledBack', error: RECORD }));
    board.ended(ended({ outcome: 'committed', error: null }));
    expect(board.lastError()).toEqual({ error: RECORD, at: clock.now() });
  });

  it('leave no error when they went back because an operator asked', () => {
    const asked = attempt({ trigger: 'rollback' });
    board.ended(ended({ attempt: asked, outcome: 'rolledBack', error: RECORD }));
    expect(board.lastError()).toBeNull();
    board.ended(ended({ attempt: asked, outcome: 'failed', error: RECORD }));
    expect(board.lastError()).not.toBeNull();
  });

  it('leave no error when they only found nothing to do', () => {
    board.ended(ended({ outcome: 'nothing', error: { code: 'RELEASE_QUARANTINED', message: 'held back' } }));
    expect(board.lastError()).toBeNull();
  });
});

describe('views', () => {
  it('say what to do next', () => {
    expect(errorView(RECORD)).toEqual({ ...RECORD, next: ERROR_CODES.PROBE_TIMEOUT.next });
  });

  it('tell how an attempt ended', () => {
    expect(
      endedView(
        ended({
          outcome: 'rolledBack',
          reason: 'HTTP 500',
          error: RECORD,
          stage: 'rolledBack',
          from: OLD,
          to: NEW,
        }),
      ),
    ).toEqual({
      id: 'a-1',
      state: 'rolledBack',
      from: '1.0.0',
      to: '1.1.0',
      progress: null,
      ended: { outcome: 'rolledBack', reason: 'HTTP 500', error: errorView(RECORD) },
    });
    expect(endedView(ended({ error: null }))).toMatchObject({ from: null, to: null, ended: { error: null } });
  });
});
