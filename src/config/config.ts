/** The configuration once it is read: complete, checked, times in milliseconds. Data only. */
import type { Channel } from '../types.ts';
import type { Runtime } from './runtime.ts';

/** A proxy as it was given, and where: `http.proxy`, or the name of a variable. */
export interface ProxySetting {
  readonly url: string;
  readonly from: string;
}

/** What the daemon is told to do. Built by `loadConfig`; the keys in the file are in `schema.ts`. */
export interface Config {
  readonly update: {
    readonly channel: Channel;
    readonly checkIntervalMs: number;
    readonly rollbackTimeoutMs: number;
    /** What a bare `update` applies on the manual channel. */
    readonly bundlePath: string | null;
    /** null: the feed that the program was built with, if any. */
    readonly feedUrl: string | null;
    /** The share of the interval by which checks are spread, 0 to 1. */
    readonly jitter: number;
    /** How long a release is known here before it is installed from a feed. */
    readonly minAgeMs: number;
    /** Whether a signed security override counts instead of the bake and the rollout. */
    readonly allowSecurityOverride: boolean;
    /** How long a feed may take for the start of an answer, and for each 1 KiB of a body. */
    readonly stallTimeoutMs: number;
    /** How often a feed is asked again when a request fails, in a row and without having moved on. */
    readonly retries: number;
    /** The rate of a download; null: as fast as it comes. */
    readonly maxBytesPerSecond: number | null;
    /** `CORESDK_UPDATE_DISABLED`: no update of any kind. */
    readonly disabled: boolean;
  };
  /** How a feed at an `https:` or `http:` URL is reached. */
  readonly http: {
    /** PEM; the only authorities that are believed; null: the built-in ones. */
    readonly caFile: string | null;
    /** PEM; the certificate by which this host shows itself, and its key. */
    readonly certFile: string | null;
    readonly keyFile: string | null;
    /** By the scheme of the feed. Never shown as a whole: their URLs may hold a password. */
    readonly proxies: {
      readonly http: ProxySetting | null;
      readonly https: ProxySetting | null;
      /** Hosts that are reached without a proxy, as `NO_PROXY` lists them. */
      readonly none: string;
    };
  };
  readonly workload: {
    /** `{binary}` stands for the entry file of the version that runs. */
    readonly command: readonly string[];
    /** What runs before any update; null: the daemon's own program. */
    readonly binary: string | null;
    /** Added to the daemon's environment; `CORESDK_TENANT` among them where it is set. */
    readonly env: Readonly<Record<string, string>>;
    readonly stopTimeoutMs: number;
    /** `inherit`, or the absolute path of a file. */
    readonly output: string;
    readonly backoffInitialMs: number;
    readonly backoffMaxMs: number;
    /** Crashes in a row that count as a loop. */
    readonly crashLoop: number;
    /** A run of this length ends the row. */
    readonly stableAfterMs: number;
  };
  readonly probe: {
    readonly url: string;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly successThreshold: number;
    readonly watchMs: number;
  };
  readonly stateDir: string;
  readonly control: { readonly socket: string };
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent' };
  readonly tenant: string | null;
  readonly runtime: Runtime;
}
