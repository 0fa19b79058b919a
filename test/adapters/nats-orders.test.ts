import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jetstream } from '@nats-io/jetstream';
import { natsOrders } from '../../src/adapters/nats-orders.ts';
import { openOrderBook, type OrderBook } from '../../src/fleet/order-book.ts';
import { importOperatorKeys, signOrder } from '../../src/fleet/orders.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { digestOf, operatorKey } from '../fleet/support/fleet-rig.ts';
import { hasNats } from '../fleet/support/nats-server.ts';
import { NAMES, openWorld, PRODUCT, type FleetWorld } from '../fleet/support/world.ts';

describe.skipIf(!hasNats)('orders on NATS', () => {
  let world: FleetWorld;
  const { signer, jwks } = operatorKey();
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  const order = (action: 'halt' | 'resume', seq: number, digest: string): Promise<Uint8Array> =>
    signOrder(
      { iss: 'x', aud: PRODUCT, iat: 1, seq, action, release: { version: '1.1.0', digest }, reason: 'x' },
      signer,
    );
  const bookOf = async (): Promise<OrderBook> => {
    const late: { ask: ((digest: string) => Promise<readonly Uint8Array[]>) | null } = { ask: null };
    const book = await openOrderBook({
      keys: importOperatorKeys(jwks, 'the test'),
      product: PRODUCT,
      store: {
        read: () => Promise.resolve(new Map()),
        write: () => Promise.resolve(),
        remove: () => Promise.resolve(),
      },
      clock: systemClock,
      reporter: world.reporter,
      ask: (digest) => late.ask?.(digest) ?? Promise.resolve([]),
    });
    late.ask = natsOrders(await world.link(), NAMES, (bytes) => book.take(bytes));
    return book;
  };

  it('that are true are found behind what nobody signed, and behind an old one that was sent again', async () => {
    const digest = digestOf('c');
    const publish = (bytes: Uint8Array | string): Promise<unknown> =>
      jetstream(world.connection).publish(NAMES.order(digest), bytes);
    const resume = await order('resume', 1, digest);
    await publish(resume);
    await publish(await order('halt', 2, digest));
    await publish('{"stream":"coresdk_outcomes","seq":1}');
    await publish(resume);
    expect(await (await bookOf()).halted({ version: '1.1.0', digest })).toMatchObject({
      code: 'ROLLOUT_HALTED',
    });
    expect(world.reporter.warnings()).toMatchObject([{ code: 'HALT_INVALID' }]);
    await publish(await order('resume', 3, digest));
    expect(await (await bookOf()).halted({ version: '1.1.0', digest })).toBeNull();
  });

  it('are none where nobody gave any', async () => {
    expect(await (await bookOf()).halted({ version: '1.1.0', digest: digestOf('d') })).toBeNull();
  });
});
