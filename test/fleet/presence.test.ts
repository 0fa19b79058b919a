import { describe, expect, it } from 'vitest';
import { jetstream } from '@nats-io/jetstream';
import { systemClock } from '../../src/adapters/clock.ts';
import { natsPresence } from '../../src/adapters/nats-presence.ts';
import { createPresence } from '../../src/fleet/presence.ts';
import { presenceOf } from './support/fleet-rig.ts';
import { hasNats } from './support/nats-server.ts';
import { NAMES, openWorld, until } from './support/world.ts';

describe.skipIf(!hasNats)('the presence of a host', () => {
  it('that the server has no room for is told once; one that is only away is not', async () => {
    await using stack = new AsyncDisposableStack();
    const world = await openWorld({ hostsBytes: 16 * 1024 });
    stack.defer(() => world.close());
    const link = await world.link();
    for (let at = 0; at < 8; at += 1)
      await jetstream(world.connection)
        .publish(`$KV.${NAMES.buckets.hosts}.web.other${String(at)}`, 'x'.repeat(4_000))
        .catch(() => undefined);
    const put = natsPresence(link, NAMES);
    let tries = 0;
    const presence = createPresence({
      facts: () => Promise.resolve(presenceOf({ host: 'h1', daemon: 'x'.repeat(100) })),
      put: (record) =>
        put({ ...record, reason: 'x'.repeat(4_000) } as typeof record).finally(() => {
          tries += 1;
        }),
      clock: systemClock,
      reporter: world.reporter,
      everyMs: 50,
    });
    presence.wake();
    await until(() => tries >= 3);
    expect(world.reporter.warnings()).toMatchObject([
      { code: 'FLEET_UNREACHABLE', message: expect.stringContaining('maximum bytes exceeded') as unknown },
    ]);
    await link.close();
    const before = tries;
    await until(() => tries > before + 1);
    expect(world.reporter.warnings()).toHaveLength(1);
    await presence.close();
  });
});
