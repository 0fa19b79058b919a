import { expect, it } from 'vitest';
import type { Lease } from '../../../src/services/ports.ts';

/** Two hosts of one group that has a single place, and one of another group. */
export interface LeaseWorld {
  readonly one: Lease;
  readonly other: Lease;
  readonly elsewhere: Lease;
  /** Nobody answers from now on. */
  readonly away: () => Promise<void>;
  end(): Promise<void>;
}

/** What every {@link Lease} keeps. */
export function leaseContract(open: () => Promise<LeaseWorld>): void {
  const { signal } = new AbortController();
  const within =
    (check: (world: LeaseWorld) => Promise<void>): (() => Promise<void>) =>
    async () => {
      const world = await open();
      try {
        await check(world);
      } finally {
        await world.end();
      }
    };

  it(
    'lets one host in, and refuses the other until it is given back',
    within(async ({ one, other }) => {
      await one.acquire('attempt-1', signal);
      await expect(other.acquire('attempt-2', signal)).rejects.toMatchObject({ code: 'LEASE_HELD' });
      await one.release('attempt-1', signal);
      await other.acquire('attempt-2', signal);
      await expect(one.acquire('attempt-3', signal)).rejects.toMatchObject({ code: 'LEASE_HELD' });
      await other.release('attempt-2', signal);
    }),
  );

  it(
    'is taken again by whoever holds it, and given back once for all',
    within(async ({ one, other }) => {
      await one.acquire('attempt-1', signal);
      await one.acquire('attempt-1', signal);
      await one.release('attempt-1', signal);
      await other.acquire('attempt-2', signal);
    }),
  );

  it(
    'gives nothing back that it does not hold',
    within(async ({ one, other }) => {
      await one.release('attempt-0', signal);
      await one.acquire('attempt-1', signal);
      await other.release('attempt-2', signal);
      await expect(other.acquire('attempt-2', signal)).rejects.toMatchObject({ code: 'LEASE_HELD' });
    }),
  );

  it(
    'counts each group for itself',
    within(async ({ one, elsewhere }) => {
      await one.acquire('attempt-1', signal);
      await elsewhere.acquire('attempt-2', signal);
    }),
  );

  it(
    'says where it asks, and who refuses',
    within(async ({ one, other }) => {
      await one.acquire('attempt-1', signal);
      await expect(other.acquire('attempt-2', signal)).rejects.toThrow(other.name);
    }),
  );

  it(
    'does not know where nobody answers',
    within(async ({ one, away }) => {
      await away();
      await expect(one.acquire('attempt-1', signal)).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
      await expect(one.release('attempt-1', signal)).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    }),
  );

  it(
    'is not asked for once it is cancelled',
    within(async ({ one, other }) => {
      const cancelled = AbortSignal.abort();
      await expect(one.acquire('attempt-1', cancelled)).rejects.toMatchObject({ code: 'CANCELLED' });
      await other.acquire('attempt-2', signal);
      await expect(other.release('attempt-2', cancelled)).rejects.toMatchObject({ code: 'CANCELLED' });
    }),
  );
}
