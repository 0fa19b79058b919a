/**
 * How the cost of the spine grows: hosts that are only messages (a presence, two outcomes, the orders heard), over shared connections,
 * against a real nats-server; and how long a controller and `core fleet status` take to read it all. No update machine runs here.
 *
 *   node scripts/fleet/scale.ts [HOSTS …]
 */
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { freePort } from '../../demo/free-port.ts';
import { connectNats } from '../../src/fleet/connect.ts';
import { runController } from '../../src/fleet/controller.ts';
import { giveOrder } from '../../src/fleet/give-order.ts';
import { fleetNames } from '../../src/fleet/names.ts';
import { importOperatorKeys } from '../../src/fleet/orders.ts';
import { readFleet } from '../../src/fleet/reading.ts';
import { ensureSpine } from '../../src/fleet/spine.ts';
import { fleetView } from '../../src/fleet/view.ts';
import { operatorKey, outcomeOf, presenceOf } from '../../test/fleet/support/fleet-rig.ts';
import { startNats } from '../../test/fleet/support/nats-server.ts';
import { serverCost } from './server-cost.ts';

const PRODUCT = 'scale';
const BAD = 'b'.repeat(64);
const GOOD = 'c'.repeat(64);
/** So many hosts share a connection, but each hears orders by a subscription of its own. */
const CONNECTIONS = 200;
const AT_ONCE = 100;

/** The figures of one size. */
export interface ScaleFigures {
  readonly hosts: number;
  readonly writeS: number;
  readonly controllerReadS: number;
  readonly statusReadS: number;
  /** From the order to the last host that heard it, ms. */
  readonly haltReachedMs: number;
  readonly messagesIn: number;
  readonly bytesIn: number;
  readonly messagesOut: number;
  readonly bytesOut: number;
  readonly serverCpuS: number;
  readonly serverBytes: number;
  readonly storedBytes: number;
}

async function inTurns<T>(items: readonly T[], work: (item: T, index: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE)
    await Promise.all(items.slice(from, from + AT_ONCE).map((item, index) => work(item, from + index)));
}

/** Measures one size. */
export async function measure(hosts: number): Promise<ScaleFigures> {
  await using cleanup = new AsyncDisposableStack();
  const monitor = await freePort();
  const nats = await startNats(`http: "127.0.0.1:${String(monitor)}"\nmax_connections: 20000`);
  cleanup.defer(() => nats.close());
  const access = { urls: [nats.url], credentialsFile: null, caFile: null, certFile: null, keyFile: null };
  const connect = async (): Promise<NatsConnection> => {
    const connection = await connectNats(access, { name: 'scale' });
    cleanup.defer(() => connection.close());
    return connection;
  };
  const { signer, jwks } = operatorKey();
  const keys = importOperatorKeys(jwks, 'scale');
  const names = fleetNames(PRODUCT);
  const own = await connect();
  await ensureSpine(own, PRODUCT);
  const connections: NatsConnection[] = [];
  for (let index = 0; index < Math.min(hosts, CONNECTIONS); index += 1) connections.push(await connect());
  const list = Array.from({ length: hosts }, (_, index) => ({
    host: `h${String(index)}`,
    connection: connections[index % connections.length] ?? own,
  }));
  let heard = 0;
  const all = Promise.withResolvers<number>();
  for (const { connection } of list)
    connection.subscribe(names.order('*'), {
      callback: () => {
        heard += 1;
        if (heard === hosts) all.resolve(performance.now());
      },
    });
  for (const connection of connections) await connection.flush();

  const began = performance.now();
  await inTurns(list, async ({ host, connection }) => {
    const key = `$KV.${names.buckets.hosts}.${names.hostKey('web', host)}`;
    await jetstream(connection).publish(key, JSON.stringify(presenceOf({ host, product: PRODUCT })));
    const well = outcomeOf({ host, product: PRODUCT, outcome: 'committed', digest: GOOD, to: '1.0.1', attempt: 'a0' });
    for (const outcome of [well, outcomeOf({ host, product: PRODUCT, attempt: 'a1', digest: BAD })])
      await jetstream(connection).publish(names.outcome('web', host), JSON.stringify(outcome), { msgID: outcome.id });
  });
  const writeS = (performance.now() - began) / 1000;

  const reading = performance.now();
  const stopping = new AbortController();
  await runController(
    {
      connect: () => connectNats(access, { name: 'controller' }),
      product: PRODUCT,
      policy: { share: 0.1, failures: 3, windowMs: Infinity },
      keys,
      signer: null,
      now: Date.now,
      tell: ({ kind }) => {
        if (kind === 'decided') stopping.abort();
      },
    },
    stopping.signal,
  );
  const controllerReadS = (performance.now() - reading) / 1000;
  const looking = performance.now();
  const signal = AbortSignal.timeout(120_000);
  const facts = await readFleet(own, { product: PRODUCT, keys, now: Date.now(), signal });
  if (fleetView(facts).hosts.present !== hosts) throw new Error(`expected ${String(hosts)} hosts, found fewer`);
  const statusReadS = (performance.now() - looking) / 1000;
  const ordered = performance.now();
  await giveOrder({ connection: own, product: PRODUCT, signer, by: 'scale', now: Date.now() }, facts.ledger.of(BAD), {
    action: 'halt',
    release: { version: '1.1.0', digest: BAD },
    reason: 'scale',
  });
  const haltReachedMs = (await all.promise) - ordered;
  const cost = await serverCost(monitor, nats.pid());
  return {
    hosts,
    writeS,
    controllerReadS,
    statusReadS,
    haltReachedMs,
    messagesIn: cost.messagesIn,
    bytesIn: cost.bytesIn,
    messagesOut: cost.messagesOut,
    bytesOut: cost.bytesOut,
    serverCpuS: cost.cpuS,
    serverBytes: cost.residentBytes,
    storedBytes: cost.storedBytes,
  };
}

if (import.meta.main) {
  const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10, 100, 1_000, 10_000];
  const figures: ScaleFigures[] = [];
  for (const size of sizes) {
    figures.push(await measure(size));
    console.log(JSON.stringify(figures.at(-1)));
  }
}
