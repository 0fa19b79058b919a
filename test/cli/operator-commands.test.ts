import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LogView } from '../../src/control/api.ts';
import type { ErrorCode } from '../../src/error-codes.ts';
import { ownFolder } from '../control/support/control-fixture.ts';
import { ago, DIGEST, sampleProgress, sampleStatus } from '../control/support/samples.ts';
import { ended, fault, viewOf } from '../control/support/scripted-api.ts';
import { core, coreWithDaemon } from './support/core.ts';
import { WELL, type EventStream } from './support/fake-client.ts';

const oneError = (code: ErrorCode): RegExp => new RegExp(`^error: [^\\n]+ \\[${code}\\]: [^\\n]+\\n$`);
const waiting = (what: 'window' | 'approval') =>
  sampleStatus({
    state: 'waiting',
    attempt: 'a1',
    to: '1.3.0',
    waiting: { for: what, reason: `held by the ${what}`, until: what === 'window' ? ago(-3600) : null },
  });

describe('core sidecar pause', () => {
  it('says what is paused, and what lets it go on', async () => {
    const run = await coreWithDaemon(['pause', '--reason', 'audit\u001B']);
    expect(run).toMatchObject({
      exit: 0,
      out: 'automatic updates are paused: audit; `core sidecar resume` lets them go on\n',
      err: '',
    });
    expect(run.api.calls).toEqual([['pause', 'audit\u001B']]);
    expect((await coreWithDaemon(['pause'])).api.calls).toEqual([['pause', null]]);
  });

  it.each([
    ['waiting', 'attempt a1 (1.3.0) was in waiting and is put off\n'],
    ['downloading', 'attempt a1 (1.3.0) was in downloading and is put off\n'],
    [
      'probing',
      'attempt a1 (1.3.0) is in probing and goes to its end, for the workload was touched already\n',
    ],
  ] as const)('says what becomes of an attempt in %s', async (state, words) => {
    const run = await coreWithDaemon(['pause'], {
      status: sampleStatus({ state, attempt: 'a1', to: '1.3.0' }),
    });
    expect(run.out.endsWith(words), run.out).toBe(true);
  });
});

describe('core sidecar resume', () => {
  it('says what it resumed', async () => {
    const paused = viewOf('QUARANTINE_FAILED', 'no space');
    const run = await coreWithDaemon(['resume'], { status: sampleStatus({ paused }) });
    expect(run).toMatchObject({
      exit: 0,
      out: 'automatic updates go on; they were paused because: no space [QUARANTINE_FAILED]\n',
      err: '',
    });
    expect(run.api.calls).toEqual([['resume']]);
  });

  it('says when there was nothing to resume', async () => {
    const run = await coreWithDaemon(['resume']);
    expect(run.out).toBe('nothing was paused: automatic updates go on as before\n');
    expect(run.api.calls).toEqual([['resume']]);
  });
});

describe('core sidecar approve', () => {
  it.each([
    [[], null, '1.2.0'],
    [['1.3.0'], '1.3.0', '1.3.0'],
  ])('%j names what was approved', async (args, asked, version) => {
    const run = await coreWithDaemon(['approve', ...args]);
    expect(run).toMatchObject({ exit: 0, out: `${version} (cccccccccccc) is approved\n` });
    expect(run.api.calls).toEqual([['approve', asked]]);
  });

  it('passes on that nothing waits', async () => {
    const run = await coreWithDaemon(['approve'], { refuse: fault('NOTHING_TO_APPROVE') });
    expect(run.exit).toBe(1);
    expect(run.err).toMatch(oneError('NOTHING_TO_APPROVE'));
  });
});

describe('core sidecar versions', () => {
  it('is a line a version', async () => {
    const versions = [
      { version: '1.1.0', digest: DIGEST.current, committed_at: ago(7200), current: true, size_bytes: 28e6 },
      { version: '1.0.0', digest: DIGEST.old, committed_at: null, current: false, size_bytes: 1500 },
    ];
    expect((await coreWithDaemon(['versions'], { versions })).out).toBe(
      [
        'version  digest        size      committed',
        '1.1.0    bbbbbbbbbbbb  26.7 MiB  2 h ago (2026-01-02T01:04:05Z)  ← current',
        '1.0.0    aaaaaaaaaaaa  1.5 KiB   never',
        '',
      ].join('\n'),
    );
    expect((await coreWithDaemon(['versions'], { versions: [] })).out).toMatch(/^no versions on disk/);
  });
});

describe('core sidecar update', () => {
  it('--no-wait says how to follow it', async () => {
    const run = await coreWithDaemon(['update', '--no-wait']);
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out).toMatch(/^attempt a2 has begun: `core sidecar status --watch` /);
    expect(run.api.calls).toEqual([['update', { dryRun: false }]]);
    expect(JSON.parse((await coreWithDaemon(['update', '--no-wait', '--json'])).out)).toEqual({
      attempt: 'a2',
    });
  });

  it('--json tells the outcome, also a bad one, and the exit code with it', async () => {
    const look = ended('rolledBack', 'rolledBack', 'HTTP 500', {
      code: 'PROBE_TIMEOUT',
      from: '1.1.0',
      to: '1.2.0',
    });
    const run = await coreWithDaemon(['update', '--json'], { looks: [look] });
    expect(run.exit).toBe(4);
    expect(run.err).toMatch(oneError('PROBE_TIMEOUT'));
    expect(JSON.parse(run.out)).toEqual({
      attempt: 'a2',
      state: 'rolledBack',
      from: '1.1.0',
      to: '1.2.0',
      outcome: 'rolledBack',
      reason: 'HTTP 500',
      error: viewOf('PROBE_TIMEOUT', 'HTTP 500'),
      exit_code: 4,
    });
  });

  it('--check --json tells of an update that it began', async () => {
    const looks = [sampleProgress({ state: 'downloading', to: '1.2.0' })];
    const run = await coreWithDaemon(['update', '--check', '--json'], { looks });
    expect(JSON.parse(run.out)).toMatchObject({ attempt: 'a2', outcome: null, state: 'downloading' });
  });

  it('says what holds it while it waits', async () => {
    const look = sampleProgress({ state: 'waiting', to: '1.3.0' });
    const done = ended('committed', 'committed', 'HTTP 200', { to: '1.3.0' });
    const run = await coreWithDaemon(['update'], {
      looks: [look, look, look, look, done],
      status: waiting('window'),
    });
    expect(run).toMatchObject({ exit: 0, err: 'waiting 1.3.0\nwaiting 1.3.0: held by the window\n' });
  });

  it.each([
    ['approval', '`core sidecar approve 1.3.0` lets it go on'],
    ['window', '`core sidecar pause`, then `core sidecar update` and `core sidecar resume`, install it now'],
  ] as const)('says that another attempt waits for the %s, and what to type', async (what, way) => {
    const run = await coreWithDaemon(['update'], { status: waiting(what), refuse: fault('BUSY') });
    expect(run.exit).toBe(1);
    expect(run.err).toMatch(oneError('BUSY'));
    expect(run.err).toContain(`1.3.0 waits already: held by the ${what}; ${way} [BUSY]`);
  });
});

describe('core sidecar update --dry-run', () => {
  const reason = '1.2.0 is available on stable, 12900000 bytes, a delta from 1.1.0; 1.1.0 runs';
  const looks = [ended('available', 'checking', reason, { to: '1.2.0' })];

  it('only asks, and says what would happen and why', async () => {
    const run = await coreWithDaemon(['update', '--dry-run'], { looks });
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out).toBe(
      [
        '1.1.0 would be updated to 1.2.0',
        'why          1.2.0 is available on stable, 12.3 MiB, a delta from 1.1.0',
        '             1.1.0 runs',
        'by hand      `core sidecar update` installs it now',
        'by itself    at the next check, in 52 min (2026-01-02T03:56:05Z)',
        '',
      ].join('\n'),
    );
    expect(run.api.calls).toContainEqual(['update', { dryRun: true }]);
  });

  it('says what an update by itself would wait for', async () => {
    const held = `1.2.0 on stable is rolled out bit by bit; this host’s turn comes at ${ago(-86_400)}`;
    const status = sampleStatus({
      paused: viewOf('UPDATES_PAUSED', 'an operator paused updates'),
      window: { open: false, opens_at: ago(-10_800), closes_at: null },
      held_back: { version: '1.2.0', reason: held, until: ago(-86_400) },
    });
    const config = [{ key: 'update.approval', value: 'required', from: 'file x:1' }];
    const script = { looks, status, config };
    const lines = (await coreWithDaemon(['update', '--dry-run'], script)).out.split('\n');
    expect(lines.slice(4)).toEqual([
      'by itself    not yet (pause): an operator paused updates',
      '             not yet (held back): 1.2.0 on stable is rolled out bit by bit; this host’s turn comes at 2026-01-03T03:04:05Z',
      '             not yet (approval): it has to be approved, unless it is already: `core sidecar approve 1.2.0`',
      '             not yet (window): the maintenance window is closed, until in 3 h (2026-01-02T06:04:05Z)',
      '',
    ]);
    const json = JSON.parse((await coreWithDaemon(['update', '--dry-run', '--json'], script)).out) as object;
    expect(json).toMatchObject({
      attempt: 'a2',
      would_update: true,
      from: '1.1.0',
      to: '1.2.0',
      reason,
      error: null,
      holds: [
        { by: 'pause', until: null },
        { by: 'held_back', until: ago(-86_400) },
        { by: 'approval', until: null },
        { by: 'window', until: ago(-10_800) },
      ],
      exit_code: 0,
    });
  });

  it.each([
    [
      sampleStatus({ disabled: 'CORESDK_UPDATE_DISABLED is set' }),
      'not yet (disabled): CORESDK_UPDATE_DISABLED is set',
    ],
    [
      sampleStatus({ next_check_at: null, next_check_why: 'the manual channel never checks by itself' }),
      'not yet (schedule): the manual channel never checks by itself',
    ],
    [
      sampleStatus({ held_back: { version: '1.1.9', reason: 'another release', until: null } }),
      'at the next check',
    ],
  ])('says why nothing comes by itself: %#', async (status, words) => {
    expect((await coreWithDaemon(['update', '--dry-run'], { looks, status })).out).toContain(words);
  });

  it.each([
    ['fleetlock', 'fleet.fleetlock_url', 'https://lock.example.com/', 'https://lock.example.com/'],
    [
      'nats',
      'fleet.nats',
      { url: ['nats://a:4222', 'nats://b:4222'], slots: 3 },
      'nats://a:4222, nats://b:4222',
    ],
  ])(
    'names the gate of the fleet, which an update by hand waits for too: %s',
    async (gate, key, value, at) => {
      const config = [
        { key: 'update.gate', value: gate, from: 'file x:1' },
        { key: 'fleet.group', value: 'web', from: 'file x:2' },
        { key, value, from: 'file x:3' },
      ];
      const lines = (await coreWithDaemon(['update', '--dry-run'], { looks, config })).out.split('\n');
      expect(lines.slice(3, 5)).toEqual([
        'by hand      `core sidecar update` installs it, once this host has a place in the fleet',
        `by itself    not yet (gate): it takes a place of group web in the fleet first (${gate}, ${at})`,
      ]);
      const json = await coreWithDaemon(['update', '--dry-run', '--json'], { looks, config });
      expect(JSON.parse(json.out)).toMatchObject({ holds: [{ by: 'gate', until: null }] });
    },
  );

  it('says that there is nothing, or why it is refused, with the exit code of an update', async () => {
    const nothing = ended('nothing', 'checking', '1.1.0, the newest on stable, runs here');
    expect(await coreWithDaemon(['update', '--dry-run'], { looks: [nothing] })).toMatchObject({
      exit: 0,
      out: 'nothing would be done: 1.1.0, the newest on stable, runs here\n',
    });
    const bad = ended('nothing', 'checking', '1.2.0 failed here', { code: 'RELEASE_QUARANTINED' });
    const run = await coreWithDaemon(['update', '--dry-run', '--json'], { looks: [bad] });
    expect(run.exit).toBe(5);
    expect(run.err).toMatch(oneError('RELEASE_QUARANTINED'));
    expect(JSON.parse(run.out)).toMatchObject({ would_update: false, to: null, exit_code: 5, holds: [] });
  });
});

describe('core sidecar config', () => {
  const config = [
    { key: 'update.channel', value: 'edge', from: 'file /etc/coresdk/sidecar.yaml:2' },
    { key: 'update.windows', value: [{ start: '02:00', length: 60 }], from: 'env X\u001B' },
    { key: 'update.feed_url', value: null, from: 'default' },
  ];

  it('tells what the daemon runs with', async () => {
    expect((await coreWithDaemon(['config'], { config })).out).toBe(
      [
        'the daemon runs with:',
        'update.channel   edge                             file /etc/coresdk/sidecar.yaml:2',
        'update.windows   [{"start":"02:00","length":60}]  env X',
        'update.feed_url  -                                default',
        '',
      ].join('\n'),
    );
    const set = await coreWithDaemon(['config', '--set', '--json'], { config });
    expect(JSON.parse(set.out)).toEqual({ source: 'daemon', file: null, entries: config.slice(0, 2) });
  });

  it('explains a file that it is given, and asks nobody', async () => {
    const file = join(await ownFolder(), 'sidecar.yaml');
    await writeFile(file, 'update:\n  channel: edge\n');
    const run = await coreWithDaemon(['config', '--file', file, '--set', '--json'], { config });
    expect(run.api.calls).toEqual([]);
    expect(JSON.parse(run.out)).toEqual({
      source: 'file',
      file,
      entries: [
        { key: 'update.channel', value: 'edge', from: `file ${file}:2` },
        { key: 'CORESDK_RUNTIME', value: 'host', from: 'env CORESDK_RUNTIME' },
      ],
    });
    await writeFile(file, 'update:\n  channel: nightly\n');
    expect((await core(['sidecar', 'config', '--file', file])).err).toMatch(oneError('CONFIG_INVALID'));
    expect(await core(['sidecar', 'config', '--file', ''])).toMatchObject({ exit: 2 });
  });

  it('explains the file where no daemon answers, and says so', async () => {
    const file = join(await ownFolder(), 'sidecar.yaml');
    await writeFile(file, 'update:\n  channel: edge\n');
    const run = await coreWithDaemon(['config', '--config', file], {
      refuse: fault('DAEMON_UNREACHABLE', 'nobody'),
    });
    expect(run.exit).toBe(0);
    expect(run.err).toMatch(/^note: nobody: this is what a daemon would run with/);
    expect(run.out).toContain(`a daemon would run with, by ${file}:\n`);
    expect(run.out).toMatch(/^update\.channel +edge +file /m);
  });
});

describe('core sidecar doctor', () => {
  it('tells the summary, what it means, and the worst first', async () => {
    const doctor = {
      inside: 'daemon',
      result: 'fail',
      summary: 'the next update would fail because the disk is full',
      checks: [
        ...WELL.checks,
        { name: 'clock.sane', result: 'warn', message: 'NTP is off', next: 'Turn it on.' },
        { name: 'disk.space', result: 'fail', message: '1 MiB is left', next: 'Free 60 MiB.' },
        { name: 'feed.answers', result: 'skip', message: 'no feed\u001B', next: '' },
      ],
    } as const;
    const run = await coreWithDaemon(['doctor'], { doctor });
    expect(run).toMatchObject({ exit: 1, err: '' });
    expect(run.out).toBe(
      [
        'the next update would fail because the disk is full',
        'The daemon looked, from inside of its sandbox.',
        '',
        '✗ disk.space       1 MiB is left',
        '  → Free 60 MiB.',
        '! clock.sane       NTP is off',
        '  → Turn it on.',
        '✓ state_dir.write  can be written',
        '- feed.answers     no feed',
        '',
      ].join('\n'),
    );
    const json = await coreWithDaemon(['doctor', '--json'], { doctor });
    expect(JSON.parse(json.out)).toEqual(doctor);
    expect(json.exit).toBe(1);
  });

  it.each(['pass', 'warn'] as const)('ends with 0 on %s', async (result) => {
    expect(await coreWithDaemon(['doctor'], { doctor: { ...WELL, result } })).toMatchObject({ exit: 0 });
  });

  describe('where no daemon answers', () => {
    const script = { refuse: fault('DAEMON_UNREACHABLE', 'nobody') };
    const config = async (): Promise<string> => {
      const file = join(await ownFolder(), 'sidecar.yaml');
      await writeFile(file, 'log:\n  level: warn\n');
      return file;
    };

    it('ends with 6 and says what can be seen, and from where', async () => {
      const run = await coreWithDaemon(['doctor', '--config', await config()], script);
      expect(run).toMatchObject({ exit: 6, err: '' });
      expect(run.out).toMatch(
        /^there will be no next update: no daemon answers\nNo daemon answers: .* from here/,
      );
      expect(run.out).toMatch(/^✗ daemon\.answers +nobody\n {2}→ Start it/m);
      expect(run.out).toMatch(/^✓ config\.valid/m);
    });

    it('looks on its own where it can', async () => {
      const asked: string[] = [];
      const run = await coreWithDaemon(['doctor', '--json', '--config', await config()], script, {
        examine: async ({ config: { log } }) => {
          asked.push(log.level);
          return {
            ...WELL,
            inside: 'caller',
            result: 'fail',
            summary: 'the next update would fail because of x',
          };
        },
      });
      expect(asked).toEqual(['warn']);
      expect(run.exit).toBe(6);
      const report = JSON.parse(run.out) as typeof WELL;
      expect(report).toMatchObject({ inside: 'caller', result: 'fail' });
      expect(report.summary).toMatch(/no daemon answers; and the next update would fail because of x$/);
      expect(report.checks.map(({ name }) => name)).toEqual([
        'daemon.answers',
        'config.valid',
        'state_dir.write',
      ]);
    });

    it('ends with 2 where the configuration is wrong', async () => {
      const file = await config();
      await writeFile(file, 'log:\n  level: loud\n');
      expect(await coreWithDaemon(['doctor', '--config', file], script)).toMatchObject({ exit: 2, out: '' });
    });
  });
});

describe('core sidecar logs', () => {
  const line = (message: string, changes: Partial<LogView> = {}): LogView => ({
    at: ago(1),
    level: 'info',
    message,
    attempt: null,
    code: null,
    ...changes,
  });

  it('prints as many as it is told, oldest first', async () => {
    const logs = [line('one'), line('two\u001B', { level: 'error', attempt: 'a1', code: 'BUSY' })];
    const run = await coreWithDaemon(['logs', '-n', '2'], { logs });
    expect(run.out).toBe('2026-01-02T03:04:04Z info  one\n2026-01-02T03:04:04Z error two [BUSY] (a1)\n');
    expect(run.api.calls).toEqual([['logs', 2]]);
    const json = await coreWithDaemon(['logs', '--json'], { logs });
    expect(
      json.out
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text) as unknown),
    ).toEqual(logs);
    expect(await coreWithDaemon(['logs', '-n', '0'])).toMatchObject({ exit: 2 });
  });

  it('--follow keeps what comes before the past was read in its place', async () => {
    const past = Promise.withResolvers<readonly LogView[]>();
    const stop = new AbortController();
    let feeding = Promise.resolve();
    const stream = (events: EventStream): void => {
      feeding = (async () => {
        await events.send({ kind: 'log', line: line('two') }, { kind: 'log', line: line('three') });
        past.resolve([line('one'), line('two')]);
        await past.promise;
        await events.send({ kind: 'log', line: line('four') });
        stop.abort();
      })();
    };
    const run = await coreWithDaemon(
      ['logs', '--follow'],
      { logs: past.promise, stream },
      { stop: stop.signal },
    );
    await feeding;
    expect(run.out.match(/(one|two|three|four)$/gm)).toEqual(['one', 'two', 'three', 'four']);
  });

  it('--follow goes on with every new line, each once, until it is stopped', async () => {
    const stop = new AbortController();
    const opened: Promise<void>[] = [];
    const stream = (events: EventStream): void => {
      opened.push(
        (async () => {
          const first = opened.length === 0;
          if (!first) {
            await events.send({ kind: 'log', line: line('after the restart') });
            stop.abort();
            return;
          }
          // The newest line of the past comes by the stream too.
          await events.send({ kind: 'log', line: line('two') });
          await events.send(
            { kind: 'log', line: line('three') },
            { kind: 'waiting', attempt: null, waiting: null },
          );
          await events.send(fault('DAEMON_UNREACHABLE', 'gone'));
        })(),
      );
    };
    const run = await coreWithDaemon(
      ['logs', '-f', '--json'],
      { logs: [line('one'), line('two')], stream },
      { stop: stop.signal },
    );
    await Promise.all(opened);
    expect(run.exit).toBe(0);
    const messages = run.out
      .trimEnd()
      .split('\n')
      .map((text) => (JSON.parse(text) as LogView).message);
    expect(messages).toEqual(['one', 'two', 'three', 'after the restart']);
    expect(run.err).toBe('note: gone; trying again\n');
  });
});
