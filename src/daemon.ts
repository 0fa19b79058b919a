/**
 * The daemon: an updater with a control API around it. Where there is no update logic (Kubernetes) it only supervises the workload.
 */
import { superviseOnlyFolder } from './config/index.ts';
import type { ControlApi } from './control/api.ts';
import type { ControlServer } from './control/server.ts';
import { pageFiles } from './control/page/files.ts';
import { pageRoutes } from './control/page/routes.ts';
import { openControl, type ControlOptions } from './daemon/control.ts';
import { superviseOnly } from './daemon/supervise-only.ts';
import { openTrace, traced } from './daemon/trace.ts';
import { openUpdater, whyDisabled, type StopReason, type UpdaterOptions } from './updater.ts';

const pages: NonNullable<ControlOptions['pages']> = async () => pageRoutes(await pageFiles());

/** What {@link startDaemon} needs. */
export type DaemonOptions = UpdaterOptions;

/** A running daemon. */
export interface Daemon {
  /** Where there is no update logic (Kubernetes), it says why and refuses whatever would update. */
  readonly api: ControlApi;
  /**
   * Stops it in good order: the control API first, then the update, then the workload.
   *
   * @param why - `asked` unless told
   */
  stop(why?: StopReason): Promise<void>;
}

/**
 * Starts the daemon: opens the state directory and takes its lock, listens on the control socket, recovers what was interrupted,
 * and starts the workload.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE`, `ALREADY_RUNNING`, `CONFIG_INVALID`, `TRUST_SET_INVALID`
 * @example
 * const daemon = await startDaemon({ config, embedded, program: process.argv[1], logger, onFatal });
 * process.once('SIGTERM', () => void daemon.stop());
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, embedded, logger } = options;
  const folder = superviseOnlyFolder(config);
  const disabled = whyDisabled(config);
  if (folder !== null && disabled !== null)
    return superviseOnly({
      ...options,
      folder,
      disabled,
      serve: (api) => openControl({ ...options, api, pages }),
    });
  const trace = await openTrace({
    env: process.env,
    version: embedded.version,
    onFault: (message) => {
      logger.warn(message);
    },
  });
  let control: ControlServer | null = null;
  const { handOver } = options;
  const updater = await openUpdater({
    processMetrics: true,
    ...options,
    ...traced(trace, options),
    handOver: handOver && {
      ...handOver,
      leave: async () => {
        const more = await handOver.leave();
        await control?.close();
        await trace?.close();
        return more;
      },
    },
  });
  try {
    control = await openControl({
      ...options,
      api: updater.api,
      metrics: () => updater.metrics(),
      pages,
    });
  } catch (error) {
    // Frees the lock of the state directory. A daemon on trial that cannot listen has failed this start.
    await updater.stop('fault');
    throw error;
  }
  updater.start();
  return {
    api: updater.api,
    stop: async (why) => {
      await control.close();
      await updater.stop(why);
      await trace?.close();
    },
  };
}
