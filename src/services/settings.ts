import type { Channel } from '../types.ts';

/** What an operator's configuration says to the services. Times in milliseconds. */
export interface Settings {
  readonly channel: Channel;
  /** Why the updater is switched off on this host; null when it is on. */
  readonly disabled: string | null;
  readonly checkIntervalMs: number;
  /** How long a release is known here before it is installed from a feed; 0 for at once. */
  readonly minAgeMs: number;
  /** Whether a signed security override counts instead of the bake and the rollout. */
  readonly allowSecurityOverride: boolean;
  /** The group that this host is in, for rollouts that name groups; none unless told. */
  readonly group?: string | undefined;
  /** Share of the interval by which a check may come earlier or later, 0 to 1. */
  readonly jitter: number;
  readonly rollbackTimeoutMs: number;
  readonly probeIntervalMs: number;
  /** Healthy looks in a row that make a version good. */
  readonly probeSuccessThreshold: number;
  /** How long a version has to stay healthy before it is committed; 0: not at all. */
  readonly soakMs: number;
  /** Unhealthy looks in a row that end a soak. */
  readonly failureThreshold: number;
  /** Times that it may turn from healthy to unhealthy while it soaks. */
  readonly flapThreshold: number;
  /** How long a committed version is watched for a crash loop. */
  readonly watchMs: number;
  /** How a new version takes the old one's place; `overlap` starts it beside. */
  readonly swap: 'stop-start' | 'overlap';
  /** How long the probe's address may still answer after the old version was stopped. */
  readonly addressFreeMs: number;
}
