import { systemClock } from '../adapters/clock.ts';
import { openLibc } from '../adapters/libc.ts';
import { execInto } from '../adapters/succession.ts';
import { takeInheritedSockets } from '../sockets/inherited-sockets.ts';
import { createServiceManager, takeNotifySettings } from '../adapters/service-manager.ts';
import { complain } from '../complain.ts';
import { explain, loadConfig, stateDirIn } from '../config/index.ts';
import { startDaemon } from '../daemon.ts';
import { whyDisabled, type StopReason } from '../updater.ts';
import { embedded } from '../embedded.ts';
import type { UpdateError } from '../errors.ts';
import { openInspector } from './inspector.ts';
import { createLogger } from './log-output.ts';
import { HAND_OVER_TIMES } from './hand-over-times.ts';
import { startGuard } from './guard-role.ts';
import { launch, takeGuarded, takeLauncher } from './launch.ts';
import { announce, type Announcer } from './service-notices.ts';

/** What the role of the daemon needs from the command line. */
export interface RunOptions {
  /** From `--config`; the default path when it is not given. */
  readonly configPath: string | undefined;
  /** Absolute path of this program. */
  readonly program: string;
  /** Whether the update machine is watched with the Stately Inspector; from source only. */
  readonly inspect?: boolean;
}

/** Resolves with the name of the first signal that asks to stop. A second one ends the process at once. */
function asked(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  });
}

/**
 * The role of the daemon: runs until SIGTERM or SIGINT.
 *
 * @returns the exit code: 0 after a stop in good order, 1 after a fault of the program; that of the error, which is written to
 * stderr, where it cannot start
 */
export async function runDaemon(options: RunOptions): Promise<number> {
  try {
    return await run(options);
  } catch (error) {
    return complain(error);
  }
}

/**
 * The state directory that says which daemon runs here; null where this program is the one. What was deployed runs where nothing is
 * updated.
 */
async function launchFrom(configPath: string | undefined): Promise<string | null> {
  try {
    const { config } = await loadConfig({ path: configPath });
    return whyDisabled(config) === null ? config.stateDir : null;
  } catch {
    // It may be meant for the newer daemon. If it is not, whoever starts now says what is wrong with it.
    return stateDirIn(configPath);
  }
}

/** An environment without the sockets that come with it: who has taken them passes them on by other means. */
function withoutSockets(env: Readonly<NodeJS.ProcessEnv>): NodeJS.ProcessEnv {
  const rest = { ...env };
  takeInheritedSockets(rest, process.pid);
  return rest;
}

/** `execve` that leaves sockets of systemd open, which Node would have it close: they are for the daemon that is launched. */
const execWithSockets: typeof execInto = (command, env) => {
  const sockets = takeInheritedSockets({ ...env }, process.pid);
  if (sockets.length > 0) {
    const libc = openLibc();
    for (const { fd } of sockets) libc.setInherited(fd, true);
  }
  execInto(command, env);
};

async function run({ configPath, program, inspect = false }: RunOptions): Promise<number> {
  // First of all: a signal during the start must not leave a workload behind.
  const stop = asked();
  const guarded = takeGuarded(process.env);
  const given = { ...process.env };
  const launcher = takeLauncher(process.env);
  const installed = launcher ?? { path: program, version: embedded.version };
  const args = configPath === undefined ? [] : ['--config', configPath];
  // A program without keys installs nothing, and so never has a next version.
  const isBuilt = embedded.trust !== null;
  const stateDir = isBuilt && launcher === null ? await launchFrom(configPath) : null;
  const guard = (attempt: string): Promise<void> =>
    startGuard(program, { stateDir: stateDir ?? '', attempt, installed: program, args }, given);
  const launched =
    stateDir === null
      ? []
      : await launch({
          stateDir,
          installed,
          args,
          env: given,
          guard: guarded ? null : guard,
          exec: execWithSockets,
        });
  const notify = takeNotifySettings(process.env, process.pid);
  const inheritedSockets = takeInheritedSockets(process.env, process.pid);
  const loaded = await loadConfig({ path: configPath });
  const { config, warnings } = loaded;
  const logger = createLogger(config);
  for (const warning of [...launched, ...warnings]) logger.warn(warning);

  const inspector = inspect ? await openInspector(embedded) : null;
  if (inspector !== null) logger.info(`the Stately Inspector is at ${inspector.url}`);
  const fatal = Promise.withResolvers<never>();
  let announcer: Announcer | null = null;
  const daemon = await startDaemon({
    config,
    settings: explain(loaded),
    embedded,
    program,
    inheritedSockets,
    logger,
    onFatal: fatal.reject,
    installed,
    ...(isBuilt && {
      handOver: {
        args,
        env: withoutSockets(given),
        times: HAND_OVER_TIMES,
        leave: async () => {
          await announcer?.handingOver();
          logger.info('the daemon gives way to its next version; the workload runs on');
          return {};
        },
      },
    }),
    ...(inspector !== null && { inspect: inspector.inspect }),
  });
  if (embedded.trust?.development === true)
    logger.warn('DEVELOPMENT KEYS: this program trusts throw-away keys; never run it in production');
  logger.info({ version: embedded.version, channel: config.update.channel }, 'daemon started');
  const warn = (error: UpdateError): void => {
    logger.warn({ code: error.code }, error.message);
  };
  announcer = announce({
    manager: createServiceManager({ ...notify, path: process.env['PATH'], warn }),
    api: daemon.api,
    clock: systemClock,
    rollbackTimeoutMs: config.update.rollbackTimeoutMs,
    stopTimeoutMs: config.workload.stopTimeoutMs,
    warn,
  });
  let why: StopReason = 'asked';
  try {
    const signal = await Promise.race([stop, fatal.promise]);
    logger.info(`stopping on ${signal}`);
    return 0;
  } catch (error) {
    why = 'fault';
    logger.fatal({ err: error }, 'this is a bug: the update machine ended; stopping');
    return 1;
  } finally {
    announcer.stopping();
    await daemon.stop(why);
    await announcer.close();
    inspector?.close();
    logger.info('stopped');
  }
}
