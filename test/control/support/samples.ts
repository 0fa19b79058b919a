/** Sample answers of the control API; each with what a test wants to be different. */
import type { AttemptProgress, AttemptView, Status } from '../../../src/control/api.ts';

/** The instant at which the samples are looked at. */
export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

/** An ISO time `seconds` before {@link NOW}. */
export const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

export const DIGEST = { old: 'a'.repeat(64), current: 'b'.repeat(64), bad: 'c'.repeat(64) } as const;

/** A host on stable where 1.1.0 was committed two hours ago. */
export function sampleStatus(changes: Partial<Status> = {}): Status {
  return {
    state: 'idle',
    attempt: null,
    from: null,
    to: null,
    progress: null,
    channel: 'stable',
    feed_url: 'https://updates.example.com/feed',
    next_check_at: ago(-3120),
    next_check_why: 'every 3600 s',
    next_action: `The next check is at ${ago(-3120)}.`,
    last_error: null,
    held_back: null,
    waiting: null,
    window: null,
    paused: null,
    disabled: null,
    current: { version: '1.1.0', digest: DIGEST.current },
    versions: [
      { version: '1.1.0', digest: DIGEST.current, committed_at: ago(7200), current: true, size_bytes: 1_500 },
      { version: '1.0.0', digest: DIGEST.old, committed_at: ago(90_000), current: false, size_bytes: 1_400 },
    ],
    version_floor: { version: '1.1.0', because: 'it was committed here' },
    watching: null,
    quarantine: [],
    workload: {
      state: 'running',
      version: '1.1.0',
      pid: 4242,
      started_at: ago(7201),
      restarts: 0,
      last_exit: null,
      health: { healthy: true, detail: 'HTTP 200' },
    },
    last_attempt: sampleAttempt(),
    updater: { version: '1.0.0', commit: 'abc1234', key_ids: ['k'.repeat(43)], development_keys: false },
    warnings: [],
    ...changes,
  };
}

/** The attempt that committed 1.1.0. */
export function sampleAttempt(changes: Partial<AttemptView> = {}): AttemptView {
  return {
    id: 'a1',
    trigger: 'schedule',
    started_at: ago(7263),
    ended_at: ago(7200),
    outcome: 'committed',
    reason: 'HTTP 200',
    error: null,
    from: '1.0.0',
    to: '1.1.0',
    digest: DIGEST.current,
    steps: [
      { state: 'checking', at: ago(7263) },
      { state: 'downloading', at: ago(7260) },
      { state: 'probing', at: ago(7203) },
    ],
    ...changes,
  };
}

/** An attempt under way in `checking`. */
export function sampleProgress(changes: Partial<AttemptProgress> = {}): AttemptProgress {
  return { id: 'a2', state: 'checking', from: null, to: null, progress: null, ended: null, ...changes };
}
