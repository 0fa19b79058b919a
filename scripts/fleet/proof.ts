/**
 * The proof: a sick release is published to a canary's share of a fleet, while half of it is cut off, NATS is killed and a controller
 * dies. It must be halted before it leaves the canary, no host may end on it, none may be stuck, and each outcome is counted once.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../build.ts';
import { freePort } from '../../demo/free-port.ts';
import { connectNats } from '../../src/fleet/connect.ts';
import { importOperatorKeys } from '../../src/fleet/orders.ts';
import { readFleet, type FleetReading } from '../../src/fleet/reading.ts';
import { ensureSpine } from '../../src/fleet/spine.ts';
import { fleetView } from '../../src/fleet/view.ts';
import { generateKeys } from '../../src/publish/keys.ts';
import { serveFeed } from '../../test/e2e/support/feed-server.ts';
import { startNats } from '../../test/fleet/support/nats-server.ts';
import { readFile } from 'node:fs/promises';
import { startControllers } from './controllers.ts';
import { startDaemons } from './daemons.ts';
import { createPublisher, operatorKey } from './publisher.ts';
import { startRelay } from './relay.ts';
import { serverCost, type ServerCost } from './server-cost.ts';
import { BAD_VERSION, type HostCount } from './sim-host.ts';
import { startSimulation } from './workers.ts';

/** The size of a run. */
export interface ProofOptions {
  readonly hosts: number;
  readonly daemons: number;
  /** Processes of simulated hosts. */
  readonly processes: number;
  /** The share of hosts that get a release first, percent. */
  readonly canary: number;
  readonly checkIntervalS: number;
  /** How long each thing that must happen may take, ms. */
  readonly patienceMs: number;
  readonly log: (line: string) => void;
}

/** What a run showed. */
export interface ProofResult {
  readonly hosts: number;
  readonly canaryHosts: number;
  readonly touched: number;
  readonly touchedOutside: number;
  readonly onBad: number;
  /** Hosts that do not end on the well release. */
  readonly notOnGood: number;
  /** Hosts that were never seen idle after they had reached it. */
  readonly stuck: number;
  readonly outcomes: number;
  /** How many of each kind, with the code where there is one. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly outcomesLost: number;
  readonly outcomesTwice: number;
  readonly outcomesUnknown: number;
  readonly halts: number;
  /** From the first outcome of the sick release in NATS to the order in NATS, ms, by the server's clock. */
  readonly haltMs: number;
  /** Seconds from the publication of the well release to the last host on it. */
  readonly healS: number;
  readonly seconds: number;
  readonly simulationCpuS: number;
  readonly simulationBytes: number;
  /** From the start of the server after it was killed to the end. */
  readonly server: ServerCost;
}

const PRODUCT = 'coresdk-sidecar';
const GOOD_VERSION = '1.2.0';
const SETTLED = new Set(['idle']);

function kindsOf({ outcomes }: FleetReading): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { value } of outcomes) {
    const kind = value.error === null ? value.outcome : `${value.outcome} ${value.error.code}`;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

/** Runs the proof. Everything that it starts is ended, whatever happens. */
export async function prove(options: ProofOptions): Promise<ProofResult> {
  const { hosts, daemons: daemonCount, processes, canary, checkIntervalS, patienceMs, log } = options;
  const began = performance.now();
  const say = (line: string): void => {
    log(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}`);
  };
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  await using cleanup = new AsyncDisposableStack();
  const folder = async (parent: string): Promise<string> => {
    const made = await mkdtemp(join(parent, 'coresdk-fleet-'));
    cleanup.defer(() => rm(made, { recursive: true, force: true }));
    return made;
  };
  const root = await folder(tmpdir());
  const states = await folder(memory);
  const until = async (what: string, look: () => Promise<boolean>): Promise<void> => {
    const deadline = performance.now() + patienceMs;
    while (!(await look())) {
      if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    say(what);
  };

  const keys = join(root, 'keys');
  const { trust } = await generateKeys({
    product: PRODUCT,
    dir: keys,
    development: true,
    modulusLength: 2048,
  });
  const operator = await operatorKey(root);
  const out = join(root, 'program');
  const { program } = await build({ trust: join(keys, 'trust.json'), version: '1.0.0', form: 'script', out });
  const built = { program, core: join(out, 'core'), keys };
  const feedDir = join(root, 'feed');
  await mkdir(feedDir);
  const publisher = await createPublisher(root, keys, feedDir, PRODUCT);
  const feed = await serveFeed(feedDir);
  cleanup.defer(() => feed.close());

  const monitor = await freePort();
  const nats = await startNats(`http: "127.0.0.1:${String(monitor)}"\nmax_connections: 20000`);
  cleanup.defer(() => nats.close());
  const access = { urls: [nats.url], credentialsFile: null, caFile: null, certFile: null, keyFile: null };
  const operatorKeys = importOperatorKeys(await readFile(operator.jwks), 'the proof');
  const read = async (): Promise<FleetReading> => {
    const connection = await connectNats(access, { name: 'proof' });
    try {
      const signal = AbortSignal.timeout(60_000);
      return await readFleet(connection, { product: PRODUCT, keys: operatorKeys, now: Date.now(), signal });
    } finally {
      await connection.close();
    }
  };
  const first = await connectNats(access, { name: 'proof' });
  await ensureSpine(first, PRODUCT, { outcomesBytes: 128 * 1024 * 1024 });
  await first.close();

  const relays = {
    a: await startRelay(nats.port),
    b: await startRelay(nats.port),
    feed: await startRelay(Number(new URL(feed.url).port)),
  };
  for (const relay of Object.values(relays)) cleanup.defer(() => relay.close());
  const urls = {
    a: `nats://127.0.0.1:${String(relays.a.port)}`,
    b: `nats://127.0.0.1:${String(relays.b.port)}`,
  };
  const simulation = await startSimulation(
    hosts,
    processes,
    { root: states, feedDir, trust, operatorKeysFile: operator.jwks, checkIntervalS },
    urls,
  );
  cleanup.defer(() => simulation.stop());
  const daemons = await startDaemons(
    Array.from({ length: daemonCount }, (_, index) =>
      index % 2 === 0
        ? { natsUrl: urls.a, feedUrl: feed.url }
        : { natsUrl: urls.b, feedUrl: `http://127.0.0.1:${String(relays.feed.port)}` },
    ),
    { built, operatorKeysFile: operator.jwks, checkIntervalS, product: PRODUCT },
  );
  cleanup.defer(() => daemons.stop());
  const total = hosts + daemonCount;
  say(
    `${String(hosts)} simulated hosts in ${String(processes)} processes and ${String(daemonCount)} daemons run`,
  );
  const controllers = await startControllers(3, built.core, [
    ...['--nats', nats.url, '--operator-keys', operator.jwks, '--key', operator.pem],
    ...['--share', '10', '--failures', '3'],
  ]);
  cleanup.defer(() => controllers.stop());
  await until('every host is present', async () => (await read()).hosts.length === total);

  const bad = await publisher.publish(BAD_VERSION, true, canary);
  say(`${BAD_VERSION}, which is sick, is published to ${String(canary)} % of the hosts`);
  const census = async (): Promise<HostCount[]> => [
    ...(await simulation.counts(bad)),
    ...(await daemons.counts(bad)),
  ];
  const inCanary = (await census()).filter(({ place }) => place < canary / 100);
  // Half of the fleet is cut off, from NATS and from the feed, while it is under way.
  await until('the first host went back from it', async () =>
    (await read()).outcomes.some(({ value }) => value.digest === bad),
  );
  relays.b.cut();
  relays.feed.cut();
  await simulation.cut('b', true);
  say('half of the hosts are cut off');
  await nats.kill();
  // Whoever is seen after this has come back: the half that is cut off, only once it is healed.
  const killed = Date.now();
  await controllers.killOne();
  say('nats-server was killed, and a controller');
  await nats.start();
  say('nats-server is back');
  await controllers.startOne();
  await until('the rollout is halted', async () =>
    fleetView(await read()).rollouts.some(({ halted }) => halted !== null),
  );
  relays.b.heal();
  relays.feed.heal();
  await simulation.cut('b', false);
  say('the other half is back');
  await until('every host was seen since', async () => {
    return (await read()).hosts.filter(({ at }) => at >= killed).length === total;
  });
  await publisher.widen();
  say(`the publisher, who does not know, offers ${BAD_VERSION} to every host`);
  // Every host checks at least twice meanwhile: jitter makes an interval at most twice as long.
  await new Promise((resolve) => setTimeout(resolve, checkIntervalS * 4_000));

  await publisher.publish(GOOD_VERSION, false, 100);
  const published = performance.now();
  say(`${GOOD_VERSION}, which is well, is published to every host`);
  let counts: HostCount[] = [];
  const isOnGood = ({ version }: HostCount): boolean => version === GOOD_VERSION;
  const give = (error: unknown): void => {
    say(String(error));
  };
  await until(`every host runs ${GOOD_VERSION}`, async () => {
    counts = await census();
    return counts.every(isOnGood);
  }).catch(give);
  const healS = (performance.now() - published) / 1000;
  // Looked for anew, after the last update: a host checks again and again, so each need not be idle at the same moment.
  const rested = new Set<string>();
  await until('every host was seen idle after it', async () => {
    counts = await census();
    for (const count of counts) if (isOnGood(count) && SETTLED.has(count.state)) rested.add(count.host);
    return rested.size === total;
  }).catch(give);
  const told = new Set(counts.flatMap((count) => count.told));
  let reading = await read();
  await until('every outcome is in NATS', async () => {
    counts = await census();
    for (const id of counts.flatMap((count) => count.told)) told.add(id);
    reading = await read();
    return new Set(reading.outcomes.map(({ value }) => value.id)).size >= told.size;
  }).catch(give);
  // Every host has checked once more: none left the good version.
  await new Promise((resolve) => setTimeout(resolve, checkIntervalS * 2_000));
  counts = await census();
  const server = await serverCost(monitor, nats.pid());
  const cost = simulation.cost();

  const ids = reading.outcomes.map(({ value }) => value.id);
  const unique = new Set(ids);
  const canaryNames = new Set(inCanary.map(({ host }) => host));
  const touched = counts.filter((count) => count.touched);
  const orders = reading.orders.filter(({ release, action }) => release.digest === bad && action === 'halt');
  const ofBad = reading.outcomes.filter(({ value }) => value.digest === bad);
  return {
    hosts: total,
    canaryHosts: inCanary.length,
    touched: touched.length,
    touchedOutside: touched.filter(({ host }) => !canaryNames.has(host)).length,
    onBad: counts.filter(({ version }) => version === BAD_VERSION).length,
    notOnGood: counts.filter((count) => !isOnGood(count)).length,
    stuck: total - rested.size,
    outcomes: unique.size,
    kinds: kindsOf(reading),
    outcomesLost: [...told].filter((id) => !unique.has(id)).length,
    outcomesTwice: ids.length - unique.size,
    outcomesUnknown: [...unique].filter((id) => !told.has(id)).length,
    halts: orders.length,
    haltMs: reading.ledger.of(bad).at - Math.min(...ofBad.map(({ at }) => at)),
    healS,
    seconds: (performance.now() - began) / 1000,
    simulationCpuS: cost.cpuS,
    simulationBytes: cost.residentBytes,
    server,
  };
}
