import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { build } from '../../scripts/build.ts';
import type { DaemonRecord } from '../../src/adapters/daemon-record.ts';
import type { HandOverTimes } from '../../src/adapters/succession.ts';
import type { Status } from '../../src/control/api.ts';
import { workloadProgram } from './support/workload-program.ts';
import { createHostOn, eventually, isAlive, type Host, type HostOptions } from './support/host-on.ts';

const TIMES_MODULE = 'src/daemon/hand-over-times.ts';
const SUPPORT = join(import.meta.dirname, 'support', 'daemons');

/** A daemon that passes its self-test, and then does something else. */
const badDaemon = (start: string, selfTest = 'process.exit(0)'): Buffer =>
  Buffer.from(`#!/usr/bin/env node
if (process.argv[2] === 'self-test') { ${selfTest} } else { ${start} }
`);

let root: string;
const programs = new Map<string, string>();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'coresdk-self-update-'));
  const { keys } = inject('built');
  for (const [version, times, more] of [
    ['1.0.0', 'times.ts', {}],
    ['1.1.0', 'times.ts', {}],
    ['1.2.0', 'dies.ts', {}],
    ['1.3.0', 'times.ts', { 'src/daemon/control.ts': join(SUPPORT, 'deaf.ts') }],
  ] as const) {
    const { program } = await build({
      form: 'script',
      out: join(root, version),
      trust: join(keys, 'trust.json'),
      version,
      builtFrom: 0,
      replace: { [TIMES_MODULE]: join(SUPPORT, times), ...more },
    });
    programs.set(version, program);
  }
}, 120_000);
afterAll(() => rm(root, { recursive: true, force: true }));

const programOf = (version: string): string => programs.get(version) ?? '';

/** A host whose daemon is 1.0.0, with its workload up. */
async function hostWith(
  times: Partial<HandOverTimes> = {},
  config: HostOptions['config'] = {},
  baseline?: Buffer,
): Promise<Host> {
  const host = await createHostOn(
    { program: programOf('1.0.0'), core: join(root, '1.0.0', 'core'), keys: inject('built').keys },
    {
      config: { update: { check_interval: 3600 }, ...config },
      env: { TEST_HAND_OVER: JSON.stringify(times) },
    },
  );
  onTestFinished(() => host[Symbol.asyncDispose]());
  if (baseline !== undefined) await writeFile(join(host.root, 'baseline'), baseline, { mode: 0o755 });
  await host.start({ env: { TEST_RECORD: join(host.stateDir, 'daemon.json') } });
  await host.until('an idle daemon', ({ state, workload }) => state === 'idle' && workload.pid !== null);
  return host;
}

async function publishDaemon(host: Host, version: string, source: Buffer | string): Promise<void> {
  await host.publisher.publish({
    version,
    entrypoint: undefined,
    daemon: 'coresdk-daemon',
    files: [{ path: 'coresdk-daemon', source, mode: 0o755 }],
  });
}

const record = async (host: Host): Promise<DaemonRecord> =>
  JSON.parse(await readFile(join(host.stateDir, 'daemon.json'), 'utf8')) as DaemonRecord;

/** Asks for the update, without waiting for its end: the daemon that is asked becomes another one. */
const update = (host: Host): Promise<unknown> =>
  host.core('sidecar', 'update', '--no-wait').catch(() => null);

describe('a release of both', () => {
  it('commits the workload first, and then the daemon takes over without another interruption', async () => {
    const host = await hostWith();
    await host.publisher.publish({
      version: '1.1.0',
      daemon: 'coresdk-daemon',
      files: [
        { path: 'coresdk-sidecar', source: Buffer.from(workloadProgram('1.1.0', 'healthy')), mode: 0o755 },
        { path: 'coresdk-daemon', source: programOf('1.1.0'), mode: 0o755 },
      ],
    });
    await update(host);
    const after = await host.until(
      'the new daemon',
      ({ updater, state }) => updater.version === '1.1.0' && state === 'idle',
    );
    expect(after.current.version).toBe('1.1.0');
    expect(after.workload).toMatchObject({ version: '1.1.0', restarts: 0 });
    const [last, ...older] = await host.history();
    expect(last).toMatchObject({ outcome: 'committed', from: expect.any(String), to: '1.1.0' });
    expect(last?.steps.map(({ state }) => state)).toContain('handingOver');
    expect(older).toEqual([]);
    const log = await host.log();
    expect(log.match(/"workload: starting"/g)?.length ?? 0).toBe(3);
  });

  it('of which only the daemon is bad keeps the workload that was committed', async () => {
    const host = await hostWith({ graceMs: 200 });
    await host.publisher.publish({
      version: '1.1.0',
      daemon: 'coresdk-daemon',
      files: [
        { path: 'coresdk-sidecar', source: Buffer.from(workloadProgram('1.1.0', 'healthy')), mode: 0o755 },
        { path: 'coresdk-daemon', source: badDaemon('process.exit(3)'), mode: 0o755 },
      ],
    });
    await update(host);
    const after = await host.until(
      'the daemon before it',
      (status) =>
        status.quarantine.length > 0 && status.state === 'idle' && status.updater.version === '1.0.0',
    );
    expect(after.current.version).toBe('1.1.0');
    expect(after.workload.version).toBe('1.1.0');
    expect(await host.answer()).toBe('1.1.0');
    const [last] = await host.history();
    expect(last).toMatchObject({ outcome: 'committed', error: { code: 'DAEMON_FAILED' } });
    expect(after.quarantine).toHaveLength(1);
  });
});

describe('a release of the daemon alone', () => {
  it('becomes the daemon in place, and the workload runs on', async () => {
    const host = await hostWith({ probationMs: 300 });
    const { workload } = await host.until('a workload', (status) => status.workload.pid !== null);
    await publishDaemon(host, '1.1.0', programOf('1.1.0'));
    // It waits for the outcome, which another daemon tells than the one that was asked.
    expect(await host.core('sidecar', 'update')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('the daemon is 1.1.0 now'),
    });
    const after = await host.until(
      'the new daemon',
      ({ updater, state }) => updater.version === '1.1.0' && state === 'idle',
    );
    expect(after.workload).toMatchObject({ pid: workload.pid, restarts: 0 });
    const [last] = await host.history();
    expect(last).toMatchObject({ outcome: 'committed', reason: 'the daemon is 1.1.0 now' });
    await eventually('its trust', async () => ((await record(host)).trial === null ? true : null));
    expect((await record(host)).current?.ref.version).toBe('1.1.0');
    // The same process: a service manager, a container and a shell see nothing.
    expect(await host.stop()).toBe(0);
    expect(await isAlive(workload.pid ?? 0)).toBe(false);
    // The installed program launches what is trusted.
    await host.start();
    await host.until('the trusted daemon', ({ updater }) => updater.version === '1.1.0');
  });

  it.each([
    ['ends at once', badDaemon('process.exit(3)')],
    ['hangs', badDaemon('setInterval(() => {}, 1000)')],
  ])('that %s leads back to the daemon before it', async (how, source) => {
    // The guard starts it anew by hand: here nobody else does.
    const host = await hostWith({ graceMs: 200, acknowledgeMs: how === 'hangs' ? 1_500 : 30_000 });
    const { workload } = await host.until('a workload', (status) => status.workload.pid !== null);
    await publishDaemon(host, '1.1.0', source);
    await update(host);
    const after = await host.until(
      'the daemon before it',
      (status) =>
        status.quarantine.length > 0 && status.state === 'idle' && status.updater.version === '1.0.0',
    );
    expect(after.workload).toMatchObject({ pid: workload.pid });
    expect(await host.answer()).toBe('baseline');
    const [last] = await host.history();
    expect(last).toMatchObject({ outcome: 'rolledBack', error: { code: 'DAEMON_FAILED' } });
  });

  it('that acknowledges and then dies, three times, leads back to the daemon before it', async () => {
    const host = await hostWith();
    const { workload } = await host.until('a workload', (status) => status.workload.pid !== null);
    await publishDaemon(host, '1.2.0', programOf('1.2.0'));
    await update(host);
    const ends: (number | string | null)[] = [];
    // What a service manager does.
    for (let start = 0; start < 3; start += 1) {
      ends.push(await host.exited());
      await host.start({ env: { TEST_RECORD: join(host.stateDir, 'daemon.json') } });
    }
    expect(ends).toEqual([9, 9, 9]);
    const after = await host.until(
      'the daemon before it',
      (status) => status.quarantine.length > 0 && status.state === 'idle',
    );
    expect(after.updater.version).toBe('1.0.0');
    expect(after.workload).toMatchObject({ pid: workload.pid, restarts: 0 });
    const [last, before] = await host.history();
    expect(before).toMatchObject({ outcome: 'committed', reason: 'the daemon is 1.2.0 now' });
    expect(last).toMatchObject({
      outcome: 'rolledBack',
      trigger: 'recovery',
      error: { code: 'DAEMON_FAILED' },
    });
    // Nothing brings it back: the release is in quarantine, and so is its daemon.
    const again = await host.core('sidecar', 'update');
    expect(again.stdout + again.stderr).toContain('failed here');
  }, 60_000);

  it('that takes the lock and then cannot come up, three times, leads back to the daemon before it', async () => {
    const host = await hostWith();
    const { workload } = await host.until('a workload', (status) => status.workload.pid !== null);
    await publishDaemon(host, '1.3.0', programOf('1.3.0'));
    await update(host);
    const ends: (number | string | null)[] = [];
    for (let start = 0; start < 3; start += 1) {
      ends.push(await host.exited());
      // Its start counts, though it closed everything in good order.
      expect((await record(host)).trial?.starts).toBe(start + 1);
      await host.start();
    }
    expect(ends).toEqual([2, 2, 2]);
    const after = await host.until(
      'the daemon before it',
      (status) => status.quarantine.length > 0 && status.state === 'idle',
    );
    expect(after.updater.version).toBe('1.0.0');
    expect(after.workload).toMatchObject({ pid: workload.pid, restarts: 0 });
  }, 60_000);

  it('that cannot read its configuration never takes over', async () => {
    const host = await hostWith();
    const { workload } = await host.until('a workload', (status) => status.workload.pid !== null);
    await publishDaemon(
      host,
      '1.1.0',
      badDaemon('process.exit(3)', `console.error('it has no such key'); process.exit(2)`),
    );
    await update(host);
    const after = await host.until(
      'quarantine',
      (status) => status.quarantine.length > 0 && status.state === 'idle',
    );
    expect(after.updater.version).toBe('1.0.0');
    expect(after.workload.pid).toBe(workload.pid);
    const [last] = await host.history();
    expect(last?.error).toMatchObject({
      code: 'DAEMON_SELF_TEST_FAILED',
      message: expect.stringContaining('no such key'),
    });
  });
});

/** Answers with its version on the sockets that it was given, and ends once nobody is left who has connected. */
const onSockets = (version: string): Buffer =>
  Buffer.from(`#!/usr/bin/env node
const http = require('node:http');
const net = require('node:net');
const server = http.createServer((_, response) => response.setHeader('connection', 'close').end('${version}'));
server.listen({ fd: 3 });
process.on('SIGTERM', () => net.Server.prototype.close.call(server, () => process.exit(0)));
`);

/** One request after the other, each on a connection of its own, until it is told to stop. */
function ask(url: string): { stop: () => Promise<{ answers: string[]; failures: unknown[] }> } {
  const over = new AbortController();
  const answers: string[] = [];
  const failures: unknown[] = [];
  const asking = (async () => {
    while (!over.signal.aborted) {
      try {
        answers.push(await (await fetch(url, { headers: { connection: 'close' } })).text());
      } catch (error) {
        failures.push(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await asking;
      return { answers, failures };
    },
  };
}

describe('a daemon that holds the listening sockets', () => {
  it('becomes the next one, and so does its workload after that, without a request refused', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${String(port)}/`;
    const listen = [`tcp://127.0.0.1:${String(port)}`];
    const host = await hostWith({}, { workload: { listen }, probe: { url } }, onSockets('baseline'));
    const { workload } = await host.until('a workload', (status) => status.workload.health?.healthy === true);
    const client = ask(url);
    await publishDaemon(host, '1.1.0', programOf('1.1.0'));
    await update(host);
    const isNew = ({ updater, state }: Status): boolean => updater.version === '1.1.0' && state === 'idle';
    const after = await host.until('the new daemon', isNew);
    expect(after.workload).toMatchObject({ pid: workload.pid, restarts: 0 });
    // Only a daemon that has the sockets still can swap without a refusal: who comes in between waits in them.
    await host.publisher.publish({ version: '1.2.0', program: onSockets('1.2.0') });
    await update(host);
    await host.until(
      'the new workload',
      ({ current, state }) => current.version === '1.2.0' && state === 'idle',
    );
    await eventually('its answer', async () => ((await (await fetch(url)).text()) === '1.2.0' ? true : null));
    const { answers, failures } = await client.stop();
    expect(failures).toEqual([]);
    expect(answers.filter((answer, index) => answer !== answers[index - 1])).toEqual(['baseline', '1.2.0']);
  });
});
