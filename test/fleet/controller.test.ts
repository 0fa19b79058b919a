import { describe, expect, it } from 'vitest';
import { jetstream } from '@nats-io/jetstream';
import { readAll } from '../../src/fleet/follow.ts';
import { giveOrder } from '../../src/fleet/give-order.ts';
import { importOperatorKeys, signOrder } from '../../src/fleet/orders.ts';
import { readFleet } from '../../src/fleet/reading.ts';
import { hasNats } from './support/nats-server.ts';
import {
  BAD,
  digestOf,
  fleetRig,
  NAMES,
  operatorKey,
  outcomeOf,
  presenceOf,
  PRODUCT,
  type FleetRig,
  type RunningController,
} from './support/fleet-rig.ts';

const failed = (...hosts: string[]): ReturnType<typeof outcomeOf>[] =>
  hosts.map((host) => outcomeOf({ host }));
const RELEASE = { version: '1.1.0', digest: BAD };

/** An operator lets the release go on. */
async function resume(fleet: FleetRig): Promise<void> {
  const { connection, signer } = fleet;
  const before = (await fleet.orders()).at(-1)?.payload ?? null;
  const read = await readAll(connection, NAMES.streams.orders, AbortSignal.timeout(10_000));
  const given = await giveOrder(
    { connection, product: PRODUCT, signer, by: 'alice', now: Date.now() },
    { order: before, at: 0, lastSeq: read.at(-1)?.seq ?? 0 },
    { action: 'resume', release: RELEASE, reason: 'the cause is mended' },
  );
  expect(given).not.toBeNull();
}

/** It hears the order; or, where another was back sooner, finds it when it has read what is there. */
async function knowsOfHalt(controller: RunningController): Promise<void> {
  await controller.seen(
    (event) => event.kind === 'ordered' || (event.kind === 'ready' && event.halted === 1),
  );
}

describe.skipIf(!hasNats)('the controller', () => {
  it('halts what too many hosts went back from, and says why', async () => {
    await using fleet = await fleetRig();
    const controller = fleet.control();
    await controller.heard('ready');
    await fleet.say(outcomeOf({ host: 'well', outcome: 'committed' }), ...failed('a', 'b'));
    const { order } = await controller.heard('ordered');
    expect(order).toMatchObject({
      iss: 'controller',
      aud: PRODUCT,
      action: 'halt',
      release: RELEASE,
      reason: expect.stringContaining('2 of 3 hosts of the fleet'),
      evidence: {
        hosts: 3,
        failed: 2,
        threshold: 0.1,
        lines: ['web/a: PROBE_TIMEOUT: HTTP 500', 'web/b: PROBE_TIMEOUT: HTTP 500'],
      },
    });
    expect(await fleet.orders()).toHaveLength(1);
  });

  it('leaves other releases alone', async () => {
    await using fleet = await fleetRig();
    const controller = fleet.control();
    await fleet.say(outcomeOf({ host: 'c', digest: digestOf('c'), to: '1.2.0' }), ...failed('a', 'b'));
    await controller.heard('ordered');
    await fleet.say(outcomeOf({ host: 'd', digest: digestOf('c'), to: '1.2.0' }));
    const second = await controller.heard('ordered', 2);
    expect(second.order.release.version).toBe('1.2.0');
  });

  it('orders once, however many of them run', async () => {
    await using fleet = await fleetRig();
    const controllers = [fleet.control(), fleet.control(), fleet.control()];
    for (const controller of controllers) await controller.heard('ready');
    await fleet.say(...failed('a', 'b'));
    for (const controller of controllers) await controller.heard('ordered');
    await fleet.say(...failed('c', 'd', 'e'));
    for (const controller of controllers) await controller.heard('outcome', 5);
    expect(await fleet.orders()).toHaveLength(1);
  });

  it('that is started after the fact reads what it missed', async () => {
    await using fleet = await fleetRig();
    const first = fleet.control();
    await first.heard('ready');
    await fleet.say(...failed('a'));
    await first.heard('outcome');
    await first.stop();
    await fleet.say(...failed('b'));
    const { order } = await fleet.control().heard('ordered');
    expect(order.evidence).toMatchObject({ failed: 2 });
    const third = fleet.control();
    expect(await third.heard('ready')).toMatchObject({ outcomes: 2, halted: 1 });
    await third.stop();
    expect(await fleet.orders()).toHaveLength(1);
  });

  it('loses nothing when NATS is killed, and goes on when it is back', async () => {
    await using fleet = await fleetRig();
    const controllers = [fleet.control(), fleet.control()];
    for (const controller of controllers) await controller.heard('ready');
    await fleet.say(...failed('a'));
    for (const controller of controllers) await controller.heard('outcome');
    await fleet.server.kill();
    for (const controller of controllers) await controller.heard('lost');
    await fleet.server.start();
    await fleet.say(...failed('b'));
    for (const controller of controllers) await knowsOfHalt(controller);
    const orders = await fleet.orders();
    expect(orders.map(({ payload }) => payload.evidence)).toMatchObject([{ failed: 2 }]);
  }, 30_000);

  it('knows of a halt that another ordered before it was back', async () => {
    await using fleet = await fleetRig();
    const back = Promise.withResolvers<undefined>();
    let connections = 0;
    const late = fleet.control({
      connect: async () => {
        if (++connections > 1) await back.promise;
        return fleet.connect();
      },
    });
    await late.heard('ready');
    await fleet.server.kill();
    await late.heard('lost');
    await fleet.server.start();
    const quick = fleet.control();
    await fleet.say(...failed('a', 'b'));
    await quick.heard('ordered');
    back.resolve(undefined);
    expect(await late.heard('ready', 2)).toMatchObject({ halted: 1 });
    expect(await fleet.orders()).toHaveLength(1);
  });

  it('counts an attempt once, however often it is delivered', async () => {
    await using fleet = await fleetRig();
    const controller = fleet.control();
    await controller.heard('ready');
    // Past the window in which the server itself knows copies, each has a message id of its own.
    for (const copy of ['1', '2', '3'])
      await jetstream(fleet.connection).publish(
        NAMES.outcome('web', 'a'),
        JSON.stringify(outcomeOf({ host: 'a' })),
        { msgID: copy },
      );
    await controller.heard('outcome', 3);
    expect(controller.events.some(({ kind }) => kind === 'decided')).toBe(false);
    await fleet.say(...failed('b'));
    expect((await controller.heard('ordered')).order.evidence).toMatchObject({ failed: 2 });
  });

  it('halts again after a resume only by what was said since', async () => {
    await using fleet = await fleetRig();
    const controller = fleet.control();
    await fleet.say(...failed('a', 'b'));
    await controller.heard('ordered');
    await resume(fleet);
    expect((await controller.heard('ordered', 2)).order.action).toBe('resume');
    await fleet.say(...failed('c'));
    // A controller that knows nothing but the streams decides the same.
    await fleet.control().heard('ready');
    expect(await fleet.orders()).toHaveLength(2);
    await fleet.say(...failed('d'));
    const { order } = await controller.heard('ordered', 3);
    expect(order).toMatchObject({ action: 'halt', evidence: { hosts: 2, failed: 2 } });
    expect(await fleet.orders()).toHaveLength(3);
  });

  it('does not take the word of whoever cannot sign', async () => {
    await using fleet = await fleetRig();
    const stranger = operatorKey().signer;
    const forged = await signOrder(
      { iss: 'x', aud: PRODUCT, iat: 1, seq: 2 ** 50, action: 'halt', release: RELEASE, reason: 'x' },
      stranger,
    );
    await jetstream(fleet.connection).publish(NAMES.order(BAD), forged);
    const controller = fleet.control();
    expect(await controller.heard('ready')).toMatchObject({ halted: 0 });
    expect(await controller.heard('refused')).toMatchObject({ digest: BAD, error: { code: 'HALT_INVALID' } });
    await fleet.say(...failed('a', 'b'));
    await controller.heard('ordered');
    expect(await fleet.orders()).toHaveLength(1);
  });

  it('does not order again and again what is not obeyed', async () => {
    await using fleet = await fleetRig();
    // Its key is none of the operators’.
    const controller = fleet.control({ signer: operatorKey().signer });
    await controller.heard('ready');
    await fleet.say(...failed('a', 'b'));
    await controller.seen((event) => event.kind === 'refused' && event.digest === BAD);
    const other = digestOf('d');
    await fleet.say(
      ...['a', 'b'].map((host) => outcomeOf({ host, attempt: 'a2', to: '1.3.0', digest: other })),
    );
    await controller.seen((event) => event.kind === 'refused' && event.digest === other);
    const orders = await readAll(fleet.connection, NAMES.streams.orders, AbortSignal.timeout(10_000));
    expect(orders.map(({ subject }) => subject)).toEqual([NAMES.order(BAD), NAMES.order(other)]);
  });

  it('does not take an order for another release', async () => {
    await using fleet = await fleetRig();
    const order = { iss: 'x', aud: PRODUCT, iat: 1, seq: 1, action: 'halt' as const, reason: 'x' };
    const signed = await signOrder({ ...order, release: RELEASE }, fleet.signer);
    await jetstream(fleet.connection).publish(NAMES.order(digestOf('c')), signed);
    expect(await fleet.control().heard('refused')).toMatchObject({ digest: digestOf('c') });
  });

  it('passes over what it cannot read, and says so', async () => {
    await using fleet = await fleetRig();
    await jetstream(fleet.connection).publish(NAMES.outcome('web', 'odd'), '{');
    const controller = fleet.control();
    expect(await controller.heard('unreadable')).toMatchObject({
      subject: NAMES.outcome('web', 'odd'),
      seq: 1,
    });
    await fleet.say(...failed('a', 'b'));
    await controller.heard('ordered');
  });

  it('counts nothing that a host says in the name of another', async () => {
    await using fleet = await fleetRig();
    const controller = fleet.control();
    await controller.heard('ready');
    const own = NAMES.outcome('web', 'liar');
    for (const outcome of [
      outcomeOf({ host: 'a' }),
      outcomeOf({ host: 'liar', group: 'db' }),
      outcomeOf({ host: 'liar', id: 'b/a1' }),
    ])
      await jetstream(fleet.connection).publish(own, JSON.stringify(outcome));
    expect(await controller.heard('unreadable', 3)).toMatchObject({ subject: own });
    // One host that went back is not enough to halt: the two names that it took would have been.
    await fleet.say(...failed('c'));
    await controller.heard('outcome');
    expect(controller.events.filter(({ kind }) => kind === 'decided')).toEqual([]);
    const keys = importOperatorKeys(fleet.jwks, 'the test');
    const reading = { product: PRODUCT, keys, now: Date.now(), signal: AbortSignal.timeout(10_000) };
    await jetstream(fleet.connection).publish(
      `$KV.${NAMES.buckets.hosts}.web.liar`,
      JSON.stringify(presenceOf({ host: 'a' })),
    );
    await fleet.present(presenceOf({ host: 'b' }));
    const { hosts, outcomes } = await readFleet(fleet.connection, reading);
    expect(hosts.map(({ value }) => value.host)).toEqual(['b']);
    expect(outcomes.map(({ value }) => value.host)).toEqual(['c']);
  });

  it('without a key only says what it would do', async () => {
    await using fleet = await fleetRig();
    const watching = fleet.control({ signer: null });
    await watching.heard('ready');
    await fleet.say(...failed('a', 'b'));
    expect(await watching.heard('decided')).toMatchObject({ version: '1.1.0', digest: BAD });
    await fleet.say(...failed('c'));
    await watching.heard('outcome', 3);
    expect(watching.events.filter(({ kind }) => kind === 'decided')).toHaveLength(1);
    expect(await fleet.orders()).toHaveLength(0);
  });
});
