import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { explain, loadConfig, type ConfigEntry } from '../../src/config/index.ts';
import { fileSchema, KEYS } from '../../src/config/schema.ts';

const HOST = { CORESDK_RUNTIME: 'host' };

/** What is told of a file, by key; the folder is taken out. */
async function told(yaml: string, env: Record<string, string> = HOST): Promise<Map<string, ConfigEntry>> {
  const folder = await mkdtemp(join(tmpdir(), 'explain-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'sidecar.yaml');
  await writeFile(path, yaml);
  const entries = explain(await loadConfig({ path, explicit: true, env, exists: () => false }));
  return new Map(
    entries.map((entry) => [entry.key, { ...entry, from: entry.from.replace(`${folder}/`, '') }]),
  );
}

/** Every key that may stand in a file, set to something that is not its default. */
const EVERYTHING = {
  state_dir: '/srv/coresdk',
  update: {
    channel: 'edge',
    check_interval: 90.5,
    rollback_timeout: 61,
    bundle_path: '/mnt/a.jws',
    feed_url: 'https://feed.example/f',
    jitter: 0.2,
    min_age: 60,
    allow_security_override: true,
    stall_timeout: 31,
    retries: 5,
    max_bytes_per_second: 4096,
    windows: [{ start: '02:05', length: 3600, days: ['sat', 'sun'], time_zone: 'Europe/Berlin' }],
    approval: 'required',
    gate: 'fleetlock',
    mirrors: ['https://mirror.example/f'],
  },
  http: { ca_file: '/ca', cert_file: '/cert', key_file: '/key', proxy: 'http://proxy.example:3128' },
  workload: {
    command: ['{binary}', 'run'],
    binary: '/usr/bin/thing',
    env: { TOKEN: 'hush' },
    stop_timeout: 11,
    output: '/var/log/thing',
    backoff_initial: 2,
    backoff_max: 31,
    crash_loop: 4,
    stable_after: 61,
    listen: ['tcp://127.0.0.1:7701'],
    swap: 'overlap',
    drain_url: 'http://127.0.0.1:7701/drain',
    drain_timeout: 12,
  },
  probe: {
    url: 'http://127.0.0.1:1/x',
    socket: '/run/thing.sock',
    status: [200, 204],
    body: 'ok',
    headers: { Authorization: 'hush' },
    ca_file: '/probe-ca',
    soak: 5,
    failure_threshold: 4,
    flap_threshold: 5,
    interval: 2,
    timeout: 3,
    success_threshold: 2,
    watch: 601,
  },
  hooks: {
    pre_swap: ['/bin/a'],
    drain: ['/bin/d'],
    post_commit: ['/bin/b'],
    post_rollback: ['/bin/c', 'x'],
    timeout: 61,
  },
  fleet: {
    group: 'web',
    host: 'web-1',
    fleetlock_url: 'https://lock.example/',
    nats: { url: ['nats://nats.example:4222'], credentials_file: '/nats.creds', slots: 3 },
    operator_keys_file: '/operators.json',
  },
  control: {
    socket: '/run/core.sock',
    group: 'ops',
    http: '127.0.0.1:7702',
    token_file: '/token',
    hosts: ['core.example'],
  },
  log: { level: 'debug' },
};

describe('explain', () => {
  it('tells every key in the order of the schema, then what only the environment says', async () => {
    expect([...(await told('')).keys()]).toEqual([
      ...KEYS.keys(),
      ...['CORESDK_UPDATE_DISABLED', 'CORESDK_TENANT', 'CORESDK_RUNTIME'],
      ...['http_proxy', 'https_proxy', 'no_proxy'],
    ]);
  });

  it('tells defaults in the words of the file, and that they are defaults', async () => {
    const entries = await told('');
    expect(entries.get('update.check_interval')).toEqual({
      key: 'update.check_interval',
      value: 3600,
      from: 'default',
    });
    expect(entries.get('update.windows')?.value).toBeNull();
    expect(entries.get('control.socket')?.value).toBe('/var/lib/coresdk/control.sock');
    expect(entries.get('http.proxy')).toMatchObject({ value: null, from: 'default' });
    expect(entries.get('CORESDK_RUNTIME')).toMatchObject({ value: 'host', from: 'env CORESDK_RUNTIME' });
  });

  it('gives back, key by key, what stands in the file, and the line it stands in', async () => {
    // JSON is YAML.
    const yaml = JSON.stringify(EVERYTHING, null, 1);
    const file = fileSchema.parse(EVERYTHING) as Record<string, Record<string, unknown>>;
    const entries = await told(yaml);
    const secret = ['workload.env', 'probe.headers'];
    for (const key of KEYS.keys()) {
      if (key === 'probe.exec') continue; // not beside probe.url
      const [section = '', name] = key.split('.');
      const wanted = name === undefined ? file[section] : file[section]?.[name];
      expect(wanted, key).toBeDefined();
      if (!secret.includes(key)) expect(entries.get(key)?.value, key).toEqual(wanted);
      expect(entries.get(key)?.from, key).toMatch(/^file sidecar\.yaml:\d+$/);
    }
    expect((await told('probe:\n  exec: [/bin/true]')).get('probe.exec')?.value).toEqual(['/bin/true']);
  });

  it('hides secrets', async () => {
    const entries = await told(JSON.stringify(EVERYTHING));
    expect(entries.get('workload.env')?.value).toEqual({ TOKEN: '(hidden)' });
    expect(entries.get('probe.headers')?.value).toEqual({ Authorization: '(hidden)' });
    const hidden = await told('http:\n  proxy: http://me:hush@proxy.example:3128', {
      ...HOST,
      HTTPS_PROXY: 'http://you:hush@other.example',
    });
    expect(hidden.get('http.proxy')).toEqual({
      key: 'http.proxy',
      value: 'http://(hidden)@proxy.example:3128',
      from: 'file sidecar.yaml:2',
    });
    expect(hidden.get('https_proxy')).toMatchObject({ value: null, from: 'default' });
    for (const entry of [...entries.values(), ...hidden.values()])
      expect(JSON.stringify(entry)).not.toContain('hush');
  });

  it.each([
    ['http://me:hush@proxy.example:3128', 'http://(hidden)@proxy.example:3128'],
    ['http://me:h@sh@proxy.example', '(hidden)'],
    ['http://me:h/hush@proxy.example', '(hidden)'],
    ['me:hush@proxy.example', '(hidden)'],
    ['socks5://me:hush@proxy.example', '(hidden)'],
    ['proxy.example:3128', 'proxy.example:3128'],
  ])('hides the password of a proxy of the environment, whatever it looks like: %s', async (proxy, shown) => {
    const entries = await told('', { ...HOST, https_proxy: proxy, NO_PROXY: 'internal' });
    expect(entries.get('https_proxy')).toMatchObject({ value: shown, from: 'env https_proxy' });
    expect(entries.get('no_proxy')).toMatchObject({ value: 'internal' });
  });

  it('tells what the environment overrides, and the switches that have no key', async () => {
    const entries = await told('update:\n  channel: stable\nhttp:\n  proxy: none\n', {
      CORESDK_UPDATE_CHANNEL: 'edge',
      CORESDK_UPDATE_DISABLED: '1',
      CORESDK_TENANT: 'acme',
      KUBERNETES_SERVICE_HOST: '10.0.0.1',
    });
    expect(entries.get('update.channel')).toMatchObject({
      value: 'edge',
      from: 'env CORESDK_UPDATE_CHANNEL',
    });
    expect(entries.get('CORESDK_UPDATE_DISABLED')).toMatchObject({
      value: true,
      from: 'env CORESDK_UPDATE_DISABLED',
    });
    expect(entries.get('CORESDK_TENANT')).toMatchObject({ value: 'acme', from: 'env CORESDK_TENANT' });
    expect(entries.get('CORESDK_RUNTIME')).toMatchObject({
      value: 'k8s',
      from: 'env KUBERNETES_SERVICE_HOST',
    });
    expect(entries.get('http.proxy')).toMatchObject({ value: 'none', from: 'file sidecar.yaml:4' });
  });
});
