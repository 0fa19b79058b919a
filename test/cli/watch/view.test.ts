import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { colourStyle, plainStyle } from '../../../src/cli/style.ts';
import { widthOf } from '../../../src/cli/text-width.ts';
import {
  DAEMON_PATH,
  FAILURE_PATH,
  HAPPY_PATH,
  OVERLAP_PATH,
  NOTHING_KNOWN,
  withEvent,
  withoutAnswer,
  withStatus,
  type WatchModel,
} from '../../../src/cli/watch/model.ts';
import { viewLines } from '../../../src/cli/watch/view.ts';
import type { ControlEvent, Status } from '../../../src/control/api.ts';
import type { StateName } from '../../../src/types.ts';
import { ago, NOW, sampleStatus } from '../../control/support/samples.ts';
import { ended, viewOf } from '../../control/support/scripted-api.ts';

let lastId = 0;
const stamp = (): { id: number; at: string } => ({ id: (lastId += 1), at: ago(0) });
const entered = (state: StateName, to: string | null = '1.2.0'): ControlEvent => ({
  ...stamp(),
  kind: 'state',
  state,
  before: null,
  attempt: 'a2',
  from: '1.1.0',
  to,
});
const look = (healthy: boolean, elapsed_ms: number): ControlEvent => ({
  ...stamp(),
  kind: 'probe',
  attempt: 'a2',
  healthy,
  detail: healthy ? 'HTTP 200' : 'HTTP 503',
  elapsed_ms,
  deadline_ms: 60_000,
});

const start = withStatus(NOTHING_KNOWN, sampleStatus(), 0);
const after = (...events: readonly ControlEvent[]): WatchModel => events.reduce(withEvent, start);
const drawn = (model: WatchModel, columns = 80, rows = 24): string =>
  `\n${viewLines(model, { columns, rows, now: NOW, style: plainStyle }).join('\n')}\n`;
const chart = (model: WatchModel, columns: number): string => drawn(model, columns).split('\n')[2] ?? '';

const downloading = after(entered('checking', null), entered('downloading'), {
  ...stamp(),
  kind: 'progress',
  state: 'downloading',
  attempt: 'a2',
  progress: {
    kind: 'download',
    received_bytes: 12_900_000,
    total_bytes: 28_000_000,
    bytes_per_second: 1_500_000,
    seconds_left: 11,
  },
});
const probing = after(
  ...HAPPY_PATH.slice(1, 8).map((state) => entered(state)),
  look(false, 1_000),
  look(false, 14_000),
  look(true, 29_000),
);
const rolledBack = [entered('rollingBack'), entered('rolledBack')].reduce(withEvent, probing);

describe('the live view', () => {
  it('of a host where nothing happens', () => {
    expect(drawn(start)).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; committed 2 h ago
      [idle] → check → download → verify → stage → wait → swap → probe → commit

      workload  running 1.1.0, pid 4242, up 2 h, healthy
      next      The next check is at 2026-01-02T03:56:05Z.
      "
    `);
  });

  it('of a download', () => {
    expect(drawn(downloading)).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; committed 2 h ago
      idle → check → [download] → verify → stage → wait → swap → probe → commit

      attempt   1.1.0 → 1.2.0, a2
      download  [################..................] 46 %
                12.3 MiB of 26.7 MiB, 1.4 MiB/s, 11 s left
      workload  running 1.1.0, pid 4242, up 2 h, healthy
      next      The next check is at 2026-01-02T03:56:05Z.

      03:04:05  checking
      03:04:05  downloading 1.2.0
      "
    `);
  });

  it('of a probe, its looks against the deadline', () => {
    expect(drawn(probing)).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; committed 2 h ago
      idle → check → download → verify → stage → wait → swap → [probe] → commit

      attempt   1.1.0 → 1.2.0, a2
      probe     [✗········✗·········✓····················]
                29.0 of 60.0 s, last seen: HTTP 200
      workload  running 1.1.0, pid 4242, up 2 h, healthy
      next      The next check is at 2026-01-02T03:56:05Z.

      03:04:05  downloading 1.2.0
      03:04:05  verifying 1.2.0
      03:04:05  staging 1.2.0
      03:04:05  waiting 1.2.0
      03:04:05  swapping 1.2.0
      03:04:05  probing 1.2.0
      "
    `);
  });

  it('of a rollback, with the state in which it failed', () => {
    const done = withEvent(rolledBack, {
      ...stamp(),
      kind: 'ended',
      attempt: ended('rolledBack', 'rolledBack', 'HTTP 503', {
        code: 'PROBE_TIMEOUT',
        from: '1.1.0',
        to: '1.2.0',
      }),
    });
    expect(drawn(withEvent(done, { ...entered('idle'), attempt: null } as ControlEvent)))
      .toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; committed 2 h ago
      [idle] → check → download → verify → stage → wait → swap → probe → commit
        ✗ probing → rollingBack → rolledBack

      attempt   1.1.0 → 1.2.0, rolledBack, a2
      workload  running 1.1.0, pid 4242, up 2 h, healthy
      next      The next check is at 2026-01-02T03:56:05Z.

      03:04:05  swapping 1.2.0
      03:04:05  probing 1.2.0
      03:04:05  rollingBack to 1.1.0
      03:04:05  rolledBack 1.2.0
      03:04:05  1.2.0 was rolled back, 1.1.0 runs again: HTTP 503 [PROBE_TIMEOUT]: Re
      03:04:05  idle
      "
    `);
  });

  it('of an update that waits for a person', () => {
    const status = sampleStatus({
      state: 'waiting',
      attempt: 'a2',
      from: '1.1.0',
      to: '1.2.0',
      waiting: { for: 'approval', reason: 'it is required', until: null },
      window: { open: false, opens_at: ago(-3600), closes_at: null },
      next_action: 'Approve 1.2.0: `core sidecar approve 1.2.0`.',
    });
    expect(drawn(withStatus(NOTHING_KNOWN, status, 0))).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; 1.2.0 WAITS FOR AN APPROVAL
      idle → check → download → verify → stage → [wait] → swap → probe → commit

      attempt   1.1.0 → 1.2.0, a2
      waiting   for an approval: it is required
                → core sidecar approve 1.2.0
      window    closed, opens in 60 min (2026-01-02T04:04:05Z)
      workload  running 1.1.0, pid 4242, up 2 h, healthy
      next      Approve 1.2.0: \`core sidecar approve 1.2.0\`.
      "
    `);
  });

  it('says that the daemon is gone, and since when', () => {
    const gone = withoutAnswer(withoutAnswer(downloading, NOW - 5000, 'no socket'), NOW, 'no socket\u001B');
    expect(drawn(gone)).toMatch(/^\nNO ANSWER from the daemon for 5 s: no socket; trying again\n/);
    expect(drawn(withStatus(gone, sampleStatus(), 0))).not.toContain('NO ANSWER');
  });
});

describe('the chart', () => {
  it('lights exactly the current state, whichever it is', () => {
    for (const state of [
      ...HAPPY_PATH,
      ...OVERLAP_PATH,
      ...DAEMON_PATH,
      ...FAILURE_PATH,
      'recovering',
    ] as const) {
      const lit = drawn(after(entered(state)), 120).match(/\[[a-zA-Z]+\]/g);
      expect(lit, state).toEqual([`[${state}]`]);
    }
  });

  it.each([
    [120, 'idle → checking → [downloading] → verifying → staging → waiting → swapping → probing → committed'],
    [80, 'idle → check → [download] → verify → stage → wait → swap → probe → commit'],
    [60, 'idle›check›[download]›verify›stage›wait›swap›probe›commit'],
    [40, '[downloading]'],
  ])('fits into %i columns', (columns, line) => {
    expect(chart(downloading, columns)).toBe(line);
  });

  it('shows the way that the attempt takes', () => {
    const beside = after(...HAPPY_PATH.slice(1, 6).map((state) => entered(state)), entered('overlapping'));
    expect(chart(beside, 90)).toBe(
      'idle → check → download → verify → stage → wait → [overlap] → drain → probe → commit',
    );
    const daemon = after(...HAPPY_PATH.slice(1).map((state) => entered(state)), entered('handingOver'));
    expect(chart(daemon, 90)).toBe(
      'idle → check → download → verify → stage → wait → swap → probe → commit → [hand over]',
    );
  });

  it('is whole from 60 columns on', () => {
    for (const state of HAPPY_PATH)
      for (let columns = 60; columns < 140; columns += 1)
        expect(chart(after(entered(state)), columns)).toMatch(/^\[?idle.*\[?commit(ted)?\]?$/);
  });

  it('tells what was gone through from what comes by colour', () => {
    const [, line = ''] = viewLines(rolledBack, { columns: 120, rows: 24, now: NOW, style: colourStyle });
    expect(line).toContain(colourStyle.good('swapping'));
    expect(line).toContain(colourStyle.bad('probing'));
    expect(line).toContain(colourStyle.dim('committed'));
  });
});

describe('the view on any terminal', () => {
  const evil = `1.2.0\u001B[2J\n字漢字🎉 ${'long '.repeat(40)}`;
  const models: Record<string, WatchModel> = {
    start,
    downloading,
    probing,
    rolledBack,
    nothing: NOTHING_KNOWN,
    evil: withEvent(
      withStatus(
        NOTHING_KNOWN,
        sampleStatus({
          state: 'waiting',
          attempt: evil,
          to: evil,
          from: evil,
          next_action: evil,
          waiting: { for: 'window', reason: evil, until: ago(-5) },
          last_error: { ...viewOf('FEED_REFUSED', evil), at: ago(1) },
          workload: { ...sampleStatus().workload, version: evil, last_exit: evil },
        } satisfies Partial<Status>),
        0,
      ),
      {
        ...stamp(),
        kind: 'log',
        line: { at: ago(0), level: 'error', message: evil, attempt: evil, code: null },
      },
    ),
  };
  const sizes = [1, 20, 40, 59, 60, 61, 79, 80, 120, 200].flatMap((columns) =>
    [1, 5, 12, 24, 60].map((rows) => [columns, rows] as const),
  );

  it.each(Object.keys(models))(
    'never wraps, never scrolls, and lets no control character through: %s',
    (name) => {
      for (const [columns, rows] of sizes) {
        const lines = viewLines(models[name] ?? start, { columns, rows, now: NOW, style: colourStyle });
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        for (const line of lines) {
          const text = stripVTControlCharacters(line);
          expect(widthOf(text), text).toBeLessThan(Math.max(2, columns));
          expect(text).not.toMatch(/\p{Cc}/u);
        }
      }
    },
  );
});

describe('what is known', () => {
  it('is not taken back by a status that was asked for before an event', () => {
    const late = withStatus(downloading, sampleStatus({ state: 'checking', attempt: 'a2' }), 1);
    expect(late.state).toBe('downloading');
    expect(late.progress).not.toBeNull();
    const fresh = withStatus(
      downloading,
      sampleStatus({ state: 'verifying', attempt: 'a2' }),
      downloading.events,
    );
    expect(fresh.attempt?.path).toEqual(['checking', 'downloading', 'verifying']);
  });

  it('takes no notice of a kind of event that it does not know', () => {
    const unknown = { ...stamp(), kind: 'fleet', more: true } as unknown as ControlEvent;
    expect(drawn(withEvent(downloading, unknown))).toBe(drawn(downloading));
  });

  it('forgets the way of an attempt when another begins', () => {
    const next = withEvent(rolledBack, { ...entered('checking', null), attempt: 'a3' } as ControlEvent);
    expect(next.attempt).toMatchObject({ id: 'a3', path: ['checking'], ticks: [] });
    expect(drawn(next)).not.toContain('rollingBack →');
  });

  it('keeps a bounded past', () => {
    let model = probing;
    for (let count = 0; count < 2000; count += 1) model = withEvent(model, look(false, count));
    for (let count = 0; count < 100; count += 1) model = withEvent(model, entered('checking'));
    expect(model.attempt?.ticks.length).toBeLessThanOrEqual(500);
    expect(model.happenings.length).toBeLessThanOrEqual(20);
  });
});
