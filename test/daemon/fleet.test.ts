import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openJournal } from '../../src/adapters/journal.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { openFleet, type Fleet } from '../../src/daemon/fleet.ts';
import { createGlance } from '../../src/fleet/glance.ts';
import { outcomeOf, presenceOf } from '../fleet/support/fleet-rig.ts';
import { announceHead } from '../../src/fleet/announce.ts';
import { askNats } from '../../src/adapters/nats-look.ts';
import { connectNats } from '../../src/fleet/connect.ts';
import { signOrder } from '../../src/fleet/orders.ts';
import { presenceSchema } from '../../src/fleet/records.ts';
import { ensureSpine } from '../../src/fleet/spine.ts';
import { makeSigner } from '../../src/publish/signer.ts';
import type { Journal } from '../../src/services/ports.ts';
import { memoryHeadStore } from '../fakes/head-store.ts';
import { fakeHost } from '../fakes/host.ts';
import { memoryQuarantine } from '../fakes/quarantine.ts';
import { createFakeReporter, type FakeReporter } from '../fakes/reporter.ts';
import { memoryVersionStore } from '../fakes/version-store.ts';
import { testKeys } from '../fixtures/keys.ts';
import { hasNats, startNats, type NatsServer } from '../fleet/support/nats-server.ts';
import { accessTo, NAMES, PRODUCT, until } from '../fleet/support/world.ts';
import { signedHead } from '../services/head-fixture.ts';

const DIGEST = 'a'.repeat(64);
const EXAMPLE = join(import.meta.dirname, '../../deploy/nats/nats-server.conf');

/** The example as it is, but for its keys, its paths and what the test's server has already. */
async function exampleConfig(folder: string, operators: string, host: string): Promise<string> {
  const text = (await readFile(EXAMPLE, 'utf8'))
    .replace(/^listen:.*$/m, '')
    .replace(/^jetstream \{[^}]*\}$/m, '')
    .replace('/etc/nats/server.pem', join(folder, 'server.pem'))
    .replace('/etc/nats/server.key', join(folder, 'server.key'))
    .replace(/"UOPERATORS0*"/g, `"${operators}"`)
    .replace(/"UHOSTWEBH10*"/g, `"${host}"`);
  if (text.includes('UHOST') || text.includes('UOPERATORS')) throw new Error('the example has changed');
  return text;
}

describe.skipIf(!hasNats)('a host in a fleet, with the rights of the example', () => {
  let folder: string;
  let server: NatsServer;
  let url: string;
  let journal: Journal;
  let fleet: Fleet;
  let reporter: FakeReporter;
  let operators: Awaited<ReturnType<typeof connectNats>>;
  const operatorKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const path = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fleet-test-'));
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
        ...['-keyout', path('server.key'), '-out', path('server.pem')],
      ],
      { stdio: 'ignore' },
    );
    const [all, host] = [nkeys.createUser(), nkeys.createUser()];
    await writeFile(path('all.nk'), all.getSeed(), { mode: 0o600 });
    await writeFile(path('host.nk'), host.getSeed(), { mode: 0o600 });
    server = await startNats(await exampleConfig(folder, all.getPublicKey(), host.getPublicKey()));
    url = server.url.replace('nats:', 'tls:');
    const access = accessTo(url, { caFile: path('server.pem'), credentialsFile: path('all.nk') });
    operators = await connectNats(access, { name: 'operators' });
    await ensureSpine(operators, PRODUCT, { leaseMs: 5_000 });
    await writeFile(
      path('operators.json'),
      JSON.stringify({ keys: [operatorKey.publicKey.export({ format: 'jwk' })] }),
      { mode: 0o600 },
    );
    reporter = createFakeReporter();
    ({ journal } = openJournal({ path: path('state.db'), clock: systemClock, outbox: true }));
    const opened = await openFleet({
      config: resolveConfig(
        {
          state_dir: folder,
          update: { gate: 'nats' },
          fleet: {
            group: 'web',
            host: 'h1',
            operator_keys_file: path('operators.json'),
            nats: { url, ca_file: path('server.pem'), credentials_file: path('host.nk') },
          },
        },
        { env: {} },
      ).config,
      host: fakeHost({ trust: (await testKeys()).trust, product: PRODUCT }),
      disk: nodeDisk,
      ordersFolder: path('orders'),
      clock: systemClock,
      reporter,
      heads: memoryHeadStore(),
      journal,
      quarantine: memoryQuarantine(),
      store: memoryVersionStore({ folders: new Map() }, { version: '1.0.0', entry: '/opt/sidecar' }),
    });
    if (opened === null) throw new Error('expected a fleet');
    fleet = opened;
    fleet.begin(() => ({ state: 'idle', target: null, paused: null }));
    await until(async () => (await fleet.report()).link?.connected === true);
  });
  afterAll(async () => {
    await fleet.close();
    journal.end();
    await operators.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('tells how its attempts end', async () => {
    const { jetstreamManager } = await import('@nats-io/jetstream');
    const manager = await jetstreamManager(operators);
    const around = fleet.around(journal);
    const attempt = { id: 'a-1', trigger: 'schedule', mode: 'apply' } as const;
    await around.enter(attempt, 'probing', { version: '1.1.0', digest: DIGEST });
    await around.close({
      attempt,
      outcome: 'committed',
      reason: '',
      error: null,
      stage: 'committed',
      from: null,
      to: { origin: 'store', version: '1.1.0', digest: DIGEST },
    });
    await until(async () => (await journal.outbox(1)).length === 0);
    const stored = await manager.streams.getMessage(NAMES.streams.outcomes, {
      last_by_subj: NAMES.outcome('web', 'h1'),
    });
    expect(stored?.json()).toMatchObject({ id: 'h1/a-1', outcome: 'committed', digest: DIGEST });
  });

  it('may not read what others say of themselves, and is told so', async () => {
    await expect(fleet.glance()).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    // The link itself is not disturbed.
    expect((await fleet.report()).link?.connected).toBe(true);
    expect(reporter.warnings().filter(({ message }) => /permission/i.test(message))).toEqual([]);
  });

  it('sees the whole fleet with the rights that the example has for it', async () => {
    const nkeyOf = async (name: string): Promise<string> =>
      nkeys.fromSeed(await readFile(path(name))).getPublicKey();
    const config = await exampleConfig(folder, await nkeyOf('all.nk'), await nkeyOf('host.nk'));
    await using stack = new AsyncDisposableStack();
    const viewed = await startNats(config.replaceAll('#+ ', '').replaceAll(/^.*#-$/gm, ''));
    stack.defer(() => viewed.close());
    const connectAs = (name: string, inbox: string): ReturnType<typeof connectNats> =>
      connectNats(
        accessTo(viewed.url.replace('nats:', 'tls:'), {
          caFile: path('server.pem'),
          credentialsFile: path(name),
        }),
        { name, inbox },
      );
    const all = await connectAs('all.nk', '_INBOX');
    stack.defer(() => all.close());
    await ensureSpine(all, PRODUCT);
    const { jetstream } = await import('@nats-io/jetstream');
    await jetstream(all).publish(
      `$KV.${NAMES.buckets.hosts}.${NAMES.hostKey('web', 'h2')}`,
      JSON.stringify(presenceOf({ host: 'h2' })),
    );
    await jetstream(all).publish(NAMES.outcome('web', 'h2'), JSON.stringify(outcomeOf({ host: 'h2' })));
    const glance = createGlance({
      product: PRODUCT,
      keys: new Map(),
      isUp: () => undefined,
      connect: () => connectAs('host.nk', '_INBOX_web_h1'),
      withinMs: 10_000,
      now: () => Date.now(),
    });
    expect(await glance()).toMatchObject({
      hosts: { present: 1, lost: 0, stopped: 0 },
      running: [{ version: '1.0.0', group: 'web', hosts: 1 }],
      outcomes: [{ host: 'h2', outcome: 'rolledBack' }],
    });
  });

  it('is listed, and says how it is', async () => {
    const { Kvm } = await import('@nats-io/kv');
    const hosts = await new Kvm(operators).open(NAMES.buckets.hosts);
    await until(async () => (await hosts.get(NAMES.hostKey('web', 'h1'))) !== null);
    const entry = await hosts.get(NAMES.hostKey('web', 'h1'));
    expect(presenceSchema.parse(entry?.json())).toMatchObject({
      host: 'h1',
      state: 'idle',
      channel: 'stable',
    });
  });

  it('hears of heads that are announced', async () => {
    const hint = fleet.nudges.next(new AbortController().signal);
    const bytes = await signedHead({ version: '1.1.0' }, 'stable', Math.floor(Date.now() / 1000) * 1000);
    await announceHead(operators, NAMES, 'stable', bytes);
    expect(await hint).toBe('1.1.0 was announced on stable');
  });

  it('obeys an order that comes, and asks for one that came before', async () => {
    const { jetstream } = await import('@nats-io/jetstream');
    const order = async (digest: string): Promise<void> => {
      const payload = {
        iss: 'controller',
        aud: PRODUCT,
        iat: Math.floor(Date.now() / 1000),
        seq: 1,
        action: 'halt',
        release: { version: '1.1.0', digest },
        reason: 'too many went back',
      } as const;
      const bytes = await signOrder(payload, makeSigner(operatorKey.privateKey));
      await jetstream(operators).publish(NAMES.order(digest), bytes);
    };
    expect(await fleet.orders.halted({ version: '1.1.0', digest: DIGEST })).toBeNull();
    await order(DIGEST);
    await until(async () => (await fleet.orders.halted({ version: '1.1.0', digest: DIGEST })) !== null);
    expect((await fleet.report()).halts).toHaveLength(1);
  });

  it('takes a place of its group', async () => {
    const { signal } = new AbortController();
    await fleet.lease?.acquire('a-1', signal);
    expect(fleet.lease?.lost?.('a-1')).toBeNull();
    await fleet.lease?.release('a-1', signal);
  });

  it('has no right to more: every right that it needed was there, and others are refused', async () => {
    expect(reporter.warnings()).toEqual([]);
    const access = accessTo(url, { caFile: path('server.pem'), credentialsFile: path('host.nk') });
    const connection = await connectNats(access, { name: 'h1', inbox: '_INBOX_web_h1' });
    const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
    const asHost = jetstream(connection, { timeout: 1_000 });
    for (const subject of [
      NAMES.outcome('web', 'h2'),
      NAMES.outcome('db', 'h1'),
      NAMES.head('stable'),
      NAMES.order(DIGEST),
      `$KV.${NAMES.buckets.hosts}.web.h2`,
      `$KV.${NAMES.buckets.leases}.db.0`,
    ])
      await expect(asHost.publish(subject, 'x')).rejects.toThrow(/Permissions Violation/i);
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 1_000 });
    await expect(manager.streams.delete(NAMES.streams.outcomes)).rejects.toThrow(/Permissions Violation/i);
    await connection.close();
  });

  it('is well for the doctor, who stores nothing there', async () => {
    const { jetstreamManager } = await import('@nats-io/jetstream');
    const manager = await jetstreamManager(operators);
    const stored = async (): Promise<number[]> =>
      Promise.all(
        [NAMES.streams.outcomes, `KV_${NAMES.buckets.leases}`].map(
          async (name) => (await manager.streams.info(name)).state.last_seq,
        ),
      );
    const before = await stored();
    const access = accessTo(url, { caFile: path('server.pem'), credentialsFile: path('host.nk') });
    const connection = await connectNats(access, { name: 'h1', inbox: '_INBOX_web_h1' });
    const asked = {
      product: PRODUCT,
      group: 'web',
      channel: 'stable',
      orders: true,
      places: true,
      answerMs: 5_000,
    } as const;
    expect(await askNats(connection, { ...asked, host: 'h1' })).toEqual([]);
    expect(await askNats(connection, { ...asked, host: 'h2' })).toMatchObject([
      { kind: 'right', places: false },
      { kind: 'right', places: false },
    ]);
    await connection.close();
    expect(await stored()).toEqual(before);
  });

  it('cannot have an answer of the server put where it may not write itself', async () => {
    const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
    const manager = await jetstreamManager(operators);
    const victims = [
      [NAMES.streams.orders, NAMES.order('d'.repeat(64))],
      [NAMES.streams.heads, NAMES.head('edge')],
      [NAMES.streams.outcomes, NAMES.outcome('web', 'h2')],
      [`KV_${NAMES.buckets.hosts}`, `$KV.${NAMES.buckets.hosts}.web.h2`],
      [`KV_${NAMES.buckets.leases}`, `$KV.${NAMES.buckets.leases}.db.0`],
    ] as const;
    const access = accessTo(url, { caFile: path('server.pem'), credentialsFile: path('host.nk') });
    const connection = await connectNats(access, { name: 'h1', inbox: '_INBOX_web_h1' });
    const asHost = jetstream(connection, { timeout: 5_000 });
    // A place holds whatever the host wrote into it, and is answered with when it is asked for.
    const place = `$KV.${NAMES.buckets.leases}.web.9`;
    await asHost.publish(place, 'forged');
    for (const [, reply] of victims) {
      connection.publish(NAMES.outcome('web', 'h1'), 'x', { reply });
      connection.publish(`$JS.API.DIRECT.GET.KV_${NAMES.buckets.leases}.${place}`, '', { reply });
    }
    // The server does what one connection asks in order: with this answer, all answers before it are where they go.
    await asHost.publish(NAMES.outcome('web', 'h1'), 'last');
    await connection.close();
    for (const [stream, subject] of victims) {
      const { state } = await manager.streams.info(stream, { subjects_filter: subject });
      expect(state.subjects ?? {}).toEqual({});
    }
  });

  it('is refused with another key, and where the server is another', async () => {
    await writeFile(path('stranger.nk'), nkeys.createUser().getSeed(), { mode: 0o600 });
    const stranger = accessTo(url, { caFile: path('server.pem'), credentialsFile: path('stranger.nk') });
    await expect(connectNats(stranger, { name: 'x' })).rejects.toMatchObject({
      code: 'FLEET_UNREACHABLE',
      message: expect.stringMatching(/Authorization Violation/i) as unknown,
    });
    const unknown = accessTo(url, { credentialsFile: path('host.nk') });
    await expect(connectNats(unknown, { name: 'x' })).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    await writeFile(path('open.nk'), 'SU', { mode: 0o644 });
    await expect(
      connectNats(accessTo(url, { credentialsFile: path('open.nk') }), { name: 'x' }),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
