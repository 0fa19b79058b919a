/** What every command works with. */
import { createControlClient, type ControlClient } from '../control/client.ts';
import { DEFAULT_CONFIG_PATH, detectRuntime, loadConfig, type Runtime } from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import { UpdateError } from '../errors.ts';
import type { ExitCode } from './exit-code.ts';
import type { Output } from './output.ts';
import { createProgress, type ProgressDisplay } from './progress.ts';
import { untilStopped } from './stop.ts';
import { colourStyle, plainStyle, type Style } from './style.ts';

/** What `runCli` is given; everything that a test may want to be different. */
export interface CliDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly embedded: Embedded;
  /** ms since 1970; the host's clock unless given. */
  readonly now?: () => number;
  /** The reader of configurations; the real one unless given. */
  readonly loadConfig?: typeof loadConfig;
  /** Whether a file exists, for the detection of the runtime; the real disk unless given. */
  readonly exists?: (path: string) => boolean;
  /** Ends a command that runs on, such as `feed serve`; SIGINT and SIGTERM unless given. */
  readonly stop?: AbortSignal;
  /** Milliseconds between two looks at an attempt; 200 unless given. */
  readonly pollMs?: number;
}

/** How a command finds the daemon. */
export interface DaemonOptions {
  readonly config?: string;
  readonly socket?: string;
}

/** What a command works with. */
export interface CliContext {
  readonly embedded: Embedded;
  readonly now: () => number;
  readonly pollMs: number | undefined;
  /** How text on stdout is emphasised. */
  readonly style: Style;
  /** A line on stdout: the result. */
  readonly print: (text: string) => void;
  /** A line on stderr. */
  readonly note: (text: string) => void;
  /** What shows how an attempt goes, on stderr. */
  readonly progress: () => ProgressDisplay;
  /** A client of the daemon that the options, or the configuration, name. */
  readonly connect: (options: DaemonOptions) => Promise<ControlClient>;
  /** The path of the control socket that the options, or the configuration, name. */
  readonly socket: (options: DaemonOptions) => Promise<string>;
  readonly runtime: () => Runtime;
  /** Resolves when a command that runs on shall end. */
  readonly stopped: () => Promise<void>;
  /** Sets what the program ends with; 0 unless called. */
  readonly end: (code: ExitCode) => void;
}

/**
 * Makes the context of one run.
 *
 * @param deps - what the run is given
 * @param end - takes the exit code
 */
export function createContext(deps: CliDeps, end: (code: ExitCode) => void): CliContext {
  const { env, stdout, stderr, embedded } = deps;
  const styleOf = (output: Output): Style =>
    output.isTTY === true && (env['NO_COLOR'] ?? '') === '' ? colourStyle : plainStyle;
  return {
    embedded,
    now: deps.now ?? Date.now,
    pollMs: deps.pollMs,
    style: styleOf(stdout),
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    progress: () => createProgress(stderr, styleOf(stderr)),
    connect: async (options) => createControlClient({ socket: await socketOf(options, deps) }),
    socket: (options) => socketOf(options, deps),
    runtime: () => detectRuntime({ env, exists: deps.exists }),
    stopped: () => untilStopped(deps.stop),
    end,
  };
}

/** `--socket`, else what the configuration says; the default configuration need not be there. */
async function socketOf({ config, socket }: DaemonOptions, deps: CliDeps): Promise<string> {
  if (socket !== undefined) {
    if (socket === '') throw new UpdateError('USAGE', 'expected a path after --socket, found nothing');
    return socket;
  }
  const read = deps.loadConfig ?? loadConfig;
  const loaded = await read({
    path: config ?? DEFAULT_CONFIG_PATH,
    explicit: config !== undefined,
    env: deps.env,
    exists: deps.exists,
  });
  return loaded.config.control.socket;
}
