/** What every command works with. */
import type { DoctorReport } from '../control/api.ts';
import { createControlClient, type ControlClient } from '../control/client.ts';
import {
  DEFAULT_CONFIG_PATH,
  detectRuntime,
  loadConfig,
  type Config,
  type LoadedConfig,
  type Runtime,
} from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import { UpdateError } from '../errors.ts';
import type { ExitCode } from './exit-code.ts';
import type { Output } from './output.ts';
import { createProgress, type ProgressDisplay } from './progress.ts';
import { untilStopped } from './stop.ts';
import { colourStyle, plainStyle, type Style } from './style.ts';

/** What the doctor is given where no daemon answers. */
export interface ExamineOptions {
  readonly config: Config;
  readonly embedded: Embedded;
}

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
  /** Milliseconds between two looks at an attempt; 200 unless given. `status --watch` looks five times as seldom. */
  readonly pollMs?: number;
  /** Makes the client of a daemon; the real one unless given. */
  readonly createClient?: typeof createControlClient;
  /**
   * Looks whether the next update would go through, from outside of the daemon; what `doctor` runs where no daemon answers. It says
   * only what the CLI itself can see unless given.
   */
  readonly examine?: (options: ExamineOptions) => Promise<DoctorReport>;
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
  /** Milliseconds between two looks at a daemon that is watched, or that is gone. */
  readonly tickMs: number;
  /** How text on stdout is emphasised. */
  readonly style: Style;
  /** A line on stdout: the result. */
  readonly print: (text: string) => void;
  /** A line on stderr. */
  readonly note: (text: string) => void;
  /** The stream of the results, for what is more than lines. */
  readonly stdout: Output;
  /** Whether what is on stdout can be drawn over. */
  readonly canDraw: boolean;
  /** What shows how an attempt goes, on stderr. */
  readonly progress: () => ProgressDisplay;
  /** A client of the daemon that the options, or the configuration, name. */
  readonly connect: (options: DaemonOptions) => Promise<ControlClient>;
  /** The configuration that the options name; the default one need not be there. */
  readonly load: (options: Pick<DaemonOptions, 'config'>) => Promise<LoadedConfig>;
  /** Null where nothing can be examined from here. */
  readonly examine: ((options: ExamineOptions) => Promise<DoctorReport>) | null;
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
  const { env, stdout, stderr, embedded, createClient = createControlClient } = deps;
  const styleOf = (output: Output): Style =>
    output.isTTY === true && (env['NO_COLOR'] ?? '') === '' ? colourStyle : plainStyle;
  const drawable = (output: Output): boolean => output.isTTY === true && env['TERM'] !== 'dumb';
  return {
    embedded,
    now: deps.now ?? Date.now,
    pollMs: deps.pollMs,
    tickMs: 5 * (deps.pollMs ?? 200),
    style: styleOf(stdout),
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    stdout,
    canDraw: drawable(stdout),
    progress: () => createProgress(stderr, styleOf(stderr), drawable(stderr)),
    connect: async (options) => createClient({ socket: await socketOf(options, deps) }),
    load: (options) => load(options, deps),
    examine: deps.examine ?? null,
    socket: (options) => socketOf(options, deps),
    runtime: () => detectRuntime({ env, exists: deps.exists }),
    stopped: () => untilStopped(deps.stop),
    end,
  };
}

async function load({ config }: Pick<DaemonOptions, 'config'>, deps: CliDeps): Promise<LoadedConfig> {
  const read = deps.loadConfig ?? loadConfig;
  return read({
    path: config ?? DEFAULT_CONFIG_PATH,
    explicit: config !== undefined,
    env: deps.env,
    exists: deps.exists,
  });
}

/** `--socket`, else what the configuration says; the default configuration need not be there. */
async function socketOf({ socket, ...options }: DaemonOptions, deps: CliDeps): Promise<string> {
  if (socket === undefined) return (await load(options, deps)).config.control.socket;
  if (socket === '') throw new UpdateError('USAGE', 'expected a path after --socket, found nothing');
  return socket;
}
