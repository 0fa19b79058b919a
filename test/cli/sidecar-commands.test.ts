import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/error-codes.ts';
import { ownFolder, startControl } from '../control/support/control-fixture.ts';
import { ago, DIGEST, sampleProgress, sampleStatus } from '../control/support/samples.ts';
import { ended, fault, viewOf } from '../control/support/scripted-api.ts';
import { core, coreWithDaemon } from './support/core.ts';

const oneError = (code: ErrorCode): RegExp =>
  new RegExp(`^(?:(?!error:).*\\n)*error: [^\\n]+ \\[${code}\\]: [^\\n]+\\n$`);
const committed = ended('committed', 'committed', 'HTTP 200', { from: '1.1.0', to: '1.2.0' });

describe('core sidecar update', () => {
  it('checks, applies, waits for the outcome and shows the way', async () => {
    const looks = [sampleProgress(), sampleProgress({ state: 'downloading', to: '1.2.0' }), committed];
    const run = await coreWithDaemon(['update'], { looks });
    expect(run).toMatchObject({
      exit: 0,
      out: '1.2.0 is committed and healthy (HTTP 200); before it ran 1.1.0\n',
      err: 'checking\ndownloading 1.2.0\n',
    });
    expect(run.api.calls).toEqual([['update', { dryRun: false }]]);
  });

  it.each([
    [
      ended('nothing', 'checking', '1.1.0, the newest on stable, runs here'),
      0,
      'nothing to do: 1.1.0, the newest on stable, runs here',
    ],
    [
      ended('available', 'checking', '1.2.0 is available on stable', { to: '1.2.0' }),
      0,
      '1.2.0 is available on stable',
    ],
  ])('says what there was to do: %#', async (look, exit, out) => {
    expect(await coreWithDaemon(['update'], { looks: [look] })).toMatchObject({
      exit,
      out: `${out}\n`,
      err: '',
    });
  });

  it.each([
    [
      ended('rolledBack', 'rolledBack', 'HTTP 500', { code: 'PROBE_TIMEOUT', from: '1.1.0', to: '1.2.0' }),
      4,
      'error: 1.2.0 was rolled back, 1.1.0 runs again: HTTP 500 [PROBE_TIMEOUT]: ',
    ],
    [
      ended('nothing', 'checking', '1.2.0 failed here', { code: 'RELEASE_QUARANTINED' }),
      5,
      'error: 1.2.0 failed here [RELEASE_QUARANTINED]: ',
    ],
    [
      ended('refused', 'verifying', 'bad\nsignature', { code: 'JWS_SIGNATURE_INVALID' }),
      3,
      'error: the bundle or its head was refused: bad; signature [JWS_SIGNATURE_INVALID]: ',
    ],
    [
      ended('deferred', 'waiting', 'closed', { code: 'GATE_CLOSED', to: '1.2.0' }),
      5,
      'error: closed [GATE_CLOSED]: ',
    ],
    [
      ended('failed', 'failed', 'HTTP 500', { code: 'ROLLBACK_FAILED', from: '1.1.0', to: '1.2.0' }),
      1,
      'error: the rollback to 1.1.0 FAILED: HTTP 500 [ROLLBACK_FAILED]: ',
    ],
    [
      ended('error', 'checking', 'no answer', { code: 'FEED_UNREACHABLE' }),
      1,
      'error: no answer [FEED_UNREACHABLE]: ',
    ],
    [
      ended('interrupted', 'probing', 'stopped', { to: '1.2.0' }),
      1,
      'error: the update to 1.2.0 was interrupted: stopped [interrupted]: ',
    ],
  ])('ends with the exit code of its outcome and one line: %#', async (look, exit, err) => {
    const run = await coreWithDaemon(['update'], { looks: [look] });
    expect(run).toMatchObject({ exit, out: '' });
    expect(run.err.startsWith(err), run.err).toBe(true);
    expect(run.err.split('\n')).toHaveLength(2);
  });

  it.each(['DAEMON_SELF_TEST_FAILED', 'DAEMON_FAILED', 'HANDOVER_FAILED'] as const)(
    'speaks of the daemon where that failed alone: %s',
    async (code) => {
      const look = ended('rolledBack', 'rolledBack', 'exit code 2', { code, from: '1.1.0', to: '1.2.0' });
      const run = await coreWithDaemon(['update'], { looks: [look] });
      expect(run).toMatchObject({ exit: 4, out: '' });
      expect(run.err).toContain(
        `error: the daemon of 1.2.0 failed, and the one before it runs; the workload was not touched: exit code 2 [${code}]: `,
      );
    },
  );

  it('--check waits for the check alone, and says that the update goes on', async () => {
    const looks = [sampleProgress(), sampleProgress({ state: 'downloading', to: '1.2.0' }), committed];
    const run = await coreWithDaemon(['update', '--check'], { looks });
    expect(run).toMatchObject({
      exit: 0,
      out: '1.2.0 was found and is being installed: see `core sidecar status`\n',
    });
    expect(run.api.calls).toEqual([['check']]);
  });

  it('--check says what it found', async () => {
    const looks = [sampleProgress(), ended('error', 'checking', 'HTTP 503', { code: 'FEED_REFUSED' })];
    const run = await coreWithDaemon(['update', '--check'], { looks });
    expect(run.exit).toBe(1);
    expect(run.err).toMatch(oneError('FEED_REFUSED'));
  });

  it('--bundle gives the daemon an absolute path', async () => {
    const run = await coreWithDaemon(['update', '--bundle', 'some/1.2.0.jws'], { looks: [committed] });
    expect(run.exit).toBe(0);
    expect(run.api.calls).toEqual([['apply', resolve('some/1.2.0.jws')]]);
  });

  it.each<string[]>([
    ['--check', '--dry-run'],
    ['--check', '--no-wait'],
    ['--dry-run', '--no-wait'],
    ['--verify-only', '--no-wait', '--bundle', 'x'],
    ['--verify-only', '--json', '--bundle', 'x'],
    ['--check', '--bundle', 'x'],
    ['--dry-run', '--bundle', 'x'],
    ['--verify-only'],
    ['--verify-only', '--check'],
    ['--verify-only', '--check', '--bundle', 'x'],
    ['--bundle', ''],
    ['--bundle'],
    ['extra'],
  ])('refuses %s %s %s %s', async (...args) => {
    const run = await coreWithDaemon(['update', ...args]);
    expect(run).toMatchObject({ exit: 2, out: '' });
    expect(run.err).toMatch(oneError('USAGE'));
    expect(run.api.calls).toEqual([]);
  });

  it.each([
    ['UPDATES_DISABLED', 5],
    ['MANUAL_CHANNEL', 5],
    ['BUSY', 1],
  ] as const)('passes on the daemon’s %s', async (code, exit) => {
    const run = await coreWithDaemon(['update'], { refuse: fault(code) });
    expect(run).toMatchObject({ exit, out: '' });
    expect(run.err).toMatch(oneError(code));
  });

  it('on Kubernetes says why not, and asks nobody', async () => {
    const run = await coreWithDaemon(['update', '--check'], {}, { env: { CORESDK_RUNTIME: 'k8s' } });
    expect(run.exit).toBe(5);
    expect(run.err).toMatch(oneError('UPDATES_DISABLED'));
    expect(run.err).toContain('CORESDK_RUNTIME=k8s');
    expect(run.api.calls).toEqual([]);
  });

  it('draws on a terminal only, in colours unless NO_COLOR', async () => {
    const looks = [sampleProgress(), committed];
    const drawn = await coreWithDaemon(['update'], { looks }, { tty: true });
    expect(drawn.err).toContain('\u001B[1mchecking');
    expect(drawn.err.endsWith('\r\u001B[2K')).toBe(true);
    const env = { CORESDK_RUNTIME: 'host', NO_COLOR: '1' };
    const sober = await coreWithDaemon(['update'], { looks }, { tty: true, env });
    expect(sober.err).not.toContain('\u001B[1m');
  });
});

describe('core sidecar status', () => {
  it('is for people', async () => {
    const run = await coreWithDaemon(['status']);
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out).toMatch(/^1\.1\.0 is running and healthy; .*\nnext: /);
    expect(run.out).not.toContain('\u001B');
  });

  it('is coloured on a terminal', async () => {
    expect((await coreWithDaemon(['status'], {}, { tty: true })).out).toMatch(
      /^\u001B\[32m1\.1\.0 is running/,
    );
  });

  it('is the API’s answer with --json', async () => {
    const status = sampleStatus({ next_check_why: 'evil \u009B2J' });
    const run = await coreWithDaemon(['status', '--json'], { status });
    expect(JSON.parse(run.out)).toEqual(status);
    expect(run.out).not.toContain('\u009B');
  });
});

describe('core sidecar history', () => {
  it('asks for as many as it is told', async () => {
    const run = await coreWithDaemon(['history', '--limit', '7', '--verbose']);
    expect(run.exit).toBe(0);
    expect(run.out).toContain('1.0.0 → 1.1.0  committed');
    expect(run.out).toContain('+3.0 s  downloading');
    expect(run.api.calls).toEqual([['history', 7]]);
    const short = await coreWithDaemon(['history']);
    expect(short.out).not.toContain('downloading');
    expect(short.api.calls).toEqual([['history', 20]]);
    expect(JSON.parse((await coreWithDaemon(['history', '--json'])).out)).toMatchObject([{ id: 'a1' }]);
  });

  it.each(['0', '501', 'many', '1.5', ''])('refuses --limit %j', async (limit) => {
    const run = await coreWithDaemon(['history', '--limit', limit]);
    expect(run.exit).toBe(2);
    expect(run.err).toMatch(oneError('USAGE'));
  });
});

describe('core sidecar rollback', () => {
  const back = ended('rolledBack', 'rolledBack', 'an operator asked', {
    code: 'ROLLED_BACK_BY_OPERATOR',
    from: '1.0.0',
    to: '1.1.0',
  });

  it.each([
    [[], null],
    [['1.0.0'], '1.0.0'],
  ])('%j ends well when it ended in a rollback', async (args, version) => {
    const run = await coreWithDaemon(['rollback', ...args], {
      looks: [sampleProgress({ state: 'rollingBack', from: '1.0.0' }), back],
    });
    expect(run).toMatchObject({
      exit: 0,
      out: '1.0.0 runs again, instead of 1.1.0\n',
      err: 'rollingBack to 1.0.0\n',
    });
    expect(run.api.calls).toEqual([['rollback', version]]);
  });

  it('ends with 1 when it failed, or cannot be', async () => {
    const failed = ended('failed', 'failed', 'HTTP 500', { code: 'ROLLBACK_FAILED', from: '1.0.0' });
    expect(await coreWithDaemon(['rollback'], { looks: [failed] })).toMatchObject({ exit: 1, out: '' });
    expect(await coreWithDaemon(['rollback'], { refuse: fault('ROLLBACK_IMPOSSIBLE') })).toMatchObject({
      exit: 1,
    });
    expect(await coreWithDaemon(['rollback', 'yesterday'])).toMatchObject({ exit: 2 });
  });
});

describe('core sidecar retry and quarantine', () => {
  it('retry waits for the rollback', async () => {
    const status = [
      sampleStatus({ state: 'rollingBack' }),
      sampleStatus({ state: 'rolledBack' }),
      sampleStatus(),
    ];
    const run = await coreWithDaemon(['retry'], { status });
    expect(run).toMatchObject({ exit: 0, out: '1.1.0 runs again\n' });
    expect(run.api.calls).toEqual([['retry']]);
  });

  it('retry says when it failed again, or there was nothing to retry', async () => {
    const failed = { ...viewOf('ROLLBACK_FAILED', 'HTTP 500'), at: ago(1) };
    const status = [
      sampleStatus({ state: 'rollingBack' }),
      sampleStatus({ state: 'failed', last_error: failed }),
    ];
    const run = await coreWithDaemon(['retry'], { status });
    expect(run.exit).toBe(1);
    expect(run.err).toMatch(/^error: it failed again: HTTP 500 \[ROLLBACK_FAILED\]: Act now/);
    expect(await coreWithDaemon(['retry'], { refuse: fault('BUSY') })).toMatchObject({ exit: 1 });
  });

  it('quarantine list shows the releases with their evidence', async () => {
    const reason = viewOf('PROBE_TIMEOUT', 'HTTP 500');
    const quarantine = [
      {
        digest: DIGEST.bad,
        role: 'release' as const,
        version: '1.2.0',
        at: ago(200),
        reason,
        evidence: ['seen'],
      },
    ];
    const script = { quarantine };
    const run = await coreWithDaemon(['quarantine', 'list'], script);
    expect(run.out).toMatch(/^1\.2\.0 {2}cccccccccccc {2}3 min ago .*\n.*PROBE_TIMEOUT.*\n {2}- seen\n/);
    expect(JSON.parse((await coreWithDaemon(['quarantine', 'list', '--json'], script)).out)).toEqual(
      quarantine,
    );
    expect((await coreWithDaemon(['quarantine', 'list'])).out).toBe('no release is in quarantine\n');
  });

  it('quarantine clear lets a release be tried again', async () => {
    const run = await coreWithDaemon(['quarantine', 'clear', 'cccccccc']);
    expect(run).toMatchObject({ exit: 0, out: '1.2.0 (cccccccc) may be tried again\n' });
    expect(run.api.calls).toEqual([['clearQuarantine', 'cccccccc']]);
    const unknown = await coreWithDaemon(['quarantine', 'clear', '9.9.9'], {
      refuse: fault('VERSION_NOT_FOUND'),
    });
    expect(unknown.exit).toBe(1);
    expect(unknown.err).toMatch(oneError('VERSION_NOT_FOUND'));
  });
});

describe('the control socket', () => {
  it('is the one that the configuration names', async () => {
    const { socket } = await startControl();
    const config = join(await ownFolder(), 'sidecar.yaml');
    await writeFile(config, `control:\n  socket: ${socket}\n`);
    expect(await core(['sidecar', 'status', '--config', config])).toMatchObject({ exit: 0 });
  });

  it('is in the state directory unless the configuration says otherwise', async () => {
    const { socket } = await startControl();
    const config = join(await ownFolder(), 'sidecar.yaml');
    await writeFile(config, `state_dir: ${join(socket, '..')}\n`);
    expect(await core(['sidecar', 'status', '--config', config])).toMatchObject({ exit: 0 });
  });

  it('is asked for without reading any configuration when --socket names it', async () => {
    const run = await coreWithDaemon(['status', '--config', '/absent/sidecar.yaml']);
    expect(run.exit).toBe(0);
    expect(await coreWithDaemon(['status', '--socket', ''])).toMatchObject({ exit: 0 });
    expect(await core(['sidecar', 'status', '--socket', ''])).toMatchObject({ exit: 2 });
  });

  it('is the default one where there is no configuration', async () => {
    const seen: unknown[] = [];
    const { loadConfig } = await import('../../src/config/index.ts');
    const run = await core(['sidecar', 'status'], {
      loadConfig: (source) => {
        seen.push([source?.path, source?.explicit]);
        return loadConfig({ ...source, path: '/absent/sidecar.yaml' });
      },
    });
    expect(seen).toEqual([['/etc/coresdk/sidecar.yaml', false]]);
    expect(run.exit).toBe(6);
    expect(run.err).toMatch(/\/var\/lib\/coresdk\/control\.sock .*\[DAEMON_UNREACHABLE\]/);
  });

  it('that nobody listens at ends with 6, for every command', async () => {
    const socket = join(await ownFolder(), 'control.sock');
    await rm(socket, { force: true });
    const commands = [
      'update',
      'update --dry-run',
      'update --no-wait',
      'status',
      'status --watch',
      'history',
      'versions',
      'rollback',
      'pause',
      'resume',
      'approve',
      'retry',
      'quarantine list',
      'quarantine clear x',
      'logs',
      'logs --follow',
    ];
    for (const command of commands) {
      const run = await core(['sidecar', ...command.split(' '), '--socket', socket]);
      expect(run.exit, command).toBe(6);
      expect(run.err).toMatch(oneError('DAEMON_UNREACHABLE'));
      expect(run.err).toContain(socket);
    }
  });

  it('is not looked for with a configuration that is wrong', async () => {
    const config = join(await ownFolder(), 'sidecar.yaml');
    await writeFile(config, 'updat: {}\nupdate:\n  channel: nightly\n');
    const run = await core(['sidecar', 'status', '--config', config]);
    expect(run.exit).toBe(2);
    expect(run.err).toMatch(oneError('CONFIG_INVALID'));
    expect(await core(['sidecar', 'status', '--config', `${config}.absent`])).toMatchObject({ exit: 2 });
  });
});
