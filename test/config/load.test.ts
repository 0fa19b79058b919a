import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, type LoadedConfig } from '../../src/config/index.ts';
import { UpdateError } from '../../src/errors.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
  path = join(folder, 'sidecar.yaml');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const exists = (): boolean => false;

/** What `probe` is where only its times are given. */
const PROBE_DEFAULTS = {
  socket: null,
  exec: null,
  status: [200],
  body: null,
  headers: {},
  caFile: null,
  soakMs: 0,
  failureThreshold: 3,
  flapThreshold: 3,
};

async function load(yaml: string | Uint8Array, env: Record<string, string> = {}): Promise<LoadedConfig> {
  await writeFile(path, yaml, { mode: 0o644 });
  return loadConfig({ path, explicit: true, env, exists });
}

/** The code and the lines of the refusal, with the folder taken out. */
async function refusal(loading: Promise<unknown>): Promise<{ code: string; lines: string[] }> {
  const error = await loading.then(
    () => {
      throw new Error('expected a refusal');
    },
    (reason: unknown) => reason,
  );
  if (!(error instanceof UpdateError)) throw error;
  return { code: error.code, lines: error.message.replaceAll(`${folder}/`, '').split('\n') };
}

const problems = async (yaml: string, env: Record<string, string> = {}): Promise<string[]> => {
  const { code, lines } = await refusal(load(yaml, env));
  expect(code).toBe('CONFIG_INVALID');
  return lines;
};

describe('what is read', () => {
  it('is every default where the file is empty', async () => {
    for (const yaml of ['', '# nothing\n', '---\n', '{}\n', 'update:\n']) {
      const { config, origins, warnings } = await load(yaml);
      expect(config).toEqual({
        update: {
          channel: 'stable',
          checkIntervalMs: 3_600_000,
          rollbackTimeoutMs: 60_000,
          bundlePath: null,
          feedUrl: null,
          jitter: 0.1,
          minAgeMs: 0,
          allowSecurityOverride: false,
          stallTimeoutMs: 30_000,
          retries: 4,
          maxBytesPerSecond: null,
          windows: [],
          approval: 'none',
          gate: 'none',
          mirrors: [],
          disabled: false,
        },
        http: {
          caFile: null,
          certFile: null,
          keyFile: null,
          proxies: { http: null, https: null, none: '' },
        },
        workload: {
          command: ['{binary}', 'serve'],
          binary: null,
          env: {},
          stopTimeoutMs: 10_000,
          output: 'inherit',
          backoffInitialMs: 1000,
          backoffMaxMs: 30_000,
          crashLoop: 3,
          stableAfterMs: 60_000,
          listen: [],
          swap: 'stop-start',
          drainUrl: null,
          drainTimeoutMs: 10_000,
        },
        probe: {
          url: 'http://127.0.0.1:7701/healthz',
          ...PROBE_DEFAULTS,
          intervalMs: 1000,
          timeoutMs: 2000,
          successThreshold: 1,
          watchMs: 600_000,
        },
        stateDir: '/var/lib/coresdk',
        hooks: { preSwap: null, drain: null, postCommit: null, postRollback: null, timeoutMs: 60_000 },
        fleet: {
          group: 'default',
          host: null,
          fleetlockUrl: null,
          nats: null,
          operatorKeysFile: null,
        },
        control: {
          socket: '/var/lib/coresdk/control.sock',
          group: null,
          http: null,
          tokenFile: null,
          hosts: [],
        },
        log: { level: 'info' },
        tenant: null,
        runtime: { kind: 'host', reason: expect.any(String) },
      });
      expect(new Set(Object.values(origins))).toEqual(new Set(['default']));
      expect(warnings).toEqual([]);
    }
  });

  it('is the reference document’s file as it stands there', async () => {
    const { config, origins } = await load(
      [
        '# coresdk-sidecar.yaml',
        'update:',
        '  channel: stable          # stable | edge | manual',
        '  check_interval: 3600     # seconds between update checks (default: 3600)',
        '  rollback_timeout: 60     # seconds to wait for health check before rollback (default: 60)',
        '',
      ].join('\n'),
    );
    expect(config.update).toMatchObject({
      channel: 'stable',
      checkIntervalMs: 3_600_000,
      rollbackTimeoutMs: 60_000,
    });
    expect(origins['update.check_interval']).toBe(`file ${path}:4`);
    expect(origins['update.jitter']).toBe('default');
  });

  it('is the air-gapped file of the reference document', async () => {
    const { config } = await load(
      'update:\n  channel: manual\n  bundle_path: /mnt/artifact-store/coresdk-sidecar-1.3.0.jws\n',
    );
    expect(config.update).toMatchObject({
      channel: 'manual',
      bundlePath: '/mnt/artifact-store/coresdk-sidecar-1.3.0.jws',
    });
  });

  it('is every key, with fractions of seconds in milliseconds', async () => {
    const { config } = await load(`
state_dir: ${folder}/state
control: { socket: ${folder}/s.sock, group: ops, http: "127.0.0.1:7702", token_file: /etc/token, hosts: [sidecar.example] }
hooks: { pre_swap: [/opt/pre, --wait], drain: [/opt/drain], post_commit: [/opt/post], post_rollback: [/opt/back], timeout: 1.5 }
log: { level: debug }
update: { channel: edge, check_interval: 0.5, rollback_timeout: 1.25, feed_url: "file:///srv/feed", jitter: 0, min_age: 1.5, allow_security_override: true, stall_timeout: 2.5, retries: 0, max_bytes_per_second: 1000000, approval: required, gate: fleetlock, mirrors: ["https://mirror.example/feed", "file:///srv/mirror"], windows: [{ start: "02:30", length: 3600, days: [mon, sun], time_zone: Europe/Berlin }, { start: "00:00", length: 60 }] }
http: { ca_file: /etc/ca.pem, cert_file: /etc/cert.pem, key_file: /etc/key.pem, proxy: "http://proxy:3128" }
workload:
  command: [/usr/bin/node, "{binary}", run]
  binary: /opt/thing
  env: { PORT: "80" }
  stop_timeout: 0.1
  output: /var/log/thing.log
  backoff_initial: 0.05
  backoff_max: 0.2
  crash_loop: 5
  stable_after: 2
  listen: ["tcp://127.0.0.1:80", "tcp://[::1]:80", "tcp://localhost:81", "unix:/run/thing.sock"]
  swap: overlap
  drain_url: "http://127.0.0.1:7701/drain?now"
  drain_timeout: 2.5
fleet:
  group: web
  host: web-1
  fleetlock_url: "https://lock.example/"
  nats: { url: [nats://a.example:4222, tls://b.example:4222], credentials_file: /etc/nats.creds, ca_file: /etc/nats-ca.pem, cert_file: /etc/nats-cert.pem, key_file: /etc/nats-key.pem, slots: 5 }
  operator_keys_file: /etc/operators.json
probe: { url: "https://localhost:8443/health?deep=1", interval: 0.1, timeout: 0.2, success_threshold: 3, watch: 4, socket: /run/thing.sock, status: [200, 204], body: ok, headers: { X-A: b }, ca_file: /etc/probe.pem, soak: 1.5, failure_threshold: 4, flap_threshold: 5 }
`);
    expect(config).toEqual({
      update: {
        channel: 'edge',
        checkIntervalMs: 500,
        rollbackTimeoutMs: 1250,
        bundlePath: null,
        feedUrl: 'file:///srv/feed',
        jitter: 0,
        minAgeMs: 1500,
        allowSecurityOverride: true,
        stallTimeoutMs: 2500,
        retries: 0,
        maxBytesPerSecond: 1_000_000,
        windows: [
          { startMinute: 150, lengthMs: 3_600_000, days: [1, 7], timeZone: 'Europe/Berlin' },
          { startMinute: 0, lengthMs: 60_000, days: [], timeZone: 'UTC' },
        ],
        approval: 'required',
        gate: 'fleetlock',
        mirrors: ['https://mirror.example/feed', 'file:///srv/mirror'],
        disabled: false,
      },
      http: {
        caFile: '/etc/ca.pem',
        certFile: '/etc/cert.pem',
        keyFile: '/etc/key.pem',
        proxies: {
          http: { url: 'http://proxy:3128', from: 'http.proxy' },
          https: { url: 'http://proxy:3128', from: 'http.proxy' },
          none: '',
        },
      },
      workload: {
        command: ['/usr/bin/node', '{binary}', 'run'],
        binary: '/opt/thing',
        env: { PORT: '80' },
        stopTimeoutMs: 100,
        output: '/var/log/thing.log',
        backoffInitialMs: 50,
        backoffMaxMs: 200,
        crashLoop: 5,
        stableAfterMs: 2000,
        listen: ['tcp://127.0.0.1:80', 'tcp://[::1]:80', 'tcp://localhost:81', 'unix:/run/thing.sock'],
        swap: 'overlap',
        drainUrl: 'http://127.0.0.1:7701/drain?now',
        drainTimeoutMs: 2500,
      },
      probe: {
        url: 'https://localhost:8443/health?deep=1',
        socket: '/run/thing.sock',
        exec: null,
        status: [200, 204],
        body: 'ok',
        headers: { 'X-A': 'b' },
        caFile: '/etc/probe.pem',
        soakMs: 1500,
        failureThreshold: 4,
        flapThreshold: 5,
        intervalMs: 100,
        timeoutMs: 200,
        successThreshold: 3,
        watchMs: 4000,
      },
      stateDir: `${folder}/state`,
      hooks: {
        preSwap: ['/opt/pre', '--wait'],
        drain: ['/opt/drain'],
        postCommit: ['/opt/post'],
        postRollback: ['/opt/back'],
        timeoutMs: 1500,
      },
      fleet: {
        group: 'web',
        host: 'web-1',
        fleetlockUrl: 'https://lock.example/',
        nats: {
          urls: ['nats://a.example:4222', 'tls://b.example:4222'],
          credentialsFile: '/etc/nats.creds',
          caFile: '/etc/nats-ca.pem',
          certFile: '/etc/nats-cert.pem',
          keyFile: '/etc/nats-key.pem',
          slots: 5,
        },
        operatorKeysFile: '/etc/operators.json',
      },
      control: {
        socket: `${folder}/s.sock`,
        group: 'ops',
        http: '127.0.0.1:7702',
        tokenFile: '/etc/token',
        hosts: ['sidecar.example'],
      },
      log: { level: 'debug' },
      tenant: null,
      runtime: { kind: 'host', reason: expect.any(String) },
    });
  });

  it('is nothing where the default file is missing, and an error where a person named it', async () => {
    const { config } = await loadConfig({ path, explicit: false, env: {}, exists });
    expect(config.update.channel).toBe('stable');
    expect(await refusal(loadConfig({ path, explicit: true, env: {}, exists }))).toEqual({
      code: 'CONFIG_UNREADABLE',
      lines: ['sidecar.yaml: expected a configuration file, found none'],
    });
    expect((await refusal(loadConfig({ path, env: {}, exists }))).code).toBe('CONFIG_UNREADABLE');
  });
});

describe('a key that is not known', () => {
  it('is refused with its place, its value, what is allowed and the nearest key', async () => {
    expect(await problems('# x\nupdate:\n  chanel: stable\n')).toEqual([
      'sidecar.yaml:3: unknown key update.chanel with "stable"; expected one of channel, check_interval, rollback_timeout, bundle_path, feed_url, jitter, min_age, allow_security_override, stall_timeout, retries, max_bytes_per_second, windows, approval, gate, mirrors; did you mean "channel"?',
    ]);
  });

  it('is recognised in camelCase, with dashes, and outside of its section', async () => {
    expect(await problems('update: { checkInterval: 5 }')).toEqual([
      expect.stringMatching(/did you mean "check_interval"\?$/),
    ]);
    expect(await problems('update: { check-interval: 5 }')).toEqual([
      expect.stringMatching(/did you mean "check_interval"\?$/),
    ]);
    expect(await problems('channel: edge')).toEqual([
      expect.stringMatching(/did you mean update\.channel\?$/),
    ]);
    expect(await problems('updates: { channel: edge }')).toEqual([
      'sidecar.yaml:1: unknown key updates with a map; expected one of update, http, workload, probe, hooks, fleet, control, log, state_dir; did you mean "update"?',
    ]);
  });

  it.each([
    'update: { window: [] }',
    'fleet: { lock: x }',
    'workload: { listens: [] }',
    'probe: { soaks: 1 }',
    'update: { disabled: true }',
    '__proto__: { a: 1 }',
    'constructor: 1',
  ])('is refused: %s', async (yaml) => {
    expect(await problems(yaml)).toEqual([expect.stringMatching(/^sidecar\.yaml:1: unknown key/)]);
  });
});

describe('a value that is not allowed', () => {
  it('is refused with its place, what is allowed and what was found', async () => {
    expect(await problems('update:\n  channel: stabel\n')).toEqual([
      'sidecar.yaml:2: update.channel: expected one of stable, edge, manual, found "stabel"; did you mean "stable"?',
    ]);
    expect(await problems('update:\n  check_interval: soon')).toEqual([
      'sidecar.yaml:2: update.check_interval: expected a number of seconds from 0.1 to 604800, found "soon"',
    ]);
    expect(await problems('workload: { command: [a, 1, "{binary}"] }')).toEqual([
      'sidecar.yaml:1: workload.command[1]: expected a list of words of which one holds {binary}, the program that is updated, found 1',
    ]);
    expect(await problems('update: 5')).toEqual([
      'sidecar.yaml:1: update: expected a map of the keys channel, check_interval, rollback_timeout, bundle_path, feed_url, jitter, min_age, allow_security_override, stall_timeout, retries, max_bytes_per_second, windows, approval, gate, mirrors, found 5',
    ]);
  });

  it('is told together with all the others, one line each', async () => {
    const lines = await problems('update:\n  channel: x\n  jitter: 2\nprobe:\n  watch: -1\nfoo: 1\n', {
      CORESDK_UPDATE_ROLLBACK_TIMEOUT: 'no',
      CORESDK_RUNTIME: 'k9s',
    });
    expect(lines.map((line) => line.split(': ')[0]).sort()).toEqual([
      'CORESDK_RUNTIME',
      'CORESDK_UPDATE_ROLLBACK_TIMEOUT',
      'sidecar.yaml:2',
      'sidecar.yaml:3',
      'sidecar.yaml:5',
      'sidecar.yaml:6',
    ]);
  });

  it.each([
    ['update: { channel: Stable }', 'update.channel'],
    ['update: { channel: }', 'update.channel'],
    ['update: { channel: [stable] }', 'update.channel'],
    ['update: { check_interval: 0 }', 'update.check_interval'],
    ['update: { check_interval: 604801 }', 'update.check_interval'],
    ['update: { check_interval: .inf }', 'update.check_interval'],
    ['update: { check_interval: .nan }', 'update.check_interval'],
    ['update: { check_interval: "60" }', 'update.check_interval'],
    ['update: { rollback_timeout: -1 }', 'update.rollback_timeout'],
    ['update: { bundle_path: bundle.jws }', 'update.bundle_path'],
    ['update: { bundle_path: "" }', 'update.bundle_path'],
    ['update: { jitter: 1.1 }', 'update.jitter'],
    ['update: { min_age: -1 }', 'update.min_age'],
    ['update: { min_age: 31536001 }', 'update.min_age'],
    ['update: { allow_security_override: "yes" }', 'update.allow_security_override'],
    ['update: { allow_security_override: 1 }', 'update.allow_security_override'],
    ['update: { feed_url: "ftp://host/feed" }', 'update.feed_url'],
    ['update: { feed_url: "host/feed" }', 'update.feed_url'],
    ['update: { feed_url: "https://host/feed?x=1" }', 'update.feed_url'],
    ['update: { feed_url: "https://host/feed?" }', 'update.feed_url'],
    ['update: { feed_url: "https://host/feed#x" }', 'update.feed_url'],
    ['update: { feed_url: "file://host/feed" }', 'update.feed_url'],
    ['update: { stall_timeout: 0 }', 'update.stall_timeout'],
    ['update: { retries: 21 }', 'update.retries'],
    ['update: { windows: [] }', 'update.windows'],
    ['update: { windows: [{ start: "2:00", length: 60 }] }', 'update.windows[0].start'],
    ['update: { windows: [{ start: "24:00", length: 60 }] }', 'update.windows[0].start'],
    ['update: { windows: [{ start: "02:00" }] }', 'update.windows[0].length'],
    ['update: { windows: [{ start: "02:00", length: 59 }] }', 'update.windows[0].length'],
    ['update: { windows: [{ start: "02:00", length: 604801 }] }', 'update.windows[0].length'],
    ['update: { windows: [{ start: "02:00", length: 60, days: [] }] }', 'update.windows[0].days'],
    ['update: { windows: [{ start: "02:00", length: 60, days: [monday] }] }', 'update.windows[0].days[0]'],
    ['update: { windows: [{ start: "02:00", length: 60, time_zone: Mars }] }', 'update.windows[0].time_zone'],
    ['update: { approval: maybe }', 'update.approval'],
    ['update: { gate: lock }', 'update.gate'],
    ['update: { mirrors: [] }', 'update.mirrors'],
    ['update: { mirrors: ["https://host/feed?x=1"] }', 'update.mirrors[0]'],
    ['update: { gate: fleetlock }', 'fleet.fleetlock_url'],
    [
      '{ update: { gate: fleetlock }, fleet: { fleetlock_url: "https://lock.example/", group: web_1 } }',
      'fleet.group',
    ],
    ['update: { gate: nats }', 'fleet.nats'],
    ['fleet: { group: "a.b" }', 'fleet.group'],
    ['fleet: { host: "" }', 'fleet.host'],
    ['fleet: { fleetlock_url: "ftp://lock.example/" }', 'fleet.fleetlock_url'],
    ['fleet: { nats: { url: "http://host:4222" } }', 'fleet.nats.url'],
    ['fleet: { nats: { url: "nats://me:hush@host:4222" } }', 'fleet.nats.url'],
    ['fleet: { nats: { url: "nats://host:4222", slots: 0 } }', 'fleet.nats.slots'],
    ['fleet: { nats: { url: "nats://host:4222", cert_file: /cert.pem } }', 'fleet.nats'],
    ['fleet: { nats: { url: "nats://host:4222", key_file: /key.pem } }', 'fleet.nats'],
    ['fleet: { operator_keys_file: keys.json }', 'fleet.operator_keys_file'],
    ['hooks: { drain: drain }', 'hooks.drain'],
    ['workload: { listen: [] }', 'workload.listen'],
    ['workload: { listen: ["tcp://host.example:80"] }', 'workload.listen[0]'],
    ['workload: { listen: ["tcp://127.0.0.1:0"] }', 'workload.listen[0]'],
    ['workload: { listen: ["tcp://127.0.0.1:65536"] }', 'workload.listen[0]'],
    ['workload: { listen: ["tcp://127.0.0.1:80", "tcp://localhost:80"] }', 'workload.listen'],
    ['workload: { listen: ["unix:thing.sock"] }', 'workload.listen[0]'],
    ['workload: { swap: both }', 'workload.swap'],
    ['workload: { drain_url: "unix:/drain" }', 'workload.drain_url'],
    ['workload: { drain_timeout: 0 }', 'workload.drain_timeout'],
    ['hooks: { pre_swap: /opt/hook }', 'hooks.pre_swap'],
    ['hooks: { pre_swap: [] }', 'hooks.pre_swap'],
    ['hooks: { pre_swap: [hook] }', 'hooks.pre_swap'],
    ['hooks: { timeout: 0 }', 'hooks.timeout'],
    ['update: { retries: 1.5 }', 'update.retries'],
    ['update: { max_bytes_per_second: 1023 }', 'update.max_bytes_per_second'],
    ['update: { max_bytes_per_second: "1M" }', 'update.max_bytes_per_second'],
    ['http: { ca_file: ca.pem }', 'http.ca_file'],
    ['http: { proxy: "socks5://proxy:1080" }', 'http.proxy'],
    ['http: { proxy: "proxy:3128" }', 'http.proxy'],
    ['http: { proxy: "http://proxy:3128/path" }', 'http.proxy'],
    ['http: { cert_file: /etc/cert.pem }', 'http.key_file'],
    ['http: { key_file: /etc/key.pem }', 'http.cert_file'],
    ['workload: { command: [] }', 'workload.command'],
    ['workload: { command: serve }', 'workload.command'],
    ['workload: { command: [/usr/bin/thing, serve] }', 'workload.command'],
    ['workload: { command: ["{binary}", ""] }', 'workload.command[1]'],
    ['workload: { binary: ./thing }', 'workload.binary'],
    ['workload: { env: [A] }', 'workload.env'],
    ['workload: { env: { "A-B": x } }', 'workload.env.A-B'],
    ['workload: { env: { A: "x\\0y" } }', 'workload.env.A'],
    ['workload: { stop_timeout: -0.1 }', 'workload.stop_timeout'],
    ['workload: { output: log.txt }', 'workload.output'],
    ['workload: { crash_loop: 0 }', 'workload.crash_loop'],
    ['workload: { crash_loop: 1.5 }', 'workload.crash_loop'],
    ['workload: { backoff_initial: 5, backoff_max: 2 }', 'workload.backoff_max'],
    ['probe: { url: "unix:/run/x" }', 'probe.url'],
    ['probe: { url: "file:///healthz" }', 'probe.url'],
    ['probe: { success_threshold: 0 }', 'probe.success_threshold'],
    ['state_dir: state', 'state_dir'],
    ['state_dir: "/tmp/a\\0b"', 'state_dir'],
    [`control: { socket: "/${'x'.repeat(103)}" }`, 'control.socket'],
    [`state_dir: "/${'x'.repeat(95)}"`, 'control.socket'],
    ['log: { level: verbose }', 'log.level'],
  ])('is refused: %s', async (yaml, key) => {
    expect(await problems(yaml)).toEqual([
      expect.stringMatching(new RegExp(`^sidecar\\.yaml:1: ${RegExp.escape(key)}: expected `)),
    ]);
  });

  it('never shows what may be secret', async () => {
    const told = [
      ...(await problems('update: { feed_url: "https://user:hunter2@host/feed" }')),
      ...(await problems('update: { feed_url: "https://host/feed?token=hunter2" }')),
      ...(await problems('probe: { url: "http://user:hunter2@host/" }')),
      ...(await problems('http: { proxy: "ftp://user:hunter2@host/" }')),
      ...(await problems('http: { proxy: "http://user:hun@hunter2/ter@host/x" }')),
      ...(await problems('workload: { env: { "PASS WORD": hunter2 } }')),
      ...(await problems('workload: { env: hunter2 }')),
      ...(await problems('workload: { env: { PIN: 4711 } }')),
    ].join('\n');
    expect(told).not.toMatch(/hunter2|4711/);
    expect(told).toContain('found "https://***@host/feed"');
    expect(told).toContain(
      'workload.env.PIN: expected a map of names (letters, digits, _) to texts; numbers and booleans in quotes, found a number',
    );
  });

  it('is shortened where it is long, and kept on one line', async () => {
    const [line = '', more] = await problems(`update: { channel: "a\\nb${'x'.repeat(500)}" }`);
    expect(more).toBeUndefined();
    expect(line.length).toBeLessThan(200);
  });
});

describe('a file that is not the YAML that is expected', () => {
  it.each([
    ['update: [', 'sidecar.yaml:1: '],
    ['update:\n  channel: stable\n  channel: edge\n', 'sidecar.yaml:3: Map keys must be unique'],
    ['- update\n', 'sidecar.yaml:1: expected a map, found a list'],
    ['stable', 'sidecar.yaml:1: expected a map, found "stable"'],
    ['a: &a [x]\nb: *a\n', 'sidecar.yaml:2: expected no aliases, found *a'],
    ['update: !secret x\n', 'sidecar.yaml:1: '],
    ['a: 1\n---\nb: 2\n', 'sidecar.yaml'],
    ['1: x\n', 'sidecar.yaml:1: expected keys that are texts'],
    ['? [a]\n: b\n', 'sidecar.yaml:1: expected keys that are texts'],
  ])('is refused: %j', async (yaml, start) => {
    const { code, lines } = await refusal(load(yaml));
    expect(code).toBe('CONFIG_UNREADABLE');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^${RegExp.escape(start)}`));
  });

  it('is refused quickly where its aliases would grow without end', async () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i += 1) {
      const [name, before] = [String.fromCharCode(97 + i), String.fromCharCode(96 + i)];
      bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(', ')}]`);
    }
    expect((await refusal(load(bomb.join('\n')))).lines).toEqual([
      expect.stringMatching(/expected no aliases/),
    ]);
  });

  it('is refused where it is not UTF-8, too large, or nested too deeply', async () => {
    expect((await refusal(load(Uint8Array.of(0x61, 0x3a, 0x20, 0xff)))).lines).toEqual([
      expect.stringMatching(/^sidecar\.yaml: expected YAML in UTF-8/),
    ]);
    expect((await refusal(load('#'.repeat(256 * 1024 + 1)))).lines).toEqual([
      'sidecar.yaml: expected at most 262144 bytes, found 262145',
    ]);
    const deep = await refusal(load(`a: ${'['.repeat(100_000)}`));
    expect(deep.code).toBe('CONFIG_UNREADABLE');
    expect(deep.lines).toHaveLength(1);
  });

  it('is refused where everybody may write it', async () => {
    await writeFile(path, '');
    await chmod(path, 0o646);
    const { code, lines } = await refusal(loadConfig({ path, env: {}, exists }));
    expect(code).toBe('CONFIG_UNREADABLE');
    expect(lines).toEqual([
      'sidecar.yaml: expected a file that only its owner and group may write, found mode 646; run chmod o-w',
    ]);
    await chmod(path, 0o664);
    await expect(loadConfig({ path, env: {}, exists })).resolves.toBeDefined();
  });

  it('is refused where it is a folder or a pipe', async () => {
    await mkdir(path);
    expect((await refusal(loadConfig({ path, env: {}, exists }))).lines).toEqual([
      'sidecar.yaml: expected a regular file',
    ]);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '644', pipe]);
    expect((await refusal(loadConfig({ path: pipe, env: {}, exists }))).lines).toEqual([
      'pipe: expected a regular file',
    ]);
  });
});

describe('proxies', () => {
  const proxies = async (env: Record<string, string>, yaml = ''): Promise<unknown> =>
    (await load(yaml, env)).config.http.proxies;

  it('come from the variables that other programs know, lower case first', async () => {
    expect(
      await proxies({ HTTPS_PROXY: 'http://a:1', HTTP_PROXY: 'http://b:2', NO_PROXY: 'localhost' }),
    ).toEqual({
      https: { url: 'http://a:1', from: 'HTTPS_PROXY' },
      http: { url: 'http://b:2', from: 'HTTP_PROXY' },
      none: 'localhost',
    });
    expect(
      await proxies({ HTTPS_PROXY: 'http://a:1', https_proxy: 'http://c:3', no_proxy: 'x', NO_PROXY: 'y' }),
    ).toEqual({ https: { url: 'http://c:3', from: 'https_proxy' }, http: null, none: 'x' });
    expect(await proxies({ HTTPS_PROXY: '', https_proxy: '' })).toEqual({
      https: null,
      http: null,
      none: '',
    });
  });

  it('are overridden by http.proxy, but for the hosts that need none', async () => {
    const env = { HTTPS_PROXY: 'http://a:1', NO_PROXY: 'localhost' };
    const own = { url: 'https://p:8443', from: 'http.proxy' };
    expect(await proxies(env, 'http: { proxy: "https://p:8443" }')).toEqual({
      http: own,
      https: own,
      none: 'localhost',
    });
    expect(await proxies(env, 'http: { proxy: none }')).toEqual({
      http: null,
      https: null,
      none: 'localhost',
    });
  });

  it('of the environment do not keep anybody from reading the configuration', async () => {
    expect(await proxies({ HTTPS_PROXY: 'socks5://proxy' })).toMatchObject({
      https: { url: 'socks5://proxy' },
    });
  });
});

describe('the environment', () => {
  it('wins over the file', async () => {
    const { config, origins, warnings } = await load(
      'update: { channel: edge, rollback_timeout: 5, jitter: 0.5 }',
      {
        CORESDK_UPDATE_CHANNEL: 'manual',
        CORESDK_UPDATE_CHECK_INTERVAL: '1800',
        CORESDK_UPDATE_ROLLBACK_TIMEOUT: '7.5',
        CORESDK_UPDATE_BUNDLE_PATH: '/srv/b.jws',
        CORESDK_UPDATE_DISABLED: 'true',
      },
    );
    expect(config.update).toEqual({
      channel: 'manual',
      checkIntervalMs: 1_800_000,
      rollbackTimeoutMs: 7500,
      bundlePath: '/srv/b.jws',
      feedUrl: null,
      jitter: 0.5,
      minAgeMs: 0,
      allowSecurityOverride: false,
      stallTimeoutMs: 30_000,
      retries: 4,
      maxBytesPerSecond: null,
      windows: [],
      approval: 'none',
      gate: 'none',
      mirrors: [],
      disabled: true,
    });
    expect(origins).toMatchObject({
      'update.channel': 'env CORESDK_UPDATE_CHANNEL',
      'update.check_interval': 'env CORESDK_UPDATE_CHECK_INTERVAL',
      'update.jitter': `file ${path}:1`,
      CORESDK_UPDATE_DISABLED: 'env CORESDK_UPDATE_DISABLED',
    });
    expect(warnings).toEqual([]);
  });

  it('is not asked where a variable is empty', async () => {
    const { config } = await load('update: { channel: edge }', {
      CORESDK_UPDATE_CHANNEL: '',
      CORESDK_UPDATE_CHECK_INTERVAL_SECS: '',
      CORESDK_UPDATE_DISABLED: '',
      CORESDK_TENANT: '',
      CORESDK_RUNTIME: '',
    });
    expect(config.update).toMatchObject({ channel: 'edge', checkIntervalMs: 3_600_000, disabled: false });
    expect(config.tenant).toBeNull();
  });

  it('prefers the _SECS form, and warns where the two differ', async () => {
    const both = await load('', {
      CORESDK_UPDATE_CHECK_INTERVAL_SECS: '60',
      CORESDK_UPDATE_CHECK_INTERVAL: '3600',
    });
    expect(both.config.update.checkIntervalMs).toBe(60_000);
    expect(both.warnings).toEqual([
      'CORESDK_UPDATE_CHECK_INTERVAL=3600 is ignored: CORESDK_UPDATE_CHECK_INTERVAL_SECS=60 wins',
    ]);
    const same = await load('', {
      CORESDK_UPDATE_CHECK_INTERVAL_SECS: '60',
      CORESDK_UPDATE_CHECK_INTERVAL: '60.0',
    });
    expect(same.warnings).toEqual([]);
  });

  it.each([
    ['CORESDK_UPDATE_CHANNEL', 'beta', 'update.channel: expected one of stable, edge, manual, found "beta"'],
    [
      'CORESDK_UPDATE_CHECK_INTERVAL_SECS',
      '1h',
      'update.check_interval: expected a number of seconds from 0.1 to 604800, found "1h"',
    ],
    [
      'CORESDK_UPDATE_CHECK_INTERVAL',
      '0x10',
      'update.check_interval: expected a number of seconds from 0.1 to 604800, found "0x10"',
    ],
    [
      'CORESDK_UPDATE_ROLLBACK_TIMEOUT',
      ' 5',
      'update.rollback_timeout: expected a number of seconds from 0.1 to 86400, found " 5"',
    ],
    [
      'CORESDK_UPDATE_ROLLBACK_TIMEOUT',
      '0',
      'update.rollback_timeout: expected a number of seconds from 0.1 to 86400, found 0',
    ],
    ['CORESDK_UPDATE_BUNDLE_PATH', 'b.jws', 'update.bundle_path: expected an absolute path, found "b.jws"'],
    ['CORESDK_UPDATE_DISABLED', 'yes', 'expected one of true, 1, false, 0, found "yes"'],
    ['CORESDK_RUNTIME', 'kubernetes', 'expected one of auto, k8s, host, systemd, docker, found "kubernetes"'],
  ])('refuses %s=%s', async (name, value, message) => {
    expect(await problems('', { [name]: value })).toEqual([`${name}: ${message}`]);
  });

  it.each([
    ['true', true],
    ['1', true],
    ['TRUE', true],
    ['false', false],
    ['0', false],
  ])('reads CORESDK_UPDATE_DISABLED=%s as %s', async (text, disabled) => {
    expect((await load('', { CORESDK_UPDATE_DISABLED: text })).config.update.disabled).toBe(disabled);
  });

  it('passes the tenant on to the workload, over the file', async () => {
    const { config, warnings } = await load('workload: { env: { CORESDK_TENANT: other, A: b } }', {
      CORESDK_TENANT: 'acme',
    });
    expect(config.tenant).toBe('acme');
    expect(config.workload.env).toEqual({ CORESDK_TENANT: 'acme', A: 'b' });
    expect(warnings).toEqual([
      'workload.env.CORESDK_TENANT is ignored: the environment’s CORESDK_TENANT wins',
    ]);
  });

  it('warns of a CORESDK_UPDATE_ variable that it does not know', async () => {
    const { warnings } = await load('', {
      CORESDK_UPDATE_CHANEL: 'edge',
      CORESDK_UPDATE_COLOUR: 'red',
      CORESDK_OTHER: 'x',
    });
    expect(warnings).toEqual([
      'CORESDK_UPDATE_CHANEL is not known and has no effect; did you mean CORESDK_UPDATE_CHANNEL?',
      'CORESDK_UPDATE_COLOUR is not known and has no effect',
    ]);
  });

  it('tells Kubernetes', async () => {
    const { config } = await load('', { CORESDK_RUNTIME: 'k8s' });
    expect(config.runtime).toEqual({ kind: 'k8s', reason: 'CORESDK_RUNTIME=k8s' });
  });
});

describe('a configuration that is allowed but doubtful', () => {
  it('is read with a warning', async () => {
    const { warnings } = await load('probe: { interval: 60, watch: 10 }');
    expect(warnings).toEqual([
      'probe.interval is not shorter than update.rollback_timeout: a new version is probed only once',
      'workload.stable_after is longer than probe.watch: a slow crash loop may outlast the watch',
    ]);
  });
});
