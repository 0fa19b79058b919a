import { describe, expect, it } from 'vitest';
import { statusLine } from '../../src/daemon/status-line.ts';
import { sampleStatus } from '../control/support/samples.ts';

const { workload } = sampleStatus();

describe('the line of systemctl status', () => {
  it('says what runs, and when the next check is', () => {
    expect(statusLine(sampleStatus({ next_check_at: '2026-11-23T19:00:00.123Z' }))).toBe(
      '1.1.0 healthy; next check 2026-11-23T19:00:00Z',
    );
  });

  it.each([
    [{ ...workload, health: { healthy: false, detail: 'HTTP 500' } }, '1.1.0 NOT HEALTHY: HTTP 500'],
    [{ ...workload, health: null }, '1.1.0 runs'],
    [{ ...workload, state: 'starting' }, '1.1.0 is starting'],
    [
      { ...workload, state: 'backingOff', last_exit: 'exit code 7' },
      '1.1.0 IS DOWN (last exit: exit code 7)',
    ],
    [{ ...workload, state: 'stopped', version: null }, '1.1.0 IS DOWN'],
  ])('says how the workload is: %#', (now, words) => {
    expect(statusLine(sampleStatus({ workload: now }))).toMatch(
      new RegExp(`^${RegExp.escape(words)}; next check `),
    );
  });

  it('says why there is no check', () => {
    const error = { code: 'UPDATES_PAUSED', message: 'an operator paused', next: '' } as const;
    expect(statusLine(sampleStatus({ paused: error }))).toBe(
      '1.1.0 healthy; updates PAUSED: an operator paused',
    );
    expect(statusLine(sampleStatus({ disabled: 'off' }))).toBe('1.1.0 healthy; no updates: off');
    expect(statusLine(sampleStatus({ next_check_at: null, next_check_why: 'manual' }))).toBe(
      '1.1.0 healthy; no check by itself: manual',
    );
  });

  it('says what is under way', () => {
    const update = { from: '1.1.0', to: '1.2.0', attempt: 'a2', waiting: null };
    const probe = { kind: 'probe', last: 'HTTP 500', elapsed_ms: 1, deadline_ms: 2 } as const;
    const waiting = { for: 'approval', reason: 'waits for an approval', until: null } as const;
    const line = (changes: Parameters<typeof sampleStatus>[0]): string =>
      statusLine(sampleStatus({ ...update, ...changes }));
    expect(line({ state: 'probing', progress: probe })).toBe('updating 1.1.0 → 1.2.0: probing: HTTP 500');
    expect(line({ state: 'waiting', waiting })).toBe(
      'updating 1.1.0 → 1.2.0: waiting: waits for an approval',
    );
    expect(line({ state: 'downloading', from: null, to: null })).toBe('updating: downloading');
    expect(line({ state: 'checking' })).toBe('1.1.0 healthy; looking for a newer release');
    expect(line({ state: 'rollingBack' })).toBe('rolling back 1.2.0 → 1.1.0');
    expect(line({ state: 'recovering' })).toContain('starting up');
  });

  it('is loud when a person is needed', () => {
    const failed = { state: 'failed', next_action: 'Act now.' } as const;
    expect(statusLine(sampleStatus({ ...failed, from: '1.1.0' }))).toBe(
      'ROLLBACK FAILED: 1.1.0 healthy; Act now.',
    );
    expect(statusLine(sampleStatus(failed))).toMatch(/^START-UP FAILED: /);
  });
});
