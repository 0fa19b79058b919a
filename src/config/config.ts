/** The configuration once it is read: complete, checked, times in milliseconds. Data only. */
import type { Channel } from '../types.ts';
import type { Runtime } from './runtime.ts';

/** A proxy as it was given, and where: `http.proxy`, or the name of a variable. */
export interface ProxySetting {
  readonly url: string;
  readonly from: string;
}

/** A maintenance window: updates are swapped in while one is open. */
export interface Window {
  /** The local time at which it opens, minutes since midnight. */
  readonly startMinute: number;
  readonly lengthMs: number;
  /** Days on which it opens, 1 (Monday) to 7; empty: every day. */
  readonly days: readonly number[];
  /** IANA name. */
  readonly timeZone: string;
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
    /** When an update may be swapped in by itself; empty: at any time. */
    readonly windows: readonly Window[];
    /** Whether a person has to approve each release. */
    readonly approval: 'none' | 'required';
    /** What holds an update back for the sake of the fleet. */
    readonly gate: 'none' | 'fleetlock' | 'nats';
    /** Feeds that hold the same files, asked in this order when the first is away. */
    readonly mirrors: readonly string[];
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
    /** Listening sockets that the daemon holds for whichever version runs: `tcp://host:port`, `unix:/path`; empty: the workload's own. */
    readonly listen: readonly string[];
    /** `overlap`: the new version is started and probed beside the old one. */
    readonly swap: 'stop-start' | 'overlap';
    /** Asked by POST before the old version is stopped; null: not. */
    readonly drainUrl: string | null;
    readonly drainTimeoutMs: number;
  };
  readonly probe: {
    /** `http:`, `https:`, `grpc:`, `grpcs:` (its path is the service's name) or `tcp:`. */
    readonly url: string;
    /** The unix socket that is asked instead of the URL's host; null: that host. */
    readonly socket: string | null;
    /** A program that is run instead, healthy when it ends with 0; null: the URL is asked. */
    readonly exec: readonly string[] | null;
    /** HTTP statuses that are healthy. */
    readonly status: readonly number[];
    /** What a healthy body holds; null: anything. */
    readonly body: string | null;
    readonly headers: Readonly<Record<string, string>>;
    /** PEM; the only authorities that are believed; null: the built-in ones. */
    readonly caFile: string | null;
    /** How long a version has to stay healthy before it is committed. */
    readonly soakMs: number;
    /** Unhealthy looks in a row that end a soak. */
    readonly failureThreshold: number;
    /** Times that it may turn from healthy to unhealthy while it soaks. */
    readonly flapThreshold: number;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly successThreshold: number;
    readonly watchMs: number;
  };
  readonly stateDir: string;
  /** Programs that are run around a swap; null: none. */
  readonly hooks: {
    readonly preSwap: readonly string[] | null;
    readonly drain: readonly string[] | null;
    readonly postCommit: readonly string[] | null;
    readonly postRollback: readonly string[] | null;
    readonly timeoutMs: number;
  };
  /** How this host takes part in a fleet; one host needs none of it. */
  readonly fleet: {
    readonly group: string;
    /** The name of this host in the fleet; null: made from the machine id. */
    readonly host: string | null;
    readonly fleetlockUrl: string | null;
    readonly nats: {
      readonly urls: readonly string[];
      readonly credentialsFile: string | null;
      readonly caFile: string | null;
      readonly certFile: string | null;
      readonly keyFile: string | null;
      readonly slots: number;
    } | null;
    /** JWKS of the keys whose orders are obeyed; null: no order is. */
    readonly operatorKeysFile: string | null;
  };
  readonly control: {
    readonly socket: string;
    /** Name or number of the group that may use the socket too; null: the daemon's user alone. */
    readonly group: string | null;
    /** `host:port` of the TCP listener; null: none. */
    readonly http: string | null;
    /** The file, mode 0600, that holds the token of the TCP listener. */
    readonly tokenFile: string | null;
    /** Names by which the TCP listener may be called, besides its own address and `localhost`. */
    readonly hosts: readonly string[];
  };
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent' };
  readonly tenant: string | null;
  readonly runtime: Runtime;
}
