/** Sample answers of the control API; each with what a test wants to be different. */
import type {
  AttemptProgress,
  AttemptView,
  ConfigEntry,
  ControlEvent,
  DoctorReport,
  FleetView,
  LogView,
  QuarantineView,
  Status,
  StoredVersionView,
  WorkloadView,
} from '../../../src/control/api.ts';

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
    fleet: null,
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
    updater: {
      version: '1.0.0',
      commit: 'abc1234',
      key_ids: ['k'.repeat(43)],
      development_keys: false,
      from: null,
      trial: null,
      failed: null,
    },
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

/** The versions of {@link sampleStatus}. */
export function sampleVersions(): readonly StoredVersionView[] {
  return sampleStatus().versions;
}

/** A fleet of three hosts, where 1.2.0 was halted. */
export function sampleFleet(changes: Partial<FleetView> = {}): FleetView {
  return {
    at: ago(0),
    product: 'coresdk-sidecar',
    hosts: { present: 2, lost: 1, stopped: 0 },
    running: [{ version: '1.1.0', group: 'web', hosts: 2 }],
    rollouts: [
      {
        version: '1.2.0',
        digests: [DIGEST.bad],
        halted: {
          action: 'halt',
          version: '1.2.0',
          digest: DIGEST.bad,
          reason: '2 of 3 hosts went back',
          by: 'controller',
          at: ago(60),
          until: null,
        },
        groups: [{ group: 'web', committed: 1, failed: 2, updating: 0, pending: 0 }],
      },
    ],
    outcomes: [
      {
        host: 'h1',
        group: 'web',
        outcome: 'rolledBack',
        from: '1.1.0',
        to: '1.2.0',
        code: 'PROBE_TIMEOUT',
        reason: 'HTTP 500',
        at: ago(90),
      },
    ],
    ...changes,
  };
}

/** 1.2.0, which never became healthy. */
export function sampleQuarantine(changes: Partial<QuarantineView> = {}): QuarantineView {
  return {
    digest: DIGEST.bad,
    role: 'release',
    version: '1.2.0',
    at: ago(3600),
    reason: { code: 'PROBE_TIMEOUT', message: 'HTTP 500 for 60 s', next: 'Read the workload’s log.' },
    evidence: ['HTTP 500'],
    ...changes,
  };
}

/** A line of the log. */
export function sampleLine(changes: Partial<LogView> = {}): LogView {
  return { at: ago(1), level: 'info', message: 'checking', attempt: 'a2', code: null, ...changes };
}

/** Two keys, one of them a secret. */
export function sampleConfig(): readonly ConfigEntry[] {
  return [
    { key: 'update.channel', value: 'stable', from: 'file /etc/coresdk/sidecar.yaml:2' },
    { key: 'http.proxy', value: '(hidden)', from: 'env HTTPS_PROXY' },
  ];
}

/** A host on which the next update would go through. */
export function sampleDoctor(changes: Partial<DoctorReport> = {}): DoctorReport {
  return {
    inside: 'daemon',
    result: 'pass',
    summary: 'the next update would go through',
    checks: [{ name: 'state_dir.write', result: 'pass', message: 'a file was written', next: '' }],
    ...changes,
  };
}

/** A workload that runs. */
export function sampleWorkload(changes: Partial<WorkloadView> = {}): WorkloadView {
  const { health: _, ...workload } = sampleStatus().workload;
  return { ...workload, ...changes };
}

/** One event of each kind, with the ids 1, 2, 3, … */
export function sampleEvents(): readonly ControlEvent[] {
  const progress = { kind: 'probe', last: 'HTTP 503', elapsed_ms: 1200, deadline_ms: 60_000 } as const;
  const bodies = [
    { kind: 'state', state: 'checking', before: 'idle', attempt: 'a2', from: '1.1.0', to: null },
    {
      kind: 'progress',
      state: 'downloading',
      attempt: 'a2',
      progress: {
        kind: 'download',
        received_bytes: 10,
        total_bytes: 100,
        bytes_per_second: null,
        seconds_left: null,
      },
    },
    { kind: 'progress', state: 'probing', attempt: 'a2', progress },
    {
      kind: 'probe',
      attempt: 'a2',
      healthy: false,
      detail: 'HTTP 503',
      elapsed_ms: 1200,
      deadline_ms: 60_000,
    },
    {
      kind: 'waiting',
      attempt: 'a2',
      waiting: { for: 'window', reason: 'no window is open', until: ago(-60) },
    },
    { kind: 'ended', attempt: sampleProgress() },
    { kind: 'workload', workload: sampleWorkload() },
    { kind: 'log', line: sampleLine() },
  ] as const;
  return bodies.map((body, index) => ({ id: index + 1, at: ago(10), ...body }));
}
