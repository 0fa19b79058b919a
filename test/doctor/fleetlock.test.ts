import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { fleetHostId } from '../../src/adapters/fleet-host-id.ts';
import { createFleetLock } from '../../src/adapters/fleetlock.ts';
import { createHttpClient } from '../../src/adapters/http-client.ts';
import type { DoctorReport } from '../../src/control/api.ts';
import { startFleetLockServer } from '../support/fleetlock-server.ts';
import { finding, inWard, type Change, type Ward } from './patient-fixture.ts';

const at = ({ examine }: Ward, fleetlockUrl: string, change: Change = {}): Promise<DoctorReport> =>
  examine({
    ...change,
    config: {
      ...change.config,
      update: { gate: 'fleetlock', ...change.config?.update },
      fleet: { fleetlockUrl, group: 'web' },
    },
  });

it('a lock server that answers is told with the name that this host has there, and nothing is taken or freed', async () => {
  const server = await startFleetLockServer(1);
  const client = createHttpClient();
  try {
    await inWard(async (ward) => {
      const id = fleetHostId(ward.rig.host.machineId);
      await createFleetLock({ url: server.url, group: 'web', id, client }).acquire(
        'a',
        AbortSignal.timeout(5_000),
      );
      expect(finding(await at(ward, `${server.url}/`), 'fleet.lock')).toBe(
        `pass: ${server.url}/ answers as a FleetLock server does; it knows this host as ${id} of group web`,
      );
      expect([server.holders('web'), server.taken, server.freed]).toEqual([[id], 1, 0]);
    });
  } finally {
    await client.close();
    await server.stop();
  }
});

it.each<[string, string, RequestListener]>([
  [
    'another server',
    'fail: expected URL to refuse an empty request in the words of FleetLock, found HTTP 404',
    (_, response) => response.writeHead(404).end('<html>'),
  ],
  [
    'a server that takes anything',
    'fail: expected URL to refuse an empty request in the words of FleetLock, found HTTP 200',
    (_, response) => response.end('{"kind":"a","value":"b"}'),
  ],
  [
    'a server that is broken',
    'fail: expected URL to refuse an empty request in the words of FleetLock, found HTTP 503',
    (_, response) => response.writeHead(503).end('{"kind":"a","value":"b"}'),
  ],
  [
    'an early server',
    'warn: expected URL to refuse an empty request in the words of FleetLock, found HTTP 400',
    (_, response) => response.writeHead(400).end('EOF'),
  ],
  [
    'a server that breaks off',
    'fail: expected URL/v1/steady-state to answer HTTP 200, found ',
    (request) => request.socket.destroy(),
  ],
])('%s is no FleetLock server', async (_, words, listener) => {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  try {
    await inWard(async (ward) => {
      const report = await at(ward, url);
      expect(finding(report, 'fleet.lock')).toContain(words.replace('URL', url));
      expect(report.result).toBe(words.startsWith('fail') ? 'fail' : 'warn');
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

it('it is asked only where updates wait for it, and never on manual', () =>
  inWard(async (ward) => {
    const manual = await at(ward, 'http://lock.invalid', { config: { update: { channel: 'manual' } } });
    expect(finding(manual, 'fleet.lock')).toBe(
      'skip: not asked: the manual channel makes no request of its own',
    );
    expect(finding(await ward.examine(), 'fleet.lock')).toBe('no check fleet.lock');
  }));
