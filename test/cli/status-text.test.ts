import { describe, expect, it } from 'vitest';
import type { Status } from '../../src/control/api.ts';
import { statusText } from '../../src/cli/status-text.ts';
import { verdictOf } from '../../src/cli/status-verdict.ts';
import { plainStyle } from '../../src/cli/style.ts';
import { ago, DIGEST, NOW, sampleAttempt, sampleStatus } from '../control/support/samples.ts';
import { viewOf } from '../control/support/scripted-api.ts';

const text = (changes: Partial<Status> = {}): string =>
  `\n${statusText(sampleStatus(changes), NOW, plainStyle)}\n`;
const rolledBack = sampleAttempt({
  id: 'a2',
  started_at: ago(263),
  ended_at: ago(200),
  outcome: 'rolledBack',
  reason: 'not healthy within 60 s, last seen: HTTP 500',
  error: viewOf('PROBE_TIMEOUT', 'not healthy within 60 s, last seen: HTTP 500'),
  from: '1.1.0',
  to: '1.2.0',
  digest: DIGEST.bad,
});

describe('status for people', () => {
  it('of a host where all is well', () => {
    expect(text()).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; committed 2 h ago
      next: The next check is at 2026-01-02T03:56:05Z.

      workload     running 1.1.0, pid 4242, started 2 h ago (2026-01-02T01:04:04Z), restarts 0
      versions     1.1.0  bbbbbbbbbbbb  committed 2 h ago (2026-01-02T01:04:05Z)  ← current
                   1.0.0  aaaaaaaaaaaa  committed 25 h ago (2026-01-01T02:04:05Z)
      floor        1.1.0: it was committed here
      next check   in 52 min (2026-01-02T03:56:05Z), every 3600 s
      channel      stable, https://updates.example.com/feed
      updater      1.0.0 (commit abc1234), keys kkkkkkkkkkkk
      "
    `);
  });

  it('of a host whose turn in a rollout comes later', () => {
    const reason = `1.2.0 on stable is rolled out bit by bit; this host’s turn comes at ${ago(-86_400)}`;
    expect(text({ held_back: { version: '1.2.0', reason, until: ago(-86_400) } })).toContain(
      '\nheld back    1.2.0 on stable is rolled out bit by bit; this host’s turn comes at 2026-01-03T03:04:05Z, in 24 h\n',
    );
  });

  it('of a host that updates', () => {
    expect(
      text({
        state: 'downloading',
        attempt: 'a2',
        from: '1.1.0',
        to: '1.2.0',
        progress: {
          kind: 'download',
          received_bytes: 12_900_000,
          total_bytes: 28_000_000,
          bytes_per_second: 1_500_000,
          seconds_left: 11,
        },
        next_check_at: null,
        next_check_why: 'an attempt is in downloading',
        next_action: 'An attempt is in downloading; nothing to do.',
      }),
    ).toMatchInlineSnapshot(`
      "
      updating 1.1.0 to 1.2.0: downloading, 12.3 MiB of 26.7 MiB, 1.4 MiB/s, 11 s left
      next: An attempt is in downloading; nothing to do.

      attempt      a2, in downloading, 12.3 MiB of 26.7 MiB, 1.4 MiB/s, 11 s left
      workload     running 1.1.0, pid 4242, started 2 h ago (2026-01-02T01:04:04Z), restarts 0
      versions     1.1.0  bbbbbbbbbbbb  committed 2 h ago (2026-01-02T01:04:05Z)  ← current
                   1.0.0  aaaaaaaaaaaa  committed 25 h ago (2026-01-01T02:04:05Z)
      floor        1.1.0: it was committed here
      next check   none: an attempt is in downloading
      channel      stable, https://updates.example.com/feed
      updater      1.0.0 (commit abc1234), keys kkkkkkkkkkkk
      "
    `);
  });

  it('of a host that rolled back', () => {
    expect(
      text({
        last_attempt: rolledBack,
        last_error: {
          ...viewOf('PROBE_TIMEOUT', 'not healthy within 60 s, last seen: HTTP 500'),
          at: ago(200),
        },
        quarantine: [
          {
            digest: DIGEST.bad,
            role: 'release',
            version: '1.2.0',
            at: ago(200),
            reason: viewOf('PROBE_TIMEOUT', 'not healthy within 60 s, last seen: HTTP 500'),
            evidence: ['60 looks, the last: HTTP 500', 'stderr: panic'],
          },
        ],
      }),
    ).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; 1.2.0 was rolled back 3 min ago
      next: The next check is at 2026-01-02T03:56:05Z.

      last error   3 min ago (2026-01-02T03:00:45Z): not healthy within 60 s, last seen: HTTP 500 [PROBE_TIMEOUT]
                   → Read the workload’s log; report it to the publisher.
      workload     running 1.1.0, pid 4242, started 2 h ago (2026-01-02T01:04:04Z), restarts 0
      versions     1.1.0  bbbbbbbbbbbb  committed 2 h ago (2026-01-02T01:04:05Z)  ← current
                   1.0.0  aaaaaaaaaaaa  committed 25 h ago (2026-01-01T02:04:05Z)
      floor        1.1.0: it was committed here
      quarantine   1.2.0  cccccccccccc  3 min ago (2026-01-02T03:00:45Z)
                     not healthy within 60 s, last seen: HTTP 500 [PROBE_TIMEOUT]
                     - 60 looks, the last: HTTP 500
                     - stderr: panic
                     → a newer release, or \`core sidecar quarantine clear 1.2.0\`
      next check   in 52 min (2026-01-02T03:56:05Z), every 3600 s
      channel      stable, https://updates.example.com/feed
      updater      1.0.0 (commit abc1234), keys kkkkkkkkkkkk
      "
    `);
  });

  it('of a host whose rollback failed', () => {
    expect(
      text({
        state: 'failed',
        attempt: 'a2',
        from: '1.1.0',
        to: '1.2.0',
        next_check_at: null,
        next_check_why: 'an attempt is in failed',
        next_action: viewOf('ROLLBACK_FAILED', '').next,
        last_error: { ...viewOf('ROLLBACK_FAILED', '1.1.0 was not healthy within 60 s'), at: ago(20) },
        workload: {
          state: 'backingOff',
          version: '1.1.0',
          pid: null,
          started_at: null,
          restarts: 4,
          last_exit: 'exit code 1',
          health: null,
        },
        last_attempt: null,
      }),
    ).toMatchInlineSnapshot(`
      "
      ROLLBACK FAILED from 1.2.0 to 1.1.0; 1.1.0 IS DOWN and is started again soon (4 restarts, last: exit code 1)
      next: Act now: see the workload’s log; the supervisor keeps trying, and \`core sidecar retry\` runs the rollback again.

      last error   20 s ago (2026-01-02T03:03:45Z): 1.1.0 was not healthy within 60 s [ROLLBACK_FAILED]
                   → Act now: see the workload’s log; the supervisor keeps trying, and \`core sidecar retry\` runs the rollback again.
      attempt      a2, in failed
      workload     backingOff 1.1.0, restarts 4, last exit: exit code 1
      versions     1.1.0  bbbbbbbbbbbb  committed 2 h ago (2026-01-02T01:04:05Z)  ← current
                   1.0.0  aaaaaaaaaaaa  committed 25 h ago (2026-01-01T02:04:05Z)
      floor        1.1.0: it was committed here
      next check   none: an attempt is in failed
      channel      stable, https://updates.example.com/feed
      updater      1.0.0 (commit abc1234), keys kkkkkkkkkkkk
      "
    `);
  });

  it('of a host that is paused, with a warning and throw-away keys', () => {
    expect(
      text({
        paused: viewOf('QUARANTINE_FAILED', 'cannot write quarantine/cccc.json: ENOSPC'),
        next_action: viewOf('QUARANTINE_FAILED', '').next,
        last_attempt: rolledBack,
        watching: { version: '1.1.0', back_to: '1.0.0' },
        warnings: [{ ...viewOf('JOURNAL_DAMAGED', 'moved to state.db.damaged-1'), at: ago(90) }],
        updater: {
          version: '1.0.0',
          commit: 'abc1234',
          key_ids: [],
          development_keys: true,
          from: null,
          trial: null,
          failed: null,
        },
      }),
    ).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; 1.2.0 was rolled back 3 min ago; automatic updates are PAUSED
      next: Free the disk or mend the state directory, then \`core sidecar resume\`.

      !!!          DEVELOPMENT KEYS: this program trusts throw-away keys; never use it in production
      PAUSED       cannot write quarantine/cccc.json: ENOSPC [QUARANTINE_FAILED]
                   → Free the disk or mend the state directory, then \`core sidecar resume\`.
      warnings     90 s ago (2026-01-02T03:02:35Z): moved to state.db.damaged-1 [JOURNAL_DAMAGED]
                   → Nothing to do: history before this is in the file that the message names.
      workload     running 1.1.0, pid 4242, started 2 h ago (2026-01-02T01:04:04Z), restarts 0
      watching     1.1.0 for a crash loop, which would lead back to 1.0.0
      versions     1.1.0  bbbbbbbbbbbb  committed 2 h ago (2026-01-02T01:04:05Z)  ← current
                   1.0.0  aaaaaaaaaaaa  committed 25 h ago (2026-01-01T02:04:05Z)
      floor        1.1.0: it was committed here
      next check   in 52 min (2026-01-02T03:56:05Z), every 3600 s
      channel      stable, https://updates.example.com/feed
      updater      1.0.0 (commit abc1234), NO KEYS: every update is refused
      "
    `);
  });

  it('of a host that waits for an approval, outside of its window', () => {
    expect(
      text({
        state: 'waiting',
        attempt: 'a2',
        from: '1.1.0',
        to: '1.2.0',
        waiting: { for: 'approval', reason: '1.2.0 needs an approval (update.approval)', until: null },
        window: { open: false, opens_at: ago(-10_800), closes_at: null },
        next_check_at: null,
        next_check_why: 'an attempt is in waiting',
        next_action: 'Approve 1.2.0: `core sidecar approve 1.2.0`.',
      }),
    ).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; 1.2.0 WAITS FOR AN APPROVAL
      next: Approve 1.2.0: \`core sidecar approve 1.2.0\`.

      attempt      a2, in waiting
      waiting      for an approval: 1.2.0 needs an approval (update.approval)
                   → \`core sidecar approve 1.2.0\`
      window       closed, opens in 3 h (2026-01-02T06:04:05Z)
      workload     running 1.1.0, pid 4242, started 2 h ago (2026-01-02T01:04:04Z), restarts 0
      versions     1.1.0  bbbbbbbbbbbb  committed 2 h ago (2026-01-02T01:04:05Z)  ← current
                   1.0.0  aaaaaaaaaaaa  committed 25 h ago (2026-01-01T02:04:05Z)
      floor        1.1.0: it was committed here
      next check   none: an attempt is in waiting
      channel      stable, https://updates.example.com/feed
      updater      1.0.0 (commit abc1234), keys kkkkkkkkkkkk
      "
    `);
  });

  it('of a host that waits for its window', () => {
    const until = ago(-10_800);
    const words = text({
      state: 'waiting',
      attempt: 'a2',
      to: '1.2.0',
      waiting: { for: 'window', reason: `the window opens at ${until}`, until },
      window: { open: false, opens_at: until, closes_at: null },
    });
    expect(words).toMatch(
      /^\n1\.1\.0 is running and healthy; 1\.2\.0 waits for the maintenance window, which opens in 3 h\n/,
    );
    expect(words).toContain(
      '\nwaiting      for a window: the window opens at 2026-01-02T06:04:05Z, in 3 h\n' +
        'window       closed, opens in 3 h (2026-01-02T06:04:05Z)\n',
    );
  });

  it('of a host that waits for a place in the fleet, which is no window', () => {
    const words = text({
      state: 'waiting',
      state_since: ago(180),
      attempt: 'a2',
      to: '1.2.0',
      waiting: { for: 'lease', reason: 'all of group web are taken, by h1, h2', until: ago(-12) },
    });
    expect(words).toMatch(/^\n1\.1\.0 is running and healthy; 1\.2\.0 waits for a place in the fleet\n/);
    expect(words).toContain(
      '\nattempt      a2, in waiting for 3 min\n' +
        'waiting      for a place in the fleet: all of group web are taken, by h1, h2\n' +
        '             → nothing to do: it is asked for again in 12 s\n',
    );
    expect(words).not.toContain('window');
  });

  it('of a host whose NATS is away, and where a rollout is halted', () => {
    const words = text({
      held_back: { version: '1.2.0', reason: '1.2.0 was halted by alice', until: null },
      fleet: {
        group: 'web',
        host: 'h1',
        link: { connected: false, server: null, since: ago(180), fault: 'connect ECONNREFUSED' },
        outbox: 2,
        halts: [{ version: '1.2.0', by: 'alice', at: ago(300), reason: 'crashes' }],
      },
    });
    expect(words).toMatch(
      /^\n1\.1\.0 is running and healthy; committed 2 h ago; the rollout of 1\.2\.0 is HALTED\n/,
    );
    expect(words).toContain(
      '\nfleet        h1 of group web, NATS IS AWAY, since 3 min ago (2026-01-02T03:01:05Z), 2 outcomes wait to be sent\n' +
        '             connect ECONNREFUSED\n' +
        '             → nothing to do here: the workload runs on, the feed is asked as ever, and what waits is sent once NATS is back\n' +
        'halted       1.2.0, by alice 5 min ago (2026-01-02T02:59:05Z): crashes\n' +
        '             → nothing to do here; `core fleet rollout 1.2.0` says how far it came, `core fleet resume 1.2.0 --reason TEXT --key FILE` lets it go on\n',
    );
  });

  it('of a host in a fleet where all is well', () => {
    const link = { connected: true, server: 'nats.example:4222', since: ago(10_800), fault: null };
    const fleet = { group: 'web', host: 'h1', outbox: 0, halts: [] };
    expect(text({ fleet: { ...fleet, link } })).toContain(
      '\nfleet        h1 of group web, NATS at nats.example:4222, since 3 h ago (2026-01-02T00:04:05Z)\n',
    );
    expect(text({ fleet: { ...fleet, link: { ...link, connected: false } } })).toContain(
      'NATS is not connected yet\n',
    );
    expect(text({ fleet: { ...fleet, link: null } })).toContain('\nfleet        h1 of group web\n');
    expect(text({ fleet: { ...fleet, link, outbox: 1000 } })).toContain('1000 or more outcomes wait');
  });

  it('of a host whose window is open', () => {
    const open = { open: true, opens_at: null, closes_at: ago(-3600) };
    expect(text({ window: open })).toContain(
      '\nwindow       open, closes in 60 min (2026-01-02T04:04:05Z)\n',
    );
    expect(text({ window: { ...open, closes_at: null } })).toContain(
      '\nwindow       open, and never closes\n',
    );
  });

  it('of a host that an operator paused', () => {
    const words = text({
      paused: viewOf('UPDATES_PAUSED', 'an operator paused updates: audit'),
      next_action: 'Automatic updates are paused; `core sidecar resume` lets them go on.',
    });
    expect(words).toMatch(/^\n.*; automatic updates are PAUSED by an operator\n/);
    expect(words).toContain(
      'PAUSED       an operator paused updates: audit\n             → `core sidecar resume` lets automatic updates go on\n',
    );
  });

  it('of a host where updates are disabled, before any update', () => {
    expect(
      text({
        disabled: 'CORESDK_UPDATE_DISABLED is set',
        current: { version: '1.0.0', digest: null },
        versions: [],
        version_floor: null,
        next_check_at: null,
        next_check_why: 'CORESDK_UPDATE_DISABLED is set',
        next_action: 'No updates: CORESDK_UPDATE_DISABLED is set.',
        workload: {
          state: 'running',
          version: '1.0.0',
          pid: 7,
          started_at: ago(30),
          restarts: 0,
          last_exit: null,
          health: { healthy: true, detail: 'HTTP 200' },
        },
        last_attempt: null,
      }),
    ).toMatchInlineSnapshot(`
      "
      1.0.0 is running and healthy
      next: No updates: CORESDK_UPDATE_DISABLED is set.

      DISABLED     CORESDK_UPDATE_DISABLED is set
      workload     running 1.0.0, pid 7, started 30 s ago (2026-01-02T03:03:35Z), restarts 0
      versions     1.0.0  there before any update  ← current
      next check   none: CORESDK_UPDATE_DISABLED is set
      channel      stable, https://updates.example.com/feed
      updater      1.0.0 (commit abc1234), keys kkkkkkkkkkkk
      "
    `);
  });

  it('of a host on the manual channel', () => {
    expect(
      text({
        channel: 'manual',
        feed_url: null,
        next_check_at: null,
        next_check_why: 'the manual channel checks nothing by itself',
        next_action: 'No check by itself: the manual channel checks nothing by itself.',
      }),
    ).toMatchInlineSnapshot(`
      "
      1.1.0 is running and healthy; committed 2 h ago
      next: No check by itself: the manual channel checks nothing by itself.

      workload     running 1.1.0, pid 4242, started 2 h ago (2026-01-02T01:04:04Z), restarts 0
      versions     1.1.0  bbbbbbbbbbbb  committed 2 h ago (2026-01-02T01:04:05Z)  ← current
                   1.0.0  aaaaaaaaaaaa  committed 25 h ago (2026-01-01T02:04:05Z)
      floor        1.1.0: it was committed here
      next check   none: the manual channel checks nothing by itself
      channel      manual, nothing is fetched by itself
      updater      1.0.0 (commit abc1234), keys kkkkkkkkkkkk
      "
    `);
  });

  it('lets nothing through that a release or a feed could forge lines with', () => {
    const evil = '1.1.0\u001B[2J\nall is well\u202E';
    const forged = statusText(
      sampleStatus({
        current: { version: evil, digest: null },
        next_check_why: evil,
        feed_url: evil,
        last_error: { ...viewOf('FEED_REFUSED', evil), at: ago(1) },
        workload: {
          state: 'running',
          version: evil,
          pid: 1,
          started_at: ago(1),
          restarts: 0,
          last_exit: evil,
          health: { healthy: true, detail: 'HTTP 200' },
        },
        quarantine: [
          {
            digest: evil,
            role: 'release',
            version: evil,
            at: ago(1),
            reason: viewOf('CRASH_LOOP', evil),
            evidence: [evil],
          },
        ],
        last_attempt: sampleAttempt({ to: evil }),
      }),
      NOW,
      plainStyle,
    );
    expect(forged).not.toMatch(/[^\P{Cc}\n]|\u202E/u);
    expect(forged).not.toMatch(/^all is well/m);
  });
});

describe('the verdict', () => {
  it.each<[string, Partial<Status>, 'good' | 'warn' | 'bad', RegExp]>([
    ['recovering', { state: 'recovering' }, 'warn', /^starting up/],
    ['checking', { state: 'checking' }, 'good', /^1.1.0 is running and healthy; looking for/],
    [
      'rolling back',
      { state: 'rollingBack', from: '1.1.0', to: '1.2.0' },
      'warn',
      /^rolling back from 1.2.0 to 1.1.0$/,
    ],
    [
      'probing',
      {
        state: 'probing',
        from: '1.1.0',
        to: '1.2.0',
        progress: { kind: 'probe', last: 'HTTP 503', elapsed_ms: 3000, deadline_ms: 60_000 },
      },
      'good',
      /^updating 1.1.0 to 1.2.0: probing, 3.0 of 60.0 s, last seen: HTTP 503$/,
    ],
    [
      'an approval that is missing',
      {
        state: 'waiting',
        to: '1.2.0',
        waiting: { for: 'approval', reason: 'it is required', until: null },
      },
      'warn',
      /^1.1.0 is running and healthy; 1.2.0 WAITS FOR AN APPROVAL$/,
    ],
    [
      'a window whose time nobody knows',
      { state: 'waiting', to: null, waiting: { for: 'window', reason: 'closed', until: null } },
      'good',
      /; an update waits for a maintenance window$/,
    ],
    ['the last look before the swap', { state: 'waiting', to: '1.2.0' }, 'good', /; 1.2.0 is staged/],
    [
      'a pause during a rollback',
      { state: 'rollingBack', to: '1.2.0', paused: viewOf('UPDATES_PAUSED', 'x') },
      'warn',
      /^rolling back from 1.2.0; automatic updates are PAUSED by an operator$/,
    ],
    ['a failed start-up', { state: 'failed', from: null }, 'bad', /^START-UP FAILED/],
    [
      'a crash',
      {
        workload: {
          ...sampleStatus().workload,
          state: 'crashed',
          restarts: 3,
          last_exit: 'SIGSEGV',
          health: null,
        },
      },
      'bad',
      /^1.1.0 IS DOWN: it crashed \(3 restarts, last: SIGSEGV\)/,
    ],
    [
      'a stop',
      { workload: { ...sampleStatus().workload, state: 'stopped' } },
      'bad',
      /^1.1.0 IS NOT RUNNING/,
    ],
    [
      'a restart',
      { workload: { ...sampleStatus().workload, restarts: 1, last_exit: 'exit code 2', health: null } },
      'warn',
      /^1.1.0 is running after 1 restart, last: exit code 2/,
    ],
    [
      'a start',
      { workload: { ...sampleStatus().workload, state: 'starting' } },
      'warn',
      /^1.1.0 is starting/,
    ],
    [
      'a refused bundle',
      { last_attempt: sampleAttempt({ outcome: 'refused', to: null }) },
      'warn',
      /; a bundle or head was refused 2 h ago$/,
    ],
    [
      'an operator’s rollback',
      { last_attempt: sampleAttempt({ outcome: 'rolledBack', trigger: 'rollback', to: '1.2.0' }) },
      'good',
      /; an operator went back from 1.2.0 2 h ago$/,
    ],
    [
      'a daemon that took over',
      { last_attempt: sampleAttempt({ steps: [{ state: 'handingOver', at: ago(9) }] }) },
      'good',
      /; the daemon became that of 1\.1\.0 2 h ago$/,
    ],
    [
      'a daemon that failed, by which no workload was rolled back',
      {
        last_attempt: sampleAttempt({
          outcome: 'rolledBack',
          to: '1.2.0',
          steps: [{ state: 'handingOver', at: ago(9) }],
        }),
      },
      'warn',
      /; the daemon of 1\.2\.0 failed 2 h ago, and the one before it runs$/,
    ],
    [
      'a hand-over',
      { state: 'handingOver', from: '1.1.0', to: '1.2.0' },
      'good',
      /^1\.1\.0 is running and healthy; the daemon gives way to that of 1\.2\.0$/,
    ],
    [
      'a deferred update',
      { last_attempt: sampleAttempt({ outcome: 'deferred' }) },
      'good',
      /; 1.1.0 was put off 2 h ago$/,
    ],
    [
      'an interrupted update',
      { last_attempt: sampleAttempt({ outcome: 'interrupted' }) },
      'warn',
      /; the update to 1.1.0 was interrupted 2 h ago$/,
    ],
    [
      'an error',
      { last_attempt: sampleAttempt({ outcome: 'error' }) },
      'warn',
      /; the last attempt failed 2 h ago$/,
    ],
    [
      'a failed rollback that is over',
      { last_attempt: sampleAttempt({ outcome: 'failed' }) },
      'bad',
      /; the rollback of 1.1.0 failed 2 h ago$/,
    ],
    [
      'an attempt under way in the history',
      { last_attempt: sampleAttempt({ outcome: null, ended_at: null }) },
      'good',
      /^1.1.0 is running and healthy$/,
    ],
  ])('on %s', (_what, changes, tone, words) => {
    const verdict = verdictOf(sampleStatus(changes), NOW);
    expect(verdict.text).toMatch(words);
    expect(verdict.tone).toBe(tone);
  });
});
