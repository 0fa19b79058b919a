/** Where and how the daemon runs: the manual channel, switched off, on Kubernetes, and by the reference document's variables. */
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describe, expect, inject, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { loadConfig, type Config } from '../../src/config/index.ts';
import { createControlClient } from '../../src/control/client.ts';
import { startDaemon } from '../../src/daemon.ts';
import { core, EMBEDDED, type CliRun } from '../cli/support/core.ts';
import { createHost, eventually, type Host } from './support/host.ts';
import { workloadProgram } from './support/workload-program.ts';

const RECORDER = fileURLToPath(new URL('support/record-sockets.mjs', import.meta.url));

/** A host whose feed has a name that no resolver knows, and whose daemon writes down every way out that it takes. */
async function recordedHost(channel: string): Promise<{ host: Host; sockets: () => Promise<string[]> }> {
  const host = await createHost({
    config: { update: { channel, feed_url: 'http://updates.invalid/feed', check_interval: 0.1, retries: 0 } },
  });
  const file = join(host.root, 'sockets');
  const { script } = inject('built');
  await host.start({
    argv: [process.execPath, '--import', RECORDER, script, '--config', host.configFile],
    env: { SOCKETS_FILE: file },
  });
  await host.until('idle', ({ state, workload }) => state === 'idle' && workload.state === 'running');
  const [, probe = ''] = /url: http:\/\/(\S+)\/healthz/.exec(await readFile(host.configFile, 'utf8')) ?? [];
  return {
    host,
    sockets: async () => {
      const [first, ...lines] = (await readFile(file, 'utf8')).trim().split('\n');
      expect(first).toBe('recording');
      // The workload's own address is asked for its health; that never leaves the host.
      return lines.filter((line) => line !== `tcp ${probe}`);
    },
  };
}

describe('on the manual channel', () => {
  it('the daemon makes no request of its own: not at the start, not idle, not for a bundle from a file, not at the stop', async () => {
    const { host, sockets } = await recordedHost('manual');
    await using _ = host;
    const status = await host.status();
    expect(status).toMatchObject({ channel: 'manual', next_check_at: null });
    expect(status?.next_check_why).toContain('manual');
    const bundle = await host.publisher.bundle({ version: '1.1.0', audience: 'airgap' });
    expect((await host.core('sidecar', 'update', '--bundle', bundle)).code).toBe(0);
    await host.until('the watch is over', ({ watching, state }) => watching === null && state === 'idle');
    expect(await host.stop()).toBe(0);
    expect(await sockets()).toEqual([]);
  });

  it('(and what shows that sees the request of a channel that checks by itself)', async () => {
    const { host, sockets } = await recordedHost('edge');
    await using _ = host;
    await eventually('a request', async () =>
      (await sockets()).some((line) => line.includes('updates.invalid')) ? true : null,
    );
  });
});

describe('with CORESDK_UPDATE_DISABLED', () => {
  it('check, update and apply are refused with the reason, exit 5; the workload runs, and nothing is asked of the feed', async () => {
    await using host = await createHost({ env: { CORESDK_UPDATE_DISABLED: 'true' } });
    const bundle = await host.publisher.bundle({ version: '1.1.0', audience: 'airgap' });
    await host.start();
    await host.until('running', ({ workload }) => workload.state === 'running');
    for (const args of [['--check'], [], ['--dry-run'], ['--bundle', bundle]]) {
      const { code, stderr } = await host.core('sidecar', 'update', ...args);
      expect([args, code]).toEqual([args, 5]);
      expect(stderr).toContain('CORESDK_UPDATE_DISABLED is set');
    }
    expect(host.feed.requests).toEqual([]);
  });
});

/** Runs a daemon in this process on what looks like Kubernetes, and the CLI as `kubectl exec` would. */
async function onKubernetes(
  signs: { readonly env?: Record<string, string>; readonly file?: string },
  body: (pod: { config: Config; cli: (...args: string[]) => Promise<CliRun> }) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-pod-'));
  const env = { ...signs.env };
  const exists = (path: string): boolean => path === signs.file;
  const path = join(root, 'sidecar.yaml');
  const baseline = join(root, 'baseline');
  await writeFile(baseline, workloadProgram('baseline', 'healthy'));
  await chmod(baseline, 0o755);
  const port = String(await freePort());
  const section = {
    state_dir: join(root, 'state'),
    update: { feed_url: 'http://127.0.0.1:9/' },
    workload: {
      binary: baseline,
      command: ['{binary}'],
      env: { PORT: port },
      stop_timeout: 1,
      output: join(root, 'log'),
    },
    probe: { url: `http://127.0.0.1:${port}/healthz` },
  };
  await writeFile(path, JSON.stringify(section), { mode: 0o644 });
  const { config } = await loadConfig({ path, env, exists });
  const daemon = await startDaemon({
    config,
    embedded: EMBEDDED,
    program: process.execPath,
    logger: pino({ level: 'silent' }),
    onFatal: (error) => {
      throw error;
    },
  });
  try {
    await body({ config, cli: (...args) => core(['sidecar', ...args, '--config', path], { env, exists }) });
  } finally {
    await daemon.stop();
    await rm(root, { recursive: true });
  }
  await expect(stat(config.control.socket)).rejects.toThrow('ENOENT');
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/token';

describe('on Kubernetes', () => {
  it.each([
    ['CORESDK_RUNTIME=k8s', { env: { CORESDK_RUNTIME: 'k8s' } }],
    ['KUBERNETES_SERVICE_HOST is set', { env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } }],
    [`${ACCOUNT} exists`, { file: ACCOUNT }],
  ])('known because %s, the workload is supervised, status says why, and update exits 5', (reason, signs) =>
    onKubernetes(signs, async ({ config, cli }) => {
      const client = createControlClient({ socket: config.control.socket });
      const status = await eventually('a healthy workload', async () => {
        const now = await client.status();
        return now.workload.health?.healthy === true ? now : null;
      });
      expect(status).toMatchObject({
        state: 'idle',
        next_check_at: null,
        workload: { state: 'running', restarts: 0 },
      });
      expect(status.disabled).toBe(`this host is Kubernetes (${reason}); change the image tag instead`);
      await expect(stat(config.stateDir)).rejects.toThrow('ENOENT');
      expect((await stat(config.control.socket)).mode & 0o777).toBe(0o600);

      const shown = await cli('status');
      expect([shown.exit, shown.err]).toEqual([0, '']);
      expect(shown.out).toContain(reason);
      for (const args of [[], ['--check'], ['--bundle', '/nowhere.jws']]) {
        const { exit, err } = await cli('update', ...args);
        expect([args, exit]).toEqual([args, 5]);
        expect(err).toContain(reason);
      }
      // Also for whoever asks the daemon itself.
      for (const refused of [
        client.check(),
        client.update({ dryRun: true }),
        client.apply('/x'),
        client.rollback(null),
      ])
        await expect(refused).rejects.toMatchObject({ code: 'UPDATES_DISABLED' });
      expect(await client.history(10)).toEqual([]);
    }),
  );
});

describe('the variables of the reference document', () => {
  it('mean what it says of them, at a real daemon', async () => {
    await using host = await createHost({
      env: {
        CORESDK_UPDATE_CHANNEL: 'manual',
        CORESDK_UPDATE_CHECK_INTERVAL: '1800',
        CORESDK_UPDATE_ROLLBACK_TIMEOUT: '45',
        CORESDK_RUNTIME: 'systemd',
        CORESDK_TENANT: 'acme',
      },
      config: {
        workload: {
          command: ['/bin/sh', '-c', 'echo "$CORESDK_TENANT" > "$TENANT_FILE"; exec "$0"', '{binary}'],
        },
      },
    });
    const tenantFile = join(host.root, 'tenant');
    const bundle = await host.publisher.bundle({ version: '1.1.0', audience: 'airgap' });
    await host.start({ env: { TENANT_FILE: tenantFile, CORESDK_UPDATE_BUNDLE_PATH: bundle } });
    const status = await host.until(
      'idle',
      ({ state, workload }) => state === 'idle' && workload.state === 'running',
    );
    expect(status).toMatchObject({ channel: 'manual', disabled: null });
    expect(await host.untilAnswer()).toBe('baseline');
    expect(await readFile(tenantFile, 'utf8')).toBe('acme\n');
    // A bare update applies CORESDK_UPDATE_BUNDLE_PATH on manual.
    expect((await host.core('sidecar', 'update')).code).toBe(0);
    expect(await host.untilAnswer()).toBe('1.1.0');
  });

  it.each([
    [{ CORESDK_UPDATE_CHECK_INTERVAL: '1800' }, 1_800_000],
    [{ CORESDK_UPDATE_CHECK_INTERVAL_SECS: '900' }, 900_000],
    [{ CORESDK_UPDATE_CHECK_INTERVAL: '1800', CORESDK_UPDATE_CHECK_INTERVAL_SECS: '900' }, 900_000],
    [{}, 3_600_000],
  ])('%j checks every %i ms', async (env, expected) => {
    const { config } = await loadConfig({
      path: '/nowhere/sidecar.yaml',
      explicit: false,
      env,
      exists: () => false,
    });
    expect(config.update).toMatchObject({
      channel: 'stable',
      checkIntervalMs: expected,
      rollbackTimeoutMs: 60_000,
      disabled: false,
    });
  });
});
