import type { NatsConnection } from '@nats-io/transport-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createNatsLink } from '../../src/adapters/nats-link.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { createFakeReporter } from '../fakes/reporter.ts';

/** A server that takes whoever comes, and drops everybody when it is told. */
function server() {
  const connections: { drop: () => void }[] = [];
  const connect = (): Promise<NatsConnection> => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const drop = (): void => {
      resolve(undefined);
    };
    connections.push({ drop });
    return Promise.resolve({
      closed: () => promise,
      close: () => {
        drop();
        return Promise.resolve();
      },
      getServer: () => 'nats.example:4222',
      async *status() {
        // It says nothing.
      },
    } as unknown as NatsConnection);
  };
  return { connections, connect };
}

describe('the link to NATS', () => {
  const pace = { baseMs: 1_000, capMs: 8_000 };
  const world = async () => {
    const { connections, connect } = server();
    const clock = createFakeClock();
    const link = createNatsLink({ connect, clock, reporter: createFakeReporter(), pace });
    onTestFinished(() => link.close());
    link.open();
    await clock.advance(0);
    /** How long it was until the next connection, ms. */
    const waited = async (): Promise<number> => {
      const count = connections.length;
      connections.at(-1)?.drop();
      let ms = 0;
      for (; connections.length === count; ms += 250) await clock.advance(250);
      return ms;
    };
    return { clock, waited };
  };

  it('waits longer each time that a connection does not last, up to the cap', async () => {
    const { waited } = await world();
    // Half of the longest wait, by the clock's draws.
    expect([await waited(), await waited(), await waited(), await waited(), await waited()]).toEqual([
      1_000, 2_000, 4_000, 4_000, 4_000,
    ]);
  });

  it('begins anew after one that lasted', async () => {
    const { clock, waited } = await world();
    for (let count = 0; count < 4; count += 1) await waited();
    await clock.advance(pace.capMs);
    expect(await waited()).toBe(500);
  });
});
