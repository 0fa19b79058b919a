/** What a real machine does, as XState's inspection tells it: every event with the transitions that it led to. */
import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { ErrorCode } from '../../../../src/error-codes.ts';
import type { UpdateContext } from '../../../../src/machines/update.types.ts';
import { transitionId } from '../../../../src/statechart/plans/transitions.ts';
import type { StateName } from '../../../../src/types.ts';

/** One event that the machine took in. */
export interface Seen {
  /** `xstate.done.actor.check`, `CHECK`, … */
  readonly event: string;
  /** The error's code, where a service failed. */
  readonly code: ErrorCode | null;
  /** Names of the transitions that were taken, in order; none when the event was ignored. */
  readonly taken: readonly string[];
  readonly state: StateName;
  readonly context: UpdateContext;
}

/** Remembers what was seen, and lets others wait for more. */
export interface Sightings {
  readonly inspect: (event: InspectionEvent) => void;
  /** All events so far, oldest first. */
  readonly all: readonly Seen[];
  /** Resolves with the first event from number `from` on that is as wanted. */
  next(from: number, wanted: (seen: Seen) => boolean): Promise<Seen>;
}

interface Snapshot {
  readonly value: StateName;
  readonly context: UpdateContext;
}

/** Makes the {@link Sightings} of one daemon. */
export function createSightings(): Sightings {
  const all: Seen[] = [];
  const listeners = new Set<() => void>();
  let taken: string[] = [];
  return {
    all,
    inspect: (event) => {
      // The services are actors too, and are not the machine.
      if ((event.actorRef as AnyActorRef)._parent !== undefined) return;
      if (event.type === '@xstate.microstep') taken.push(...event._transitions.map(transitionId));
      if (event.type !== '@xstate.snapshot') return;
      const { value, context } = event.snapshot as unknown as Snapshot;
      const { error } = event.event as { error?: { code?: ErrorCode } };
      all.push({ event: event.event.type, code: error?.code ?? null, taken, state: value, context });
      taken = [];
      for (const listener of listeners) listener();
    },
    next: (from, wanted) =>
      new Promise((resolve) => {
        let at = from;
        const look = (): void => {
          for (; at < all.length; at += 1) {
            const seen = all[at];
            if (seen === undefined || !wanted(seen)) continue;
            listeners.delete(look);
            resolve(seen);
            return;
          }
        };
        listeners.add(look);
        look();
      }),
  };
}
