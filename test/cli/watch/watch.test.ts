import { describe, expect, it } from 'vitest';
import { ago, sampleProgress, sampleStatus } from '../../control/support/samples.ts';
import { ended, fault } from '../../control/support/scripted-api.ts';
import { coreWithDaemon, type CliRun } from '../support/core.ts';
import type { EventStream, Script } from '../support/fake-client.ts';

type Play = (stream: EventStream) => Promise<void>;

/** Watches while the plays go on, a stream each; stops after the last. */
async function watch(
  plays: readonly Play[],
  script: Script = {},
  { args = [], ...deps }: Parameters<typeof coreWithDaemon>[2] & { readonly args?: readonly string[] } = {},
): Promise<CliRun> {
  const stop = new AbortController();
  const left = [...plays];
  const played: Promise<void>[] = [];
  const stream = (opened: EventStream): void => {
    const play = left.shift();
    played.push(
      (async () => {
        await play?.(opened);
        if (left.length === 0) stop.abort();
      })(),
    );
  };
  const run = await coreWithDaemon(
    ['status', '--watch', ...args],
    { ...script, stream },
    { ...deps, stop: stop.signal },
  );
  await Promise.all(played);
  return run;
}

const state = (
  name: 'checking' | 'downloading' | 'probing' | 'rollingBack' | 'idle',
  to: string | null = '1.2.0',
) => ({ kind: 'state', state: name, before: null, attempt: 'a2', from: '1.1.0', to }) as const;
const download = (received_bytes: number) =>
  ({
    kind: 'progress',
    state: 'downloading',
    attempt: 'a2',
    progress: {
      kind: 'download',
      received_bytes,
      total_bytes: 10_485_760,
      bytes_per_second: 1_048_576,
      seconds_left: 5,
    },
  }) as const;
const probe = (healthy: boolean, detail: string, elapsed_ms: number) =>
  ({ kind: 'probe', attempt: 'a2', healthy, detail, elapsed_ms, deadline_ms: 60_000 }) as const;

describe('status --watch where nothing can be drawn over', () => {
  it('is a line a change', async () => {
    const run = await watch([
      async (stream) => {
        await stream.send(state('checking', null), state('downloading'), download(0), download(1_048_576));
        await stream.send(download(1_100_000), download(5_242_880), state('probing'));
        await stream.send(probe(false, 'HTTP 503', 1000), probe(false, 'HTTP 503', 2000));
        await stream.send(probe(true, 'HTTP 200', 3000));
        await stream.send(
          { kind: 'waiting', attempt: 'a2', waiting: { for: 'window', reason: 'closed\u001B', until: null } },
          { kind: 'waiting', attempt: 'a2', waiting: null },
          {
            kind: 'log',
            line: { at: ago(0), level: 'warn', message: 'careful', attempt: null, code: 'HEAD_STALE' },
          },
          { kind: 'log', line: { at: ago(0), level: 'info', message: 'quiet', attempt: null, code: null } },
          {
            kind: 'workload',
            workload: { ...sampleStatus().workload, state: 'crashed', last_exit: 'SIGSEGV' },
          },
          {
            kind: 'ended',
            attempt: ended('committed', 'committed', 'HTTP 200', { from: '1.1.0', to: '1.2.0' }),
          },
          { kind: 'ended', attempt: sampleProgress() },
        );
      },
    ]);
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out).not.toMatch(/[^\P{Cc}\n]/u);
    expect(
      run.out
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/^2026-01-02T03:04:05Z /, '')),
    ).toEqual([
      '1.1.0 is running and healthy; committed 2 h ago',
      'next: The next check is at 2026-01-02T03:56:05.000Z.',
      'checking',
      'downloading 1.2.0',
      'download 10 %, 1.0 MiB of 10.0 MiB, 1.0 MiB/s, 5 s left',
      'download 50 %, 5.0 MiB of 10.0 MiB, 1.0 MiB/s, 5 s left',
      'probing 1.2.0',
      'probe not healthy: HTTP 503 (1.0 of 60.0 s)',
      'probe healthy: HTTP 200 (3.0 of 60.0 s)',
      'waits for a window: closed',
      'warn: careful [HEAD_STALE]',
      'workload crashed 1.1.0, pid 4242, last exit: SIGSEGV',
      '1.2.0 is committed and healthy (HTTP 200); before it ran 1.1.0',
      'attempt a2 goes on',
    ]);
  });

  it('says once that the daemon is gone, and when it answers again', async () => {
    const run = await watch([
      async (stream) => {
        await stream.send(fault('DAEMON_UNREACHABLE', 'there is no socket'));
      },
      async (stream) => {
        await stream.send(state('checking', null));
      },
    ]);
    expect(run.exit).toBe(0);
    const lines = run.out.split('\n');
    expect(
      lines.filter((line) => line.includes('no answer from the daemon: there is no socket')),
    ).toHaveLength(1);
    expect(lines.filter((line) => line.includes('the daemon answers again'))).toHaveLength(1);
    expect(lines.at(-2)).toMatch(/ checking$/);
  });

  it('ends with 6 where no daemon answers at the beginning', async () => {
    const run = await watch([], { status: [fault('DAEMON_UNREACHABLE')] });
    expect(run).toMatchObject({ exit: 6, out: '' });
    expect(run.err).toContain('[DAEMON_UNREACHABLE]');
  });

  it('ends with the error of anything that is no matter of reaching the daemon', async () => {
    const run = await watch([(stream) => stream.send(fault('UNAUTHORIZED'))]);
    expect(run.exit).toBe(1);
    expect(run.err).toContain('[UNAUTHORIZED]');
  });

  it('is a terminal that cannot be drawn over, too', async () => {
    const env = { CORESDK_RUNTIME: 'host', TERM: 'dumb', NO_COLOR: '1' };
    const run = await watch([(stream) => stream.send(state('checking', null))], {}, { tty: true, env });
    expect(run.out).not.toContain('\u001B');
    expect(run.out).toMatch(/Z checking\n$/);
  });

  it('is each event as a line of JSON with --json', async () => {
    const run = await watch(
      [(stream) => stream.send(state('checking', null), download(1))],
      {},
      { args: ['--json'] },
    );
    expect(
      run.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { ...state('checking', null), id: 1, at: ago(0) },
      { ...download(1), id: 2, at: ago(0) },
    ]);
  });
});

describe('status --watch on a terminal', () => {
  const SHOW = '\u001B[?25h';
  const HIDE = '\u001B[?25l';

  it('draws in place, and gives the terminal back', async () => {
    const run = await watch(
      [(stream) => stream.send(state('checking', null), state('downloading'), download(5_242_880))],
      {},
      { tty: true, columns: 60 },
    );
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out.startsWith(HIDE)).toBe(true);
    expect(run.out.endsWith(SHOW)).toBe(true);
    expect(run.out).toContain('[download]');
    expect(run.out).toMatch(/50 %/);
  });

  it('gives the terminal back after a fault as well', async () => {
    const run = await watch([(stream) => stream.send(fault('UNAUTHORIZED'))], {}, { tty: true });
    expect(run.exit).toBe(1);
    expect(run.out.endsWith(SHOW)).toBe(true);
  });

  it('says that the daemon is gone, and goes on once it is back', async () => {
    const gone = fault('DAEMON_UNREACHABLE', 'the daemon hung up');
    const run = await watch(
      [(stream) => stream.send(gone), (stream) => stream.send(state('checking', null))],
      {},
      { tty: true },
    );
    const at = run.out.indexOf('NO ANSWER from the daemon for 0 s: the daemon hung up');
    expect(at).toBeGreaterThan(0);
    expect(run.out.lastIndexOf('NO ANSWER')).toBeLessThan(run.out.lastIndexOf('[check]'));
  });
});
