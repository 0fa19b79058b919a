import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats } from '../../src/fleet/connect.ts';
import { fleetNames } from '../../src/fleet/names.ts';
import { ensureSpine } from '../../src/fleet/spine.ts';
import { hasNats, startNats, type NatsServer } from './support/nats-server.ts';

const access = (url: string) => ({
  urls: [url],
  credentialsFile: null,
  caFile: null,
  certFile: null,
  keyFile: null,
});

describe('names', () => {
  it('hold nothing that NATS would take for more than a word', () => {
    const names = fleetNames('a product.with > all*');
    expect(names.head('stable')).toMatch(/^coresdk\.h-[0-9a-f]{32}\.head\.stable$/);
    expect(names.streams.heads).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(fleetNames('coresdk-sidecar').outcome('web', 'h1')).toBe('coresdk.coresdk-sidecar.outcome.web.h1');
  });
});

describe.skipIf(!hasNats)('the streams of a fleet', () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server.close());

  it('are made once, changed when their limits do, and never without a limit', async () => {
    const connection = await connectNats(access(server.url), { name: 'test' });
    try {
      const did = async (limits = {}) => [...(await ensureSpine(connection, 'p', limits)).values()];
      expect(await did()).toEqual(['made', 'made', 'made', 'made', 'made']);
      expect(await did()).toEqual(['there', 'there', 'there', 'there', 'there']);
      expect(await did({ leaseMs: 60_000 })).toEqual(['there', 'there', 'there', 'there', 'changed']);
      const { jetstreamManager } = await import('@nats-io/jetstream');
      const manager = await jetstreamManager(connection);
      for (const name of Object.values(fleetNames('p').streams))
        expect((await manager.streams.info(name)).config.max_bytes).toBeGreaterThan(0);
    } finally {
      await connection.close();
    }
  });

  it('cannot be emptied by whoever may write one key', async () => {
    const connection = await connectNats(access(server.url), { name: 'test' });
    try {
      const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
      const { headers } = await import('@nats-io/transport-node');
      const { buckets } = fleetNames('q');
      await ensureSpine(connection, 'q');
      const manager = await jetstreamManager(connection);
      for (const bucket of Object.values(buckets)) {
        // As an older version made it: `ensureSpine` mends that too.
        const { config } = await manager.streams.info(`KV_${bucket}`);
        await manager.streams.update(`KV_${bucket}`, { ...config, allow_rollup_hdrs: true });
        await ensureSpine(connection, 'q');
        await jetstream(connection).publish(`$KV.${bucket}.web.other`, '{}');
        const marks = headers();
        marks.set('Nats-Rollup', 'all');
        await expect(
          jetstream(connection).publish(`$KV.${bucket}.web.own`, '{}', { headers: marks }),
        ).rejects.toThrow(/rollup/);
        expect((await manager.streams.info(`KV_${bucket}`)).state.messages).toBe(1);
      }
    } finally {
      await connection.close();
    }
  });

  it('keep what other hosts said when one floods them', async () => {
    const connection = await connectNats(access(server.url), { name: 'test' });
    try {
      const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
      const names = fleetNames('r');
      await ensureSpine(connection, 'r', { outcomesBytes: 1024 * 1024 });
      await jetstream(connection).publish(names.outcome('web', 'honest'), '{}');
      const line = 'x'.repeat(1024);
      for (let at = 0; at < 1_500; at += 1) connection.publish(names.outcome('web', 'loud'), line);
      await jetstream(connection).publish(names.outcome('web', 'loud'), 'last');
      const manager = await jetstreamManager(connection);
      const asked = { last_by_subj: names.outcome('web', 'honest') };
      expect((await manager.streams.getMessage(names.streams.outcomes, asked))?.string()).toBe('{}');
      await expect(
        jetstream(connection).publish(names.outcome('web', 'loud'), 'x'.repeat(500_000)),
      ).rejects.toThrow(/exceeds/);
    } finally {
      await connection.close();
    }
  });

  it('cannot be made where nobody listens: FLEET_UNREACHABLE', async () => {
    await expect(connectNats(access('nats://127.0.0.1:1'), { name: 'test' })).rejects.toMatchObject({
      code: 'FLEET_UNREACHABLE',
      message: 'cannot connect to nats://127.0.0.1:1: connection refused: connect ECONNREFUSED 127.0.0.1:1',
    });
  });
});
