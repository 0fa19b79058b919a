/**
 * The updater for programs that embed it.
 *
 * Invariants: it runs inside the embedder's process, so it takes no signal, ends no process, writes to no terminal, registers nothing
 * global, and opens no socket unless asked; it trusts the keys that it is given and no others.
 */
import { pino } from 'pino';
import type { TrustFile } from './bundle/trust.ts';
import { resolveConfig, type Config, type ConfigFile } from './config/index.ts';
import type { AttemptProgress, ControlApi, ControlEvent } from './control/api.ts';
import type { ControlServer } from './control/server.ts';
import { openControl } from './daemon/control.ts';
import type { TeedLogger } from './daemon/log-tee.ts';
import type { MetricsText } from './daemon/metrics.ts';
import { openTrace, traced } from './daemon/trace.ts';
import type { Embedded } from './embedded.ts';
import { UpdateError } from './errors.ts';
import type { Ports } from './services/ports.ts';
import { openUpdater, type Updater } from './updater.ts';

/** What an updater asks of the world, in the embedder's hands: any of the ports but the one that the updater itself listens to. */
export type Adapters = Omit<Ports, 'reporter'>;

/** Where the lines of the log go: pino, or anything with the same methods. */
export type UpdaterLogger = TeedLogger;

/** The names of the events. */
export type UpdaterEventKind = ControlEvent['kind'];

/** An event of one kind; `id` grows from each to the next, `at` is ISO 8601. */
export type UpdaterEvent<Kind extends UpdaterEventKind = UpdaterEventKind> = Extract<
  ControlEvent,
  { readonly kind: Kind }
>;

/** What {@link createUpdater} is given beside the configuration. */
export interface CreateUpdaterOptions {
  /** The public keys whose releases are taken: the content of the trust file that `core keys generate` writes. null refuses every update. */
  readonly trust: TrustFile | null;
  /** Version (SemVer) of the embedding program: what runs before any update, and what a bundle's `min_updater` is compared with. */
  readonly version: string;
  /** The commit that the program was built from, for `status`; `unknown` unless given. */
  readonly commit?: string;
  /** When that commit was made, ms since 1970: no release that was signed for an earlier clock is believed. 0 unless given. */
  readonly builtFrom?: number;
  /** Adapters in place of the real ones, which are not opened then. */
  readonly adapters?: Partial<Adapters>;
  /** Nothing is written unless given; `on('log', …)` hears of the lines all the same. */
  readonly logger?: UpdaterLogger;
  /** For settings that are given as an object: the environment that wins over them; the process's own unless given, `{}` for none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether the control API listens on `control.socket`, so that `core` can be used; not unless told. */
  readonly control?: boolean;
  /** Whether attempts are traced as the `OTEL_*` variables of the process say; not unless told. */
  readonly tracing?: boolean;
  /** Whether `metrics()` tells of this process too (memory, CPU, event loop); not unless told: the embedder has its own. */
  readonly processMetrics?: boolean;
  /** Hears of a fault of the updater itself, after which it does nothing any more; it is logged as fatal in any case. */
  readonly onFatal?: (error: unknown) => void;
}

/** An updater inside another program: the commands and questions of the control API, and its life. */
export interface EmbeddedUpdater extends ControlApi, AsyncDisposable {
  /** The configuration in force, complete. */
  readonly settings: Config;
  /**
   * Recovers what was interrupted, starts the workload, and goes on from there.
   *
   * @returns resolves once the recovery is over
   * @throws UpdateError `CANCELLED` when it is stopped before
   */
  start(): Promise<void>;
  /** Stops in good order: the update first, then the workload; then everything is closed. Again: does nothing more. */
  stop(): Promise<void>;
  /**
   * Hears of events of one kind from now on. A listener that throws is logged, and hears of the next.
   *
   * @returns ends it
   */
  on<Kind extends UpdaterEventKind>(kind: Kind, listener: (event: UpdaterEvent<Kind>) => void): () => void;
  /**
   * Waits until an attempt has ended.
   *
   * @param attempt - its id, as `check`, `update`, `apply` and `rollback` give it
   * @throws UpdateError `ATTEMPT_NOT_FOUND`; `CANCELLED` when the updater is stopped before
   */
  outcome(attempt: string): Promise<AttemptProgress>;
  /** The metrics of this updater in the Prometheus text format, from a registry of its own. */
  metrics(): Promise<MetricsText>;
}

const isComplete = (config: Config | ConfigFile): config is Config => 'runtime' in config;

/** Lines that nobody wants to read still become events. */
function unread(level: Config['log']['level']): UpdaterLogger {
  return pino({ level }, { write: () => undefined });
}

/** Without a program of its own to run, the updater would run the embedding program as its workload. */
function requireWorkload({ workload }: Config, { adapters = {} }: CreateUpdaterOptions): void {
  if (workload.binary !== null || adapters.workload !== undefined || adapters.store !== undefined) return;
  throw new UpdateError(
    'CONFIG_INVALID',
    'workload.binary: expected the absolute path of the program to run, or an adapter `workload`; found neither',
  );
}

/** The control API as the configuration says; an updater that cannot serve it is closed again, so that its lock is free. */
async function serve(
  updater: Updater,
  options: { readonly config: Config; readonly embedded: Embedded; readonly logger: UpdaterLogger },
): Promise<ControlServer> {
  try {
    return await openControl({ ...options, api: updater.api, metrics: () => updater.metrics() });
  } catch (error) {
    await updater.stop();
    throw error;
  }
}

/**
 * Makes an updater: takes the lock of the state directory, and starts nothing yet.
 *
 * @param config - settings with the keys of the configuration file (checked by the same schema), or what `loadConfig` read
 * @param options - keys, version and adapters
 * @throws UpdateError `CONFIG_INVALID`, `STATE_DIR_UNUSABLE`, `ALREADY_RUNNING`, `TRUST_SET_INVALID`
 * @example
 * const updater = await createUpdater(
 *   { update: { channel: 'edge', feed_url: 'https://updates.example.com' }, workload: { binary: '/opt/app/run' }, state_dir: '/var/lib/app' },
 *   { trust: JSON.parse(await readFile('trust.json', 'utf8')), version: '1.0.0' },
 * );
 * updater.on('state', ({ state }) => console.log(state));
 * await updater.start();
 * const { ended } = await updater.outcome(await updater.update({ dryRun: false }));
 */
export async function createUpdater(
  config: Config | ConfigFile,
  options: CreateUpdaterOptions,
): Promise<EmbeddedUpdater> {
  const { trust, version, commit = 'unknown', builtFrom = 0, env } = options;
  const settings = isComplete(config) ? config : resolveConfig(config, { env }).config;
  requireWorkload(settings, options);
  const logger = options.logger ?? unread(settings.log.level);
  const embedded: Embedded = { version, commit, builtFrom, trust, feedUrl: null };
  const warn = (message: string): void => {
    logger.warn(message);
  };
  const trace =
    options.tracing === true ? await openTrace({ env: process.env, version, onFault: warn }) : null;
  const { adapters, processMetrics = false } = options;
  const updater = await openUpdater({
    config: settings,
    embedded,
    program: process.execPath,
    logger,
    processMetrics,
    ...(adapters === undefined ? {} : { adapters }),
    ...traced(trace, {}),
    onFatal: (error) => {
      logger.fatal({ err: error }, 'this is a bug: the update machine ended');
      options.onFatal?.(error);
    },
  });
  const { api } = updater;
  const stopping = new AbortController();
  const control =
    options.control === true ? await serve(updater, { config: settings, embedded, logger }) : null;

  const listen = (listener: (event: ControlEvent) => void, after?: number): (() => void) =>
    api.events((event) => {
      try {
        listener(event);
      } catch (error) {
        // A line about it would be an event for the same listener again.
        if (event.kind !== 'log') logger.error({ err: error }, `a listener for ${event.kind} threw`);
      }
    }, after);

  const outcome: EmbeddedUpdater['outcome'] = async (id) => {
    const found = Promise.withResolvers<AttemptProgress>();
    const cancel = (): void => {
      found.reject(new UpdateError('CANCELLED', `the updater was stopped before ${id} had ended`));
    };
    stopping.signal.addEventListener('abort', cancel, { once: true });
    const end = listen((event) => {
      if (event.kind === 'ended' && event.attempt.id === id) found.resolve(event.attempt);
    });
    try {
      if (stopping.signal.aborted) cancel();
      const now = await api.attempt(id);
      if (now === null)
        throw new UpdateError('ATTEMPT_NOT_FOUND', `expected the id of an attempt, found ${id}`);
      return now.ended === null ? await found.promise : now;
    } finally {
      end();
      stopping.signal.removeEventListener('abort', cancel);
    }
  };
  let stopped: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    stopping.abort();
    await control?.close();
    await updater.stop();
    await trace?.close();
  };
  const stop = (): Promise<void> => (stopped ??= close());
  return {
    ...api,
    settings,
    start: async () => {
      const recovered = Promise.withResolvers<undefined>();
      const end = listen((event) => {
        if (event.kind === 'state' && event.state !== 'recovering') recovered.resolve(undefined);
      });
      const cancel = (): void => {
        recovered.reject(new UpdateError('CANCELLED', 'the updater was stopped before it had started'));
      };
      stopping.signal.addEventListener('abort', cancel, { once: true });
      try {
        if (stopping.signal.aborted) cancel();
        else updater.start();
        await recovered.promise;
      } finally {
        end();
        stopping.signal.removeEventListener('abort', cancel);
      }
    },
    stop,
    events: listen,
    on: (kind, listener) =>
      listen((event) => {
        if (event.kind === kind) listener(event as Parameters<typeof listener>[0]);
      }),
    outcome,
    metrics: () => updater.metrics(),
    [Symbol.asyncDispose]: stop,
  };
}
