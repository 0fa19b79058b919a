import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import type { FleetHostView, FleetOrderView, FleetRolloutView, FleetView } from '../../src/control/api.ts';
import type { Embedded } from '../../src/embedded.ts';
import { BAD, fleetRig, outcomeOf, presenceOf, type FleetRig } from '../fleet/support/fleet-rig.ts';
import { hasNats } from '../fleet/support/nats-server.ts';
import { tempFolder } from '../fixtures/release.ts';

const EMBEDDED: Embedded = { version: '1.0.0', commit: 'test', builtFrom: 0, trust: null, feedUrl: null };

interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

async function core(args: readonly string[], stop?: AbortSignal): Promise<Ran> {
  let [out, err] = ['', ''];
  const exit = await runCli(['fleet', ...args], {
    env: {},
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    embedded: EMBEDDED,
    exists: () => false,
    ...(stop === undefined ? {} : { stop }),
  });
  return { exit, out, err };
}

describe('core fleet without a fleet', () => {
  it.each(['status', 'hosts', 'rollout', 'init', 'watch'])('%s says how to name one', async (command) => {
    const { exit, err } = await core([command]);
    expect(exit).toBe(2);
    expect(err).toContain('FLEET_NOT_CONFIGURED');
    expect(err).toContain('--nats');
  });

  it('says that nobody answers', async () => {
    const { exit, err } = await core(['status', '--nats', 'nats://127.0.0.1:9']);
    expect(exit).toBe(1);
    expect(err).toContain('FLEET_UNREACHABLE');
    expect(err).toContain('Check the address');
    expect(err).not.toContain('it is tried again by itself');
  });

  it.each([
    ['init --replicas 2', 'expected 1, 3 or 5'],
    ['init --replicas x', 'expected 1, 3 or 5'],
    ['hosts --state nonsense', 'Allowed choices are recovering, idle, '],
    ['hosts --state Lost', 'stopped, lost'],
  ])('`%s` is refused before anybody is asked', async (line, words) => {
    const { exit, out, err } = await core([...line.split(' '), '--nats', 'nats://127.0.0.1:9']);
    expect({ exit, out }).toEqual({ exit: 2, out: '' });
    expect(err).toMatch(/^error: [^\n]+ \[USAGE\]: See `--help`\.\n$/);
    expect(err).toContain(words);
  });

  it.each([
    'http://a:4222',
    'a:4222',
    'nats://',
    'nats://a:4222/path',
    'nats://a?hush=1',
    'nats://me:hush@a:4222',
    'tls://hush@a:4222',
    'me:hush@a',
    'nats://me:hush/@a:4222',
    'nats://h:hush',
  ])('--nats %s is no address, and no password in it is shown', async (url) => {
    const { exit, out, err } = await core(['status', '--nats', 'nats://127.0.0.1:9', '--nats', url]);
    expect({ exit, out }).toEqual({ exit: 2, out: '' });
    expect(err).toMatch(/^error: [^\n]+ \[USAGE\]: See `--help`\.\n$/);
    expect(err).toContain('nats://HOST:PORT or tls://HOST:PORT without user and password');
    expect(err).not.toContain('hush');
  });
});

describe.skipIf(!hasNats)('core fleet', () => {
  let fleet: FleetRig;
  let at: string[];
  let sign: string[];
  beforeAll(async () => {
    fleet = await fleetRig();
    const folder = await tempFolder();
    await writeFile(join(folder, 'keys.json'), fleet.jwks);
    await writeFile(join(folder, 'operator.pem'), fleet.pem, { mode: 0o600 });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(join(folder, 'stranger.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }), {
      mode: 0o600,
    });
    at = ['--nats', fleet.server.url, '--operator-keys', join(folder, 'keys.json')];
    sign = [...at, '--key', join(folder, 'operator.pem'), '--by', 'alice'];
    await fleet.present(
      presenceOf({ host: 'h1', workload: { version: '1.1.0', digest: BAD } }),
      presenceOf({ host: 'h2' }),
      presenceOf({ host: 'h3', target: { version: '1.1.0', digest: BAD }, state: 'probing' }),
      presenceOf({ host: 'h4', group: 'edge', state: 'stopped' }),
    );
    await fleet.say(outcomeOf({ host: 'h1', outcome: 'committed' }), outcomeOf({ host: 'h2' }));
  });
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  it('init may be run again', async () => {
    const { exit, out } = await core(['init', ...at]);
    expect(exit).toBe(0);
    expect(out).toContain('coresdk_coresdk-sidecar_outcomes: there');
  });

  it('status tells who is there, what runs and how the last attempts ended', async () => {
    const { exit, out } = await core(['status', '--json', ...at]);
    expect(exit).toBe(0);
    expect(JSON.parse(out) as FleetView).toMatchObject({
      hosts: { present: 3, lost: 0, stopped: 1 },
      running: [
        { version: '1.1.0', group: 'web', hosts: 1 },
        { version: '1.0.0', group: 'edge', hosts: 1 },
        { version: '1.0.0', group: 'web', hosts: 2 },
      ],
      outcomes: [
        { host: 'h2', outcome: 'rolledBack', code: 'PROBE_TIMEOUT' },
        { host: 'h1', outcome: 'committed', code: null },
      ],
    });
    expect((await core(['status', ...at])).out).toContain('coresdk-sidecar: 3 hosts, 1 stopped');
  });

  it('hosts can be picked', async () => {
    const { out } = await core(['hosts', '--json', '--group', 'web', '--state', 'idle', ...at]);
    expect((JSON.parse(out) as FleetHostView[]).map(({ host }) => host)).toEqual(['h1', 'h2']);
    expect((await core(['hosts', ...at])).out.split('\n')).toHaveLength(6);
  });

  it('rollout counts each host once', async () => {
    const { exit, out } = await core(['rollout', '--json', ...at]);
    expect(exit).toBe(0);
    expect(JSON.parse(out) as FleetRolloutView[]).toMatchObject([
      {
        version: '1.1.0',
        digests: [BAD],
        halted: null,
        groups: [
          { group: 'edge', committed: 0, failed: 0, updating: 0, pending: 1 },
          { group: 'web', committed: 1, failed: 1, updating: 1, pending: 0 },
        ],
      },
    ]);
  });

  it('a key that hosts do not know orders nothing', async () => {
    const stranger = [...at, '--key', sign[5]?.replace('operator.pem', 'stranger.pem') ?? ''];
    const { exit, err } = await core(['halt', '1.1.0', '--reason', 'x', ...stranger]);
    expect(exit).toBe(1);
    expect(err).toContain('expected one of the operators’ keys');
    expect(await fleet.orders()).toHaveLength(0);
  });

  it('halt and resume are orders that hosts obey, each given once', async () => {
    const halted = await core(['halt', '1.1.0', '--reason', 'crashes', '--json', ...sign]);
    expect(halted.exit).toBe(0);
    expect(JSON.parse(halted.out) as FleetOrderView[]).toMatchObject([
      { action: 'halt', version: '1.1.0', digest: BAD, by: 'alice', reason: 'crashes', until: null },
    ]);
    await core(['halt', 'bbbbbbbb', '--reason', 'again', ...sign]);
    expect(await fleet.orders()).toHaveLength(1);
    const rollout = await core(['rollout', '1.1.0', ...at]);
    expect(rollout.exit).toBe(5);
    expect(rollout.out).toContain('HALTED by alice');
    // Without the keys nobody's orders count, and that is said.
    const unknowing = await core(['rollout', '--nats', fleet.server.url]);
    expect(unknowing.out).not.toContain('HALTED');
    expect(unknowing.err).toContain('1 order does not count');
    expect((await core(['resume', '1.1.0', '--reason', 'mended', ...sign])).exit).toBe(0);
    expect((await core(['rollout', '1.1.0', ...at])).exit).toBe(0);
    expect((await fleet.orders()).map(({ payload }) => payload.action)).toEqual(['halt', 'resume']);
  });

  it('a halt until it is taken back outlasts one that ends by itself, and says what hosts without NATS need', async () => {
    const release = `8.8.8@${'8'.repeat(64)}`;
    const ends = await core(['halt', release, '--reason', 'x', '--for', '12h', '--json', ...sign]);
    expect(JSON.parse(ends.out)).toMatchObject([{ until: expect.any(String) as unknown }]);
    const { out } = await core(['halt', release, '--reason', 'y', ...sign]);
    expect(out).toMatch(
      /\n +core feed rollout --stop --channel \w+ --feed FEED --key HEAD_KEY --trust TRUST_SET\n/,
    );
    const stands = await core(['halt', release, '--reason', 'z', '--json', ...sign]);
    expect(JSON.parse(stands.out)).toMatchObject([{ until: null, reason: 'y' }]);
  });

  it('names no release that nobody spoke of, unless told its digest', async () => {
    const { exit, err } = await core(['halt', '9.9.9', '--reason', 'x', ...sign]);
    expect(exit).toBe(2);
    expect(err).toContain('9.9.9');
    const early = `9.9.9@${'e'.repeat(64)}`;
    expect((await core(['halt', early, '--reason', 'x', ...sign])).out).toContain(
      'halted: 9.9.9 (eeeeeeeeeeee)',
    );
  });

  it('watch says what it would do, until it is stopped', async () => {
    const stop = new AbortController();
    const lines: string[] = [];
    const ended = runCli(['fleet', 'watch', '--json', '--failures', '1', ...at], {
      env: {},
      stdout: {
        write: (text) => {
          lines.push(text);
          if (text.includes('"decided"')) stop.abort();
        },
      },
      stderr: { write: () => undefined },
      embedded: EMBEDDED,
      exists: () => false,
      stop: stop.signal,
    });
    await fleet.say(outcomeOf({ host: 'h7', digest: 'd'.repeat(64), to: '1.3.0' }));
    expect(await ended).toBe(0);
    expect(lines.at(-1)).toContain('"version":"1.3.0"');
  });
});
