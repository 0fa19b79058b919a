import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createFleetLock } from '../../src/adapters/fleetlock.ts';
import { createHttpClient } from '../../src/adapters/http-client.ts';
import type { Lease } from '../../src/services/ports.ts';
import { createFakePlaces } from '../fakes/lease.ts';
import { startFleetLockServer } from '../support/fleetlock-server.ts';
import { leaseContract } from './contracts/lease.contract.ts';

const { signal } = new AbortController();
const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

function leaseAt(url: string, id = 'host-1', group = 'default', timeoutMs = 5_000): Lease {
  const client = createHttpClient();
  ended.push(() => client.close());
  return createFleetLock({ url, group, id, client, timeoutMs });
}

/** A server that answers everything in one way. */
async function server(listener: RequestListener): Promise<string> {
  const made = createServer(listener);
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  ended.push(async () => {
    made.closeAllConnections();
    await new Promise((resolve) => made.close(resolve));
  });
  return `http://127.0.0.1:${String((made.address() as AddressInfo).port)}`;
}

describe('a lease from a FleetLock server', () => {
  leaseContract(async () => {
    const places = await startFleetLockServer(1);
    return {
      one: leaseAt(places.url, 'one'),
      other: leaseAt(`${places.url}/`, 'other'),
      elsewhere: leaseAt(places.url, 'one', 'elsewhere'),
      away: () => places.stop(),
      end: async () => {
        expect(places.faults).toEqual([]);
        await places.stop();
      },
    };
  });
});

describe('a lease in memory, for tests', () => {
  leaseContract(() => {
    const [places, others] = [createFakePlaces(1), createFakePlaces(1)];
    return Promise.resolve({
      one: places.lease('one'),
      other: places.lease('other'),
      elsewhere: others.lease('one'),
      away: () => {
        places.away = 'before';
        return Promise.resolve();
      },
      end: () => Promise.resolve(),
    });
  });
});

describe('an answer of a FleetLock server', () => {
  it('that refuses is told with its kind and value, on one line', async () => {
    const url = await server((_, response) => {
      response
        .writeHead(409)
        .end(JSON.stringify({ kind: 'failed_lock_semaphore_full', value: 'all slots\nare locked' }));
    });
    await expect(leaseAt(url).acquire('a', signal)).rejects.toMatchObject({
      code: 'LEASE_HELD',
      message: `no place from the FleetLock server ${url}, group default: HTTP 409: all slots are locked (failed_lock_semaphore_full)`,
    });
  });

  it.each<[string, number, string]>([
    ['another success', 204, ''],
    ['a fault of the server', 500, JSON.stringify({ kind: 'failed_lock', value: 'etcd is away' })],
    ['a refusal without a kind', 409, JSON.stringify({ value: 'full' })],
    ['a refusal with an empty kind', 409, JSON.stringify({ kind: '', value: 'full' })],
    ['a refusal that is no JSON', 409, '<html>'],
    ['the page of some other server', 404, '<html>'],
    ['more than an answer may be', 409, JSON.stringify({ kind: 'x', value: 'y'.repeat(20_000) })],
  ])('that is %s leaves open whether a place was taken', async (_, status, body) => {
    const url = await server((_request, response) => {
      response.writeHead(status).end(body);
    });
    const lease = leaseAt(url);
    await expect(lease.acquire('a', signal)).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    await expect(lease.release('a', signal)).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
  });

  it('that is a redirect is not followed', async () => {
    let asked = 0;
    const url = await server((request, response) => {
      asked += 1;
      response.writeHead(308, { location: `http://${request.headers.host ?? ''}/elsewhere` }).end();
    });
    await expect(leaseAt(url).acquire('a', signal)).rejects.toThrow('HTTP 308');
    expect(asked).toBe(1);
  });

  it('that does not come is not waited for', async () => {
    const url = await server(() => undefined);
    await expect(leaseAt(url, 'host-1', 'default', 50).acquire('a', signal)).rejects.toMatchObject({
      code: 'FLEET_UNREACHABLE',
      message: expect.stringContaining('nothing in 0.05 s') as string,
    });
  });

  it('is not waited for once the work is cancelled', async () => {
    const leave = new AbortController();
    const url = await server(() => {
      leave.abort();
    });
    await expect(leaseAt(url).acquire('a', leave.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
