import { describe, expect, it } from 'vitest';
import { jetstreamManager } from '@nats-io/jetstream';
import type { DoctorReport } from '../../src/control/api.ts';
import { connectNats } from '../../src/fleet/connect.ts';
import { fleetNames } from '../../src/fleet/names.ts';
import { ensureSpine } from '../../src/fleet/spine.ts';
import { hasNats, startNats } from '../fleet/support/nats-server.ts';
import { accessTo } from '../fleet/support/world.ts';
import { finding, inWard, type Ward } from './patient-fixture.ts';

const at = ({ examine }: Ward, url: string, gate: 'none' | 'nats' = 'none'): Promise<DoctorReport> =>
  examine({
    config: {
      update: { gate },
      fleet: { group: 'web', host: 'h1', nats: { ...accessTo(url), slots: 1 } },
    },
  });

it.each([
  ['none', 'warn'],
  ['nats', 'fail'],
] as const)('a NATS that is away, with the gate %s: %s', (gate, result) =>
  inWard(async (ward) => {
    expect(finding(await at(ward, 'nats://127.0.0.1:1', gate), 'fleet.nats')).toContain(
      `${result}: cannot connect to nats://127.0.0.1:1: connection refused`,
    );
  }),
);

describe.skipIf(!hasNats)('a NATS that answers', () => {
  it('is told from one without streams, and nothing is stored there', () =>
    inWard(async (ward) => {
      await using stack = new AsyncDisposableStack();
      const server = await startNats();
      stack.defer(() => server.close());
      const empty = await at(ward, server.url, 'nats');
      expect(finding(empty, 'fleet.nats')).toMatch(
        /^fail: cannot write .*`core fleet init`.* \(and 4 more\)$/,
      );
      expect(empty.checks.find(({ name }) => name === 'fleet.nats')?.next).toContain('core fleet init');
      const connection = await connectNats(accessTo(server.url), { name: 'test' });
      stack.defer(() => connection.close());
      const { product } = ward.rig.host;
      await ensureSpine(connection, product);
      expect(finding(await at(ward, server.url, 'nats'), 'fleet.nats')).toBe(
        `pass: 127.0.0.1:${String(server.port)} takes this host as h1 of group web; without fleet.operator_keys_file it obeys no halt`,
      );
      const manager = await jetstreamManager(connection);
      const { streams, buckets } = fleetNames(product);
      for (const stream of [...Object.values(streams), ...Object.values(buckets).map((name) => `KV_${name}`)])
        expect((await manager.streams.info(stream)).state.messages).toBe(0);
    }));

  it('but refuses this host, is told with the right that is missing', () =>
    inWard(async (ward) => {
      await using stack = new AsyncDisposableStack();
      const server = await startNats(
        'authorization { default_permissions { publish: { deny: ["coresdk.*.outcome.>"] } }, users: [{ user: a, password: b }] }\nno_auth_user: a',
      );
      stack.defer(() => server.close());
      expect(finding(await at(ward, server.url), 'fleet.nats')).toMatch(
        /^warn: .*Permissions Violation.*outcome\.web\.h1/i,
      );
    }));
});
