/**
 * The updater: adapters, services, the machine and what may be asked of it, put together. The daemon puts a control API and the
 * service manager around it; a program that embeds it may do without both.
 */
import { createActor, type InspectionEvent } from 'xstate';
import type { Config } from './config/index.ts';
import type { ConfigEntry, ControlApi } from './control/api.ts';
import { feedUrlOf, openAdapters, type AdapterOptions } from './daemon/adapters.ts';
import { createBoard } from './daemon/board.ts';
import { createCommands } from './daemon/commands.ts';
import { machineFacts } from './daemon/fleet.ts';
import { createEventHub } from './daemon/events.ts';
import { createHealthLook } from './daemon/health-look.ts';
import { createDaemonLog } from './daemon/log.ts';
import { createMetrics, type MetricsText } from './daemon/metrics.ts';
import { createScrub, secretsOf } from './daemon/log-secrets.ts';
import { teeLog, type TeedLogger } from './daemon/log-tee.ts';
import { buildStatus, workloadView } from './daemon/status.ts';
import { systemClock } from './adapters/clock.ts';
import { examine } from './doctor/examine.ts';
import { updateMachine } from './machines/update.machine.ts';
import { services, type StepObserver } from './services/index.ts';
import type { Ports, Progress } from './services/ports.ts';
import type { Settings } from './services/settings.ts';
import type { Ended, StateName } from './types.ts';

/** After a stop the kernel frees the port at once, unless somebody else holds it. */
const ADDRESS_FREE_MS = 3_000;

/** What {@link openUpdater} needs. */
export interface UpdaterOptions extends AdapterOptions {
  /** Where the lines of the log go: pino, or anything with the same methods. */
  readonly logger: TeedLogger;
  /** Where each key of the configuration came from; none is told unless given. */
  readonly settings?: readonly ConfigEntry[] | undefined;
  /** Called when the machine ended by a fault of the program. */
  readonly onFatal: (error: unknown) => void;
  /** Hears of every step, for metrics and traces; called before the step does anything, once its intent is durable. */
  readonly observe?: StepObserver;
  /** Hears of every attempt that ended, with the step that decided it behind it; for traces. */
  readonly onEnded?: (ended: Ended) => void;
  /** Whether the metrics tell of this process too (memory, CPU, event loop); not unless told. */
  readonly processMetrics?: boolean;
  /** Hears of every event and transition of the update machine, as XState tells of them; for tests and tools. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** What is put around the adapters, or in their place; they are as they are unless told. */
  readonly adapt?: (ports: Ports) => Ports;
}

/** Why an updater is stopped: somebody wants it to, or it cannot go on. */
export type StopReason = 'asked' | 'fault';

/** An updater whose adapters are open. */
export interface Updater {
  /** What may be asked of it. */
  readonly api: ControlApi;
  /** Its metrics, for Prometheus; never rejects. */
  metrics(): Promise<MetricsText>;
  /** Recovers what was interrupted, starts the workload, and goes on from there. */
  start(): void;
  /**
   * Stops it in good order: the update first, then the workload; then everything is closed.
   *
   * @param why - `asked` unless told; a daemon on trial that stops by a `fault` has failed this start
   */
  stop(why?: StopReason): Promise<void>;
}

/** Why there are no updates on this host; null when there are. */
export function whyDisabled({ update, runtime }: Config): string | null {
  if (runtime.kind === 'k8s')
    return `this host is Kubernetes (${runtime.reason}); change the image tag instead`;
  return update.disabled ? 'CORESDK_UPDATE_DISABLED is set' : null;
}

function settingsOf({ update, probe, workload, fleet }: Config, disabled: string | null): Settings {
  return {
    channel: update.channel,
    disabled,
    checkIntervalMs: update.checkIntervalMs,
    jitter: update.jitter,
    minAgeMs: update.minAgeMs,
    allowSecurityOverride: update.allowSecurityOverride,
    group: fleet.group,
    rollbackTimeoutMs: update.rollbackTimeoutMs,
    probeIntervalMs: probe.intervalMs,
    probeSuccessThreshold: probe.successThreshold,
    soakMs: probe.soakMs,
    failureThreshold: probe.failureThreshold,
    flapThreshold: probe.flapThreshold,
    watchMs: probe.watchMs,
    swap: workload.swap,
    addressFreeMs: ADDRESS_FREE_MS,
  };
}

/**
 * Opens an updater: takes the lock of the state directory, and starts nothing yet.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE`, `ALREADY_RUNNING`, `CONFIG_INVALID`, `TRUST_SET_INVALID`
 * @example
 * const updater = await openUpdater({ config, embedded, program, logger, onFatal });
 * updater.start();
 */
export async function openUpdater(options: UpdaterOptions): Promise<Updater> {
  const { config, embedded, adapt = (ports: Ports) => ports } = options;
  const { clock = systemClock } = options.adapters ?? {};
  const disabled = whyDisabled(config);
  const feedUrl = feedUrlOf(options);
  const hub = createEventHub(clock);
  const logger = teeLog(
    options.logger,
    () => clock.now(),
    (line) => {
      hub.publish({ kind: 'log', line });
    },
    createScrub(secretsOf(config)),
  );
  const log = createDaemonLog(logger);
  // The metrics need the adapters, which report already while they are opened.
  const heardBy: ((progress: Progress) => void)[] = [log.progress];
  const board = createBoard({
    clock,
    onProgress: (progress) => {
      for (const hear of heardBy) hear(progress);
    },
    publish: (event) => {
      hub.publish(event);
    },
  });
  const opened = await openAdapters(options, board.reporter);
  const { workload } = opened.ports;
  const ports = adapt(opened.ports);
  const lookAtHealth = createHealthLook(ports.probe, clock);
  const metrics = createMetrics({
    ports,
    config,
    embedded,
    disabled,
    board,
    lookAtHealth,
    fleet: opened.fleet,
    paused: () => actor.getSnapshot().context.paused !== null,
    process: options.processMetrics === true,
  });
  heardBy.push(metrics.progress);
  workload.subscribe?.((status) => {
    log.workload(status);
    metrics.workload(status);
    opened.fleet?.changed();
    hub.publish({ kind: 'workload', workload: workloadView(status) });
  });
  const observe: StepObserver = (event) => {
    log.step(event);
    metrics.step(event);
    options.observe?.(event);
  };
  const { actors, settled } = services(ports, settingsOf(config, disabled), observe);
  const { inspect } = options;
  const actor = createActor(updateMachine.provide({ actors }), inspect === undefined ? {} : { inspect });
  let state: StateName | null = null;
  let endedId: string | null = null;
  actor.subscribe({
    next: ({ value, context }) => {
      if (value !== state) {
        board.entered(value, context);
        metrics.entered(value);
      }
      state = value;
      opened.fleet?.changed();
      const key = context.ended === null ? null : `${context.ended.attempt.id} ${context.ended.outcome}`;
      if (context.ended !== null && key !== endedId) {
        board.ended(context.ended);
        log.ended(context.ended);
        metrics.ended(context.ended);
        options.onEnded?.(context.ended);
      }
      endedId = key;
    },
    error: options.onFatal,
  });

  const api = createCommands({
    ports,
    actor,
    board,
    hub,
    config,
    settings: options.settings ?? [],
    doctor: () => {
      const { paused } = actor.getSnapshot().context;
      const waiting = board.waiting();
      return examine({
        config,
        embedded,
        ports,
        program: options.program,
        disabled,
        inside: { ports, paused, waiting: waiting?.for === 'approval' ? waiting.reason : null },
        env: process.env,
      });
    },
    disabled,
    fleet: opened.fleet,
    status: () => {
      const { value, context } = actor.getSnapshot();
      return buildStatus({
        ports,
        config,
        embedded,
        disabled,
        feedUrl,
        board,
        lookAtHealth,
        state: value,
        context,
        fleet: opened.fleet,
      });
    },
  });
  return {
    api: {
      ...api,
      clearQuarantine: async (wanted) => {
        try {
          return await api.clearQuarantine(wanted);
        } finally {
          metrics.changed();
        }
      },
    },
    metrics: metrics.scrape,
    start: () => {
      actor.start();
      opened.fleet?.begin(() => machineFacts(actor.getSnapshot()));
    },
    stop: async (why = 'asked') => {
      const probing = actor.getSnapshot().matches('probing');
      actor.stop();
      await settled();
      try {
        if (probing) await ports.journal.suspend();
        await workload.stop(new AbortController().signal);
      } finally {
        // Not earlier: until then a launcher must see that this daemon runs.
        if (why === 'asked') await opened.atRest();
        await opened.close();
      }
    },
  };
}
