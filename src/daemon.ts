/**
 * The daemon: an updater with a control API around it. Where there is no update logic (Kubernetes) it only supervises the workload.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from './adapters/clock.ts';
import { openJournal } from './adapters/journal.ts';
import { openStateDir, statePaths } from './adapters/state-dir.ts';
import type { ControlApi } from './control/api.ts';
import { pageFiles } from './control/page/files.ts';
import { pageRoutes } from './control/page/routes.ts';
import { startControlServer, type ControlServer } from './control/server.ts';
import { baselineOf, openSupervisor } from './daemon/adapters.ts';
import { createDaemonLog } from './daemon/log.ts';
import { openUpdater, whyDisabled, type UpdaterOptions } from './updater.ts';

/** What {@link startDaemon} needs. */
export type DaemonOptions = UpdaterOptions;

/** A running daemon. */
export interface Daemon {
  /** null where there is no update logic (Kubernetes without a state directory). */
  readonly api: ControlApi | null;
  /** Stops it in good order: the control API first, then the update, then the workload. */
  stop(): Promise<void>;
}

/**
 * Where the record of the workload lies when there is no state directory: the same place at each start, so that a workload which a
 * killed daemon left is found. It is checked and locked like a state directory.
 */
function recordFolder({ config }: DaemonOptions): string {
  const key = createHash('sha256').update(config.stateDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `coresdk-${String(process.geteuid?.() ?? 0)}-${key}`);
}

/** Kubernetes without a state directory: the workload is supervised, and nothing else happens. */
async function superviseOnly(options: DaemonOptions): Promise<Daemon> {
  const paths = await openStateDir(recordFolder(options), options.disk);
  const { journal: lock } = openJournal({ path: paths.stateDb, clock: systemClock });
  const supervisor = openSupervisor(options, paths.workloadRecord);
  supervisor.subscribe(createDaemonLog(options.logger).workload);
  const { version, entry } = baselineOf(options);
  const { signal } = new AbortController();
  options.logger.info(`no update logic: ${whyDisabled(options.config) ?? ''}`);
  await supervisor.endSurvivor();
  await supervisor.start({ ref: { origin: 'baseline', version }, entry }, signal);
  return {
    api: null,
    stop: async () => {
      await supervisor.stop(signal);
      await rm(paths.root, { recursive: true });
      lock.end();
    },
  };
}

/** The control API, on its socket and, where that is asked for, on TCP. */
async function openControl(options: DaemonOptions, api: ControlApi): Promise<ControlServer> {
  const { config, embedded, logger } = options;
  const { socket, group, http, tokenFile, hosts } = config.control;
  const control = await startControlServer({
    api,
    socket,
    group,
    tcp: http === null || tokenFile === null ? null : { address: http, tokenFile, hosts },
    pages: http === null ? null : pageRoutes(await pageFiles()),
    version: embedded.version,
    onFault: (error) => {
      logger.error({ err: error }, 'a request to the control API failed by a bug');
    },
    onWarning: (message) => {
      logger.warn(message);
    },
  });
  if (control.url !== null) logger.info(`the control API and the live page are at ${control.url}`);
  return control;
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
  const { config } = options;
  if (config.runtime.kind === 'k8s' && !existsSync(statePaths(config.stateDir).stateDb))
    return superviseOnly(options);
  const updater = await openUpdater(options);
  let control: ControlServer;
  try {
    control = await openControl(options, updater.api);
  } catch (error) {
    // Frees the lock of the state directory.
    await updater.stop();
    throw error;
  }
  updater.start();
  return {
    api: updater.api,
    stop: async () => {
      await control.close();
      await updater.stop();
    },
  };
}
