import type { Config } from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import type { ErrorRecord } from '../errors.ts';
import type { Ports } from '../services/ports.ts';
import type { Release } from '../types.ts';

/** What a daemon knows, and only it. */
export interface Inside {
  readonly ports: Pick<Ports, 'store' | 'journal' | 'workload' | 'quarantine'>;
  /** Why automatic updates are paused. */
  readonly paused: ErrorRecord | null;
  /** What waits for an approval now. */
  readonly waiting: string | null;
}

/** What the doctor looks at. */
export interface Patient {
  readonly config: Config;
  readonly embedded: Embedded;
  readonly ports: Pick<Ports, 'clock' | 'host' | 'feed' | 'heads' | 'probe'>;
  /** Absolute path of the daemon's own program; null where it is not known. */
  readonly program: string | null;
  /** Why there are no updates on this host. */
  readonly disabled: string | null;
  /** null: whoever asks looks by itself, and sees the host as its own user does. */
  readonly inside: Inside | null;
  readonly env: Readonly<NodeJS.ProcessEnv>;
}

/** A release that a head names, and the size of its whole bundle in bytes. */
export interface NextRelease extends Release {
  readonly bundleBytes: number;
}
