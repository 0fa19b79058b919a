/** A fleet's streams on a real nats-server, an operator's key, and what hosts would write. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { jetstream } from '@nats-io/jetstream';
import { connectNats } from '../../../src/fleet/connect.ts';
import {
  runController,
  type ControllerEvent,
  type ControllerOptions,
} from '../../../src/fleet/controller.ts';
import { readAll } from '../../../src/fleet/follow.ts';
import { fleetNames } from '../../../src/fleet/names.ts';
import { importOperatorKeys, verifyOrder, type Order } from '../../../src/fleet/orders.ts';
import type { OutcomeRecord, PresenceRecord } from '../../../src/fleet/records.ts';
import { ensureSpine } from '../../../src/fleet/spine.ts';
import { makeSigner, type Signer } from '../../../src/publish/signer.ts';
import { startNats, type NatsServer } from './nats-server.ts';

export const PRODUCT = 'coresdk-sidecar';
export const NAMES = fleetNames(PRODUCT);

/** A release digest that is told from others by its first digit. */
export const digestOf = (digit: string): string => digit.repeat(64);
export const BAD = digestOf('b');

/** An operator's key: what signs, and the JWK set of its public half. */
export function operatorKey(): { signer: Signer; jwks: Buffer; pem: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
  return { signer: makeSigner(privateKey), jwks: Buffer.from(JSON.stringify({ keys: [jwk] })), pem };
}

/** An outcome of a host, right but for `change`. */
export function outcomeOf(change: Partial<OutcomeRecord> & { readonly host: string }): OutcomeRecord {
  const { host, attempt = 'a1', outcome = 'rolledBack' } = change;
  return {
    schema: 1,
    id: `${host}/${attempt}`,
    attempt,
    product: PRODUCT,
    group: 'web',
    channel: 'edge',
    trigger: 'schedule',
    outcome,
    reason: outcome,
    error: outcome === 'committed' ? null : { code: 'PROBE_TIMEOUT', message: 'HTTP 500' },
    evidence: [],
    from: '1.0.0',
    to: '1.1.0',
    digest: BAD,
    cohort: 0.01,
    startedAt: 1,
    endedAt: 2,
    steps: [],
    daemon: '1.0.0',
    ...change,
  };
}

/** What a host says of itself, right but for `change`. */
export function presenceOf(change: Partial<PresenceRecord> & { readonly host: string }): PresenceRecord {
  return {
    schema: 1,
    product: PRODUCT,
    group: 'web',
    daemon: '1.0.0',
    platform: { os: 'linux', arch: 'x64' },
    channel: 'edge',
    workload: { version: '1.0.0', digest: digestOf('a') },
    state: 'idle',
    target: null,
    paused: null,
    outbox: 0,
    everyMs: 60_000,
    ...change,
  };
}

/** A controller that runs. */
export interface RunningController {
  readonly events: ControllerEvent[];
  /** Resolves with the next event of this kind, or one that came already. */
  heard<K extends ControllerEvent['kind']>(
    kind: K,
    count?: number,
  ): Promise<Extract<ControllerEvent, { kind: K }>>;
  /** Resolves with the first event that is so, or one that came already. */
  seen(isIt: (event: ControllerEvent) => boolean): Promise<ControllerEvent>;
  stop(): Promise<void>;
}

/** A fleet for a test. */
export interface FleetRig extends AsyncDisposable {
  readonly server: NatsServer;
  readonly signer: Signer;
  readonly jwks: Buffer;
  readonly pem: string;
  readonly connection: NatsConnection;
  readonly connect: () => Promise<NatsConnection>;
  say(...outcomes: OutcomeRecord[]): Promise<void>;
  present(...hosts: PresenceRecord[]): Promise<void>;
  /** Every message of the stream of orders that is rightly signed. */
  orders(): Promise<Order[]>;
  control(change?: Partial<ControllerOptions>): RunningController;
}

export async function fleetRig(): Promise<FleetRig> {
  // Whatever fails on the way: what was started before it is ended.
  await using started = new AsyncDisposableStack();
  const server = await startNats();
  started.defer(() => server.close());
  const { signer, jwks, pem } = operatorKey();
  const keys = importOperatorKeys(jwks, 'the test');
  const connect = (): Promise<NatsConnection> =>
    connectNats(
      { urls: [server.url], credentialsFile: null, caFile: null, certFile: null, keyFile: null },
      { name: 'test', timeoutMs: 2_000 },
    );
  const patient = await connectNats(
    { urls: [server.url], credentialsFile: null, caFile: null, certFile: null, keyFile: null },
    { name: 'test', reconnect: true },
  );
  started.defer(() => patient.close());
  await ensureSpine(patient, PRODUCT);
  const controllers: RunningController[] = [];
  started.defer(async () => {
    for (const controller of controllers) await controller.stop();
  });
  const all = started.move();
  return {
    server,
    signer,
    jwks,
    pem,
    connection: patient,
    connect,
    say: async (...outcomes) => {
      // A connection of its own: one that was lost comes back only after a while.
      const own = await connect();
      for (const outcome of outcomes)
        await jetstream(own).publish(NAMES.outcome(outcome.group, outcome.host), JSON.stringify(outcome), {
          msgID: outcome.id,
        });
      await own.close();
    },
    present: async (...hosts) => {
      for (const host of hosts)
        await jetstream(patient).publish(
          `$KV.${NAMES.buckets.hosts}.${NAMES.hostKey(host.group, host.host)}`,
          JSON.stringify(host),
        );
    },
    orders: async () => {
      const found: Order[] = [];
      const own = await connect();
      for (const { data } of await readAll(own, NAMES.streams.orders, AbortSignal.timeout(20_000))) {
        const order = await verifyOrder(data, { keys, product: PRODUCT, now: Date.now() }).catch(() => null);
        if (order !== null) found.push(order);
      }
      await own.close();
      return found;
    },
    control: (change = {}) => {
      const events: ControllerEvent[] = [];
      const listeners = new Set<() => void>();
      const ending = new AbortController();
      const running = runController(
        {
          connect,
          product: PRODUCT,
          policy: { share: 0.1, failures: 2, windowMs: Infinity },
          keys,
          signer,
          now: Date.now,
          againMs: 50,
          tell: (event) => {
            events.push(event);
            for (const listener of [...listeners]) listener();
          },
          ...change,
        },
        ending.signal,
      );
      const awaited = (find: () => ControllerEvent | undefined): Promise<ControllerEvent> =>
        new Promise((resolve, reject) => {
          running.catch(reject);
          const look = (): void => {
            const found = find();
            if (found === undefined) return;
            listeners.delete(look);
            resolve(found);
          };
          listeners.add(look);
          look();
        });
      const controller: RunningController = {
        events,
        heard: (kind, count = 1) =>
          awaited(() => events.filter((event) => event.kind === kind)[count - 1]) as never,
        seen: (isIt) => awaited(() => events.find(isIt)),
        stop: async () => {
          ending.abort();
          await running;
        },
      };
      controllers.push(controller);
      return controller;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
