/**
 * The updater's metrics for Prometheus, in a registry of their own: a program that embeds the updater has its own beside it.
 *
 * Invariants: what is counted is counted from events, so a scrape changes nothing; a scrape reads the disk only when a step or a
 * command may have changed what it tells of; it never fails.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Config } from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import { updateMachine } from '../machines/update.machine.ts';
import type { StepEvent } from '../services/index.ts';
import type { Ports, ProbeResult, Progress, WorkloadStatus } from '../services/ports.ts';
import type { Ended, StateName } from '../types.ts';
import type { Board } from './board.ts';
import type { Fleet } from './fleet.ts';
import { createFactReader } from './metrics-facts.ts';
import { createInstruments } from './metrics-instruments.ts';

/** What a scrape is answered with. */
export interface MetricsText {
  /** For the header `content-type`. */
  readonly contentType: string;
  /** The Prometheus text format, version 0.0.4. */
  readonly body: string;
}

/** What {@link createMetrics} needs. */
export interface MetricsOptions {
  readonly ports: Ports;
  readonly config: Config;
  readonly embedded: Embedded;
  readonly disabled: string | null;
  readonly board: Pick<Board, 'nextCheck' | 'waiting' | 'heldBack'>;
  readonly lookAtHealth: () => Promise<ProbeResult>;
  /** null, or left out, where no fleet is configured. */
  readonly fleet?: Pick<Fleet, 'report'> | null;
  /** Whether automatic updates are paused now. */
  readonly paused: () => boolean;
  /** Whether those of the process (memory, CPU, event loop) are told too, measured from the first scrape on. */
  readonly process: boolean;
}

/** Counts what happens, and tells it to whoever scrapes. */
export interface Metrics {
  readonly step: (event: StepEvent) => void;
  readonly progress: (progress: Progress) => void;
  readonly entered: (state: StateName) => void;
  readonly ended: (ended: Ended) => void;
  readonly workload: (status: WorkloadStatus) => void;
  /** A command changed what is on disk. */
  readonly changed: () => void;
  readonly scrape: () => Promise<MetricsText>;
}

/** The event loop is looked at this often, ms: more would keep an idle daemon busy. */
const LOOP_PRECISION_MS = 100;
const STATES = Object.keys(updateMachine.states) as StateName[];
/** Steps that wait for the next event; how long is nobody's business. */
const WAITS: ReadonlySet<string> = new Set(['schedule', 'watch']);

const seconds = (ms: number): number => ms / 1000;
const flag = (on: boolean): number => (on ? 1 : 0);

/** Counts growth: of a number that starts again at times. */
function growth(): { next(value: number): number; from(value: number): void } {
  let last = 0;
  return {
    next: (value) => {
      const grown = value > last ? value - last : 0;
      last = value;
      return grown;
    },
    from: (value) => {
      last = value;
    },
  };
}

/**
 * Makes the metrics of one updater. It starts no timer; those of the process are set up by the first scrape.
 *
 * @example
 * const metrics = createMetrics({ ports, config, embedded, disabled, board, lookAtHealth, process: true });
 * const { contentType, body } = await metrics.scrape();
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const { ports, config, embedded, board } = options;
  const { clock } = ports;
  const registry = new Registry();
  const is = createInstruments(registry);
  const facts = createFactReader(ports);
  /** The attempt under way, and when it began here. */
  let begun: { readonly id: string; readonly at: number } | null = null;
  const downloaded = growth();
  const restarts = growth();
  let processToo = options.process;

  const { version, commit } = embedded;
  const { trust } = ports.host;
  is.build.set({ version, commit, development_keys: String(trust.development) }, 1);
  is.channel.set({ channel: config.update.channel }, 1);
  is.disabled.set(flag(options.disabled !== null));
  is.started.set(seconds(clock.now()));
  const checks =
    config.update.channel !== 'manual' &&
    options.disabled === null &&
    ports.feed !== null &&
    trust.keys.size > 0;
  if (checks) is.checkInterval.set(seconds(config.update.checkIntervalMs));
  // What is absent where it is not known has no sample at all: 0 would be 1970.
  else is.checkInterval.remove();
  for (const state of STATES) is.state.set({ state }, 0);
  const optional = (gauge: { set(value: number): void; remove(): void }, at: number | null): void => {
    if (at === null) gauge.remove();
    else gauge.set(seconds(at));
  };
  is.lastCheckSuccess.remove();

  const tellFacts = async (): Promise<void> => {
    const { facts: known, error } = await facts.read();
    if (error !== null) {
      is.unreadable.inc();
      ports.reporter.report({ kind: 'warning', error });
    }
    is.current.reset();
    is.headAge.reset();
    is.headExpiry.reset();
    is.headSeq.reset();
    is.headEpoch.reset();
    optional(is.lastSuccess, known?.committedAt ?? null);
    if (known === null) {
      is.quarantined.remove();
      return;
    }
    const { current } = known;
    const digest = current.origin === 'store' ? current.digest : '';
    is.current.set({ version: current.version, digest, origin: current.origin }, 1);
    is.quarantined.set(known.quarantined);
    for (const { channel, issuedAt, expiresAt, epoch, seq } of known.heads) {
      is.headAge.set({ channel }, seconds(clock.now() - issuedAt));
      is.headExpiry.set({ channel }, seconds(expiresAt));
      is.headSeq.set({ channel }, seq);
      is.headEpoch.set({ channel }, epoch);
    }
  };

  const tellMirrors = (): void => {
    for (const { url, putBackUntil } of ports.feed?.mirrors?.() ?? [])
      is.mirrorUp.set({ mirror: url }, flag(putBackUntil === null));
  };

  const tellFleet = async (): Promise<void> => {
    is.fleetConnected.remove();
    is.fleetOutbox.remove();
    try {
      const report = (await options.fleet?.report()) ?? null;
      const { link, outbox } = report ?? { link: null, outbox: 0 };
      if (link === null) return;
      is.fleetConnected.set(flag(link.connected));
      is.fleetOutbox.set(outbox);
    } catch {
      // The journal cannot be read: what is not known is not told, and the rest of the scrape is.
      is.unreadable.inc();
    }
  };

  const tellWorkload = async (): Promise<void> => {
    const { state, startedAt } = ports.workload.status();
    const runs = state === 'running';
    is.workloadUp.set(flag(runs));
    optional(is.workloadStarted, runs ? startedAt : null);
    is.workloadHealthy.set(flag(runs && (await options.lookAtHealth()).healthy));
  };

  return {
    step: ({ step, attempt, ...event }) => {
      if (attempt !== null && begun?.id !== attempt.id) begun = { id: attempt.id, at: clock.monotonic() };
      if (event.phase === 'began') {
        if (step === 'download') downloaded.from(0);
        return;
      }
      facts.changed();
      if (WAITS.has(step)) return;
      if (step === 'check' && event.phase === 'done') is.lastCheckSuccess.set(seconds(clock.now()));
      is.stepDuration.observe({ step, result: event.phase }, seconds(event.tookMs));
    },
    progress: (progress) => {
      if (progress.kind === 'download') {
        if (progress.resumed === true) downloaded.from(progress.received);
        else is.downloadBytes.inc(downloaded.next(progress.received));
      } else if (progress.kind === 'retry') is.retries.inc();
      else if (progress.kind === 'warning') is.warnings.inc({ code: progress.error.code });
    },
    entered: (state) => {
      for (const name of STATES) is.state.set({ state: name }, flag(name === state));
    },
    ended: ({ attempt, outcome, stage, error }) => {
      const { id, trigger } = attempt;
      is.attempts.inc({ outcome, stage, trigger });
      is.lastOutcome.set({ outcome }, seconds(clock.now()));
      if (error !== null) is.errors.inc({ code: error.code });
      if (begun?.id === id) is.attemptDuration.observe({ outcome }, seconds(clock.monotonic() - begun.at));
      begun = null;
    },
    workload: (status) => {
      is.restarts.inc(restarts.next(status.restarts));
    },
    changed: facts.changed,
    scrape: async () => {
      if (processToo) {
        processToo = false;
        collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_PRECISION_MS });
      }
      tellMirrors();
      await Promise.all([tellFacts(), tellWorkload(), tellFleet()]);
      is.paused.set(flag(options.paused()));
      is.heldBack.set(flag(board.heldBack() !== null));
      const waiting = board.waiting();
      for (const reason of ['window', 'approval', 'lease'] as const)
        is.waiting.set({ for: reason }, flag(waiting?.for === reason));
      optional(is.nextCheck, board.nextCheck().at);
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
