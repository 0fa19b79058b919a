/**
 * The ports: everything that a service may ask of the world. One adapter implements each of them for real; every
 * other implementation (the fakes in `test/fakes/`) passes the same contract test (`test/adapters/contracts/`).
 *
 * All of them reject only with `UpdateError`. All times are milliseconds; all digests are lower-case hex.
 */
import type { TrustSet } from '../bundle/trust.ts';
import type { Platform } from '../types.ts';
import type { Downloads } from './ports/downloads.ts';
import type { Feed, HeadStore } from './ports/feed.ts';
import type { Approvals, Gate, Hooks, Pauses } from './ports/gate.ts';
import type { Nudges, Orders } from './ports/fleet.ts';
import type { Journal } from './ports/journal.ts';
import type { Reporter } from './ports/progress.ts';
import type { Succession } from './ports/succession.ts';
import type { Clock, Ids } from './ports/time.ts';
import type { Quarantine, VersionStore } from './ports/versions.ts';
import type { Drain, HealthProbe, Workload } from './ports/workload.ts';

export type * from './ports/time.ts';
export type * from './ports/feed.ts';
export type * from './ports/downloads.ts';
export type * from './ports/versions.ts';
export type * from './ports/journal.ts';
export type * from './ports/workload.ts';
export type * from './ports/progress.ts';
export type * from './ports/gate.ts';
export type * from './ports/lease.ts';
export type * from './ports/fleet.ts';
export type * from './ports/succession.ts';

/** Facts of this host and program that do not change while it runs. */
export interface Host {
  readonly product: string;
  readonly platform: Platform;
  /** The version of this program. */
  readonly updaterVersion: string;
  /** Time of the commit that this program was built from, ms since 1970; 0 when it is not known. */
  readonly builtFrom: number;
  /** What tells this host from others, for the cohort of a rollout. Never leaves the host. */
  readonly machineId: string;
  readonly trust: TrustSet;
}

/** All ports together; each service picks what it needs. */
export interface Ports {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly feed: Feed | null;
  readonly heads: HeadStore;
  readonly downloads: Downloads;
  readonly store: VersionStore;
  readonly quarantine: Quarantine;
  readonly journal: Journal;
  readonly workload: Workload;
  readonly probe: HealthProbe;
  /** Asks the version that runs beside the old one, at its own check address. */
  readonly probeBeside: HealthProbe;
  readonly drain: Drain;
  readonly gate: Gate;
  readonly approvals: Approvals;
  readonly pauses: Pauses;
  readonly hooks: Hooks;
  /** The daemon's own update. */
  readonly succession: Succession;
  readonly orders: Orders;
  readonly nudges: Nudges;
  readonly reporter: Reporter;
  readonly host: Host;
}
