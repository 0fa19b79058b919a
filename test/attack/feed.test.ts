import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createFeed } from '../../src/adapters/feed.ts';
import { refusal } from '../fixtures/refusal.ts';
import { BAKE_ATTACKS, edgeHead, stableHead } from './cases/bake.ts';
import { FEED_ATTACKS } from './cases/feed.ts';
import { useRig } from './support/use-rig.ts';

describe('a hostile feed', () => {
  const attacked = useRig();

  it.each(FEED_ATTACKS)('$name: $code', async ({ prepare, code }) => {
    const rig = attacked();
    await prepare(rig);
    await rig.expectRefused('check', code);
  });

  it('recovers from fast-forward by the next epoch', async () => {
    const rig = attacked();
    await rig.place('edge.jws', rig.head({ version: '0.0.0-0', seq: Number.MAX_SAFE_INTEGER }));
    await rig.meet('check');
    await rig.place('edge.jws', rig.head());
    await rig.expectRefused('check', 'HEAD_STALE');
    await rig.place('edge.jws', rig.head({ epoch: 1 }));
    const id = await rig.client.update({ dryRun: true });
    expect((await rig.client.follow(id, { pollMs: 5 })).ended).toMatchObject({ outcome: 'available' });
  });
});

describe('the stable channel', () => {
  const attacked = useRig({ config: { update: { channel: 'stable' } } });

  it.each(BAKE_ATTACKS)('$name: $code', async ({ head, code }) => {
    const rig = attacked();
    await rig.place('stable.jws', await head(rig));
    await rig.expectRefused('check', code);
  });

  it('without an attack offers the release', async () => {
    const rig = attacked();
    await rig.place('stable.jws', stableHead(rig, edgeHead(rig, 8)));
    const id = await rig.client.update({ dryRun: true });
    expect((await rig.client.follow(id, { pollMs: 5 })).ended).toMatchObject({ outcome: 'available' });
  });
});

/** In this process and with a stall of 0.3 s: the daemon's own is 30 s, and cannot be configured. */
describe('slow trickle', () => {
  it.each(['head', 'bundle'] as const)('one byte now and then of a %s: FEED_STALLED', async (what) => {
    const server = createServer((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('A'), 20);
      response.on('close', () => {
        clearInterval(timer);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const feed = createFeed(`http://127.0.0.1:${String(port)}`, { stallMs: 300 });
    const { signal } = new AbortController();
    const read = async (): Promise<void> => {
      if (what === 'head') await feed.head('edge', 65_536, signal);
      else for await (const _ of (await feed.bundle('bundles/x.jws', 0, 1_000_000, signal)).chunks);
    };
    try {
      expect(await refusal(read())).toBe('FEED_STALLED');
    } finally {
      await feed.close();
      server.close();
    }
  });
});
