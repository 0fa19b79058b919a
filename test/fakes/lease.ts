import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Lease } from '../../src/services/ports.ts';

/** The places of a group, in memory. */
export interface FakePlaces {
  /** Hosts that hold one. */
  readonly holders: Set<string>;
  /** `acquire host`, `release host`: what was acknowledged or refused. */
  readonly log: string[];
  /** While set, nobody answers; `after` still does what is asked. */
  away: 'before' | 'after' | null;
  /** Done while a request is under way. */
  meanwhile: (() => void | Promise<void>) | null;
  lease(host: string): Lease;
}

/** @param slots - hosts that may hold a place at once */
export function createFakePlaces(slots = 1): FakePlaces {
  const places: FakePlaces = {
    holders: new Set(),
    log: [],
    away: null,
    meanwhile: null,
    lease: (host) => {
      const name = `the fake places of ${host}`;
      const ask = async (what: string, signal: AbortSignal, act: () => void): Promise<void> => {
        throwIfCancelled(signal);
        if (places.away === 'before') throw new UpdateError('FLEET_UNREACHABLE', `${name}: nobody is there`);
        act();
        await places.meanwhile?.();
        throwIfCancelled(signal);
        if (places.away === 'after') throw new UpdateError('FLEET_UNREACHABLE', `${name}: no answer`);
        places.log.push(`${what} ${host}`);
      };
      return {
        name,
        acquire: (_attempt, signal) =>
          ask('acquire', signal, () => {
            if (!places.holders.has(host) && places.holders.size >= slots) {
              places.log.push(`refuse ${host}`);
              throw new UpdateError('LEASE_HELD', `no place from ${name}`);
            }
            places.holders.add(host);
          }),
        release: (_attempt, signal) =>
          ask('release', signal, () => {
            places.holders.delete(host);
          }),
      };
    },
  };
  return places;
}
