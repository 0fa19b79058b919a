import type { Drained, LaunchTarget, VersionRef } from '../../types.ts';

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that was started, in a process group of its own. */
export interface LaunchedProcess {
  readonly pid: number;
  /** Resolves when the group's leader ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
}

/** What is known of a process of an earlier daemon. */
export interface Survivor {
  readonly pid: number;
  readonly version: string;
}

/** Which of two versions that may run at once: the workload, or the one that is tried beside it. */
export type Place = 'main' | 'beside';

/** Starts and ends processes. Only the supervisor uses it. */
export interface Processes {
  /**
   * Starts `target` through the gate: its identity is on disk before its first instruction runs. What ran in the same place is ended
   * first, and nothing in the other.
   *
   * @param place - `main` unless told
   */
  launch(target: LaunchTarget, signal: AbortSignal, place?: Place): Promise<LaunchedProcess>;
  /** Tells what was launched beside that clients are its own now; a program that does not listen for it takes them from its start. */
  promote(process: LaunchedProcess): Promise<void>;
  /** Nothing is in the place `main` any more: what was launched beside is, from now on. Durable when it resolves; again: does nothing. */
  relieve(): Promise<void>;
  /** SIGTERM to the leader; after `graceMs` SIGKILL to the whole group. Resolves when no process of the group is left. */
  terminate(process: LaunchedProcess, graceMs: number): Promise<void>;
  /**
   * Takes over the process that an earlier daemon left, if it runs still and is of this version, as if it had been launched here; null
   * when it is not. What ran beside it is ended.
   */
  adopt(target: LaunchTarget): Promise<LaunchedProcess | null>;
  /** Ends whatever groups an earlier daemon left, known by boot id, pid and start time; null if there was none. */
  endSurvivor(graceMs: number): Promise<Survivor | null>;
}

/** What the supervisor says of the workload. */
export interface WorkloadStatus {
  readonly state: 'stopped' | 'starting' | 'running' | 'stopping' | 'backingOff' | 'crashed';
  readonly ref: VersionRef | null;
  readonly pid: number | null;
  /** ms since 1970; null unless running. */
  readonly startedAt: number | null;
  /** Restarts after a crash since the version was started by an update or by the daemon. */
  readonly restarts: number;
  readonly lastExit: string | null;
}

/** A second version beside the one that runs, on the same listening sockets. */
export interface Beside {
  /**
   * Starts `target` with a check address of its own. It is not started again when it ends; `Workload.exit` knows its pid. The codes of
   * `Workload.start`.
   */
  start(target: LaunchTarget, signal: AbortSignal): Promise<{ pid: number }>;
  /** Ends it, and its whole group. Nothing beside: does nothing. */
  end(signal: AbortSignal): Promise<void>;
  /** Tells it that it may take clients. Nothing beside: does nothing. */
  promote(signal: AbortSignal): Promise<void>;
  /**
   * It takes the place of what ran: that is stopped, with its group, and the other is the one supervised. Again: does nothing. Rejects with
   * `PROBE_EXITED` where it has ended meanwhile: then nothing runs.
   */
  relieve(signal: AbortSignal): Promise<void>;
}

/** The supervised program, as the update's services see it. The supervisor implements it. */
export interface Workload {
  /** Starts `target` and resolves with its pid once it is spawned; stops what runs before, if anything does. */
  start(target: LaunchTarget, signal: AbortSignal): Promise<{ pid: number }>;
  /** Stops it and its whole group, and keeps it stopped. Nothing runs: does nothing. */
  stop(signal: AbortSignal): Promise<void>;
  status(): WorkloadStatus;
  /** Resolves when the process with this pid has ended (at once if it has), never rejects except by the signal. */
  exit(pid: number, signal: AbortSignal): Promise<string>;
  /** Resolves, with a word on what was seen, once the workload crashed several times in a row; never rejects except by the signal. */
  crashLoop(signal: AbortSignal): Promise<string>;
  /** Ends what an earlier daemon left running. */
  endSurvivor(): Promise<Survivor | null>;
  /**
   * Takes over the workload that an earlier daemon left to this one on purpose, as it runs; null when there is none, or it is not the
   * target's version. From then on it is as if it had been started here. Where it is not there, a new daemon starts the workload again.
   */
  adopt?(target: LaunchTarget, signal: AbortSignal): Promise<{ pid: number } | null>;
  /** How two versions run at once; where it is not there, no update overlaps. */
  readonly beside?: Beside;
  /** Calls the listener after every change of the status; where it is not there, only the status tells. */
  subscribe?(listener: (status: WorkloadStatus) => void): void;
}

/** One look at the workload's health. */
export interface ProbeResult {
  readonly healthy: boolean;
  /** For people: `HTTP 200`, `HTTP 500`, `connection refused`. */
  readonly detail: string;
  /** "Not yet": it asked to be looked at again after this time, ms (429 or 503 with `Retry-After`). No failure while it soaks. */
  readonly retryAfterMs?: number | undefined;
}

/** The health check. */
export interface HealthProbe {
  /** One look; never rejects except by the signal. */
  look(signal: AbortSignal): Promise<ProbeResult>;
  /** Whether anybody accepts connections at the probe's address. */
  answered(signal: AbortSignal): Promise<boolean>;
  /** The address, for messages. */
  readonly address: string;
}

/** What asks a workload to serve whom it has, and take nobody new, before it is stopped. */
export interface Drain {
  /**
   * Drains the process and says how it went; null where nothing is configured to do it. Never rejects but by the signal: what goes
   * wrong, or takes too long, is told in `fault`.
   */
  run(
    process: { readonly pid: number; readonly version: string },
    signal: AbortSignal,
  ): Promise<Drained | null>;
}
