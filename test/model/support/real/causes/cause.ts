import type { HostSettings } from '../host.ts';
import type { Past } from '../past.ts';
import type { OfferSpec, World } from '../world.ts';

/** Arranges the world. */
export type Arrangement = (world: World) => void | Promise<void>;

/** How the world is arranged so that a step of a plan happens by itself, on the real system. */
export interface Cause {
  /** What happened on this host before; nothing unless told. */
  readonly past?: Past;
  /** What the daemon is told at its start. */
  readonly settings?: Partial<HostSettings>;
  /** What kind of release is on offer. */
  readonly offer?: Partial<OfferSpec>;
  /** While the service is held, just before it is let go. */
  readonly arrange?: Arrangement;
  /** While the service runs. */
  readonly during?: Arrangement;
}

/** Causes by case or by code. */
export type Causes = Readonly<Record<string, Cause>>;

/** Nothing has to be arranged: it is what happens. */
export const BY_ITSELF: Cause = {};
