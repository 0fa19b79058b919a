import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { AttemptView, Status } from '../../../src/control/api.ts';
import { createControlClient } from '../../../src/control/client.ts';
import { UpdateError } from '../../../src/errors.ts';
import { serveFeed, type FeedServer } from './feed-server.ts';
import { freePort } from '../../../demo/free-port.ts';
import type { BuiltForTests } from './built.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import { workloadProgram, type Behaviour } from './workload-program.ts';

/** How long a test waits for something that must happen; never decides which of two things happened. */
const PATIENCE_MS = 25_000;

/** What a command printed, and how it ended. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a host is set up. */
export interface HostOptions {
  /** The program that is there before any update. */
  readonly baseline?: Behaviour;
  /** Put over the test's own configuration, section by section. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether its daemons are out of reach of the terminal's Ctrl-C. */
  readonly detached?: boolean;
}

/** A host under test: a daemon as a real process, its workload, a feed and the CLI. */
export interface Host extends AsyncDisposable {
  readonly root: string;
  readonly stateDir: string;
  readonly configFile: string;
  readonly childPidFile: string;
  readonly feed: FeedServer;
  readonly publisher: Publisher;
  /** Starts the daemon; `program` and `env` let a test start another one. Resolves once its process runs. */
  start(options?: {
    argv?: readonly string[];
    env?: Readonly<Record<string, string>>;
  }): Promise<ChildProcess>;
  /** Resolves with the exit of the daemon that was started last. */
  exited(): Promise<number | string | null>;
  /** SIGTERM, and waits for the exit. */
  stop(): Promise<number | string | null>;
  /** SIGKILL to the daemon alone, and waits for its exit. */
  kill(): Promise<void>;
  core(...args: readonly string[]): Promise<Ran>;
  status(): Promise<Status | null>;
  /** Waits until the status is as wanted. */
  until(what: string, wanted: (status: Status) => boolean): Promise<Status>;
  /** The attempts that ended, newest first. */
  history(): Promise<AttemptView[]>;
  /** What /version of the workload says; null when nobody answers. */
  answer(): Promise<string | null>;
  /** Waits until somebody answers, and says what. */
  untilAnswer(): Promise<string>;
  /** Complete versions on disk. */
  versions(): Promise<string[]>;
  log(): Promise<string>;
}

/** Polls until `look` gives something; the event itself is in another process. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null>,
  show?: () => Promise<string>,
  { pollMs = 25, patienceMs = PATIENCE_MS }: { readonly pollMs?: number; readonly patienceMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`never happened: ${what}\n${(await show?.()) ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Whether a process with this pid is there and not a zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    const line = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
    return !/^[ZX]/.test(line.slice(line.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

const exitOf = (child: ChildProcess): Promise<number | string | null> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode ?? child.signalCode);
    else
      child.once('exit', (code, signal) => {
        resolve(code ?? signal);
      });
  });

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

/**
 * Makes a host in a temporary folder, outside of vitest too. Dispose of it: that ends every process that it started.
 *
 * @param built - the program, and the keys that it knows
 */
export async function createHostOn(
  { program, core, keys }: Pick<BuiltForTests, 'program' | 'core' | 'keys'>,
  options: HostOptions = {},
): Promise<Host> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-e2e-'));
  const stateDir = join(root, 'state');
  const configFile = join(root, 'sidecar.yaml');
  const logFile = join(root, 'daemon.log');
  const childPidFile = join(root, 'child.pid');
  const baseline = join(root, 'baseline');
  await writeFile(baseline, workloadProgram('baseline', options.baseline ?? 'healthy'));
  await chmod(baseline, 0o755);
  const publisher = createPublisher(root, keys);
  await mkdir(publisher.feedDir);
  const feed = await serveFeed(publisher.feedDir);
  const port = String(await freePort());
  const origin = `http://127.0.0.1:${port}`;

  const own = {
    update: { channel: 'edge', feed_url: feed.url, check_interval: 1, rollback_timeout: 2, retries: 1 },
    workload: {
      binary: baseline,
      command: ['{binary}'],
      env: { PORT: port, CHILD_PID_FILE: childPidFile },
      stop_timeout: 1,
      backoff_initial: 0.1,
      backoff_max: 0.4,
      output: join(root, 'workload.log'),
    },
    probe: { url: `${origin}/healthz`, interval: 0.05, watch: 0.2 },
    log: { level: 'debug' },
  };
  const merged: Record<string, unknown> = { state_dir: stateDir, ...own };
  for (const [section, values] of Object.entries(options.config ?? {}))
    merged[section] = { ...(merged[section] as object | undefined), ...values };
  await writeFile(configFile, stringify(merged), { mode: 0o644 });

  const env: NodeJS.ProcessEnv = {
    PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
    HOME: root,
    ...options.env,
  };
  const answer = async (): Promise<string | null> => {
    try {
      return await (await fetch(`${origin}/version`, { headers: { connection: 'close' } })).text();
    } catch {
      return null;
    }
  };
  const daemons: ChildProcess[] = [];
  const last = (): ChildProcess => {
    const daemon = daemons.at(-1);
    if (daemon === undefined) throw new Error('no daemon was started');
    return daemon;
  };
  const log = async (): Promise<string> => (existsSync(logFile) ? readFile(logFile, 'utf8') : '');
  const runCore: Host['core'] = (...args) =>
    run(core, args[0] === 'sidecar' ? [...args, '--config', configFile] : args, env);
  // Polled through the client: a process for each look would cost more than all the rest.
  const client = createControlClient({ socket: join(stateDir, 'control.sock') });
  const status = async (): Promise<Status | null> => {
    try {
      return await client.status();
    } catch (error) {
      if (error instanceof UpdateError && error.code === 'DAEMON_UNREACHABLE') return null;
      throw error;
    }
  };

  return {
    root,
    stateDir,
    configFile,
    childPidFile,
    feed,
    publisher,
    start: async ({ argv = [program, '--config', configFile], env: extra = {} } = {}) => {
      const output = await open(logFile, 'a');
      const [file = '', ...args] = argv;
      const daemon = spawn(file, args, {
        env: { ...env, ...extra },
        stdio: ['ignore', output.fd, output.fd],
        detached: options.detached === true,
      });
      await output.close();
      daemons.push(daemon);
      return daemon;
    },
    exited: () => exitOf(last()),
    stop: () => {
      last().kill('SIGTERM');
      return exitOf(last());
    },
    kill: async () => {
      last().kill('SIGKILL');
      await exitOf(last());
    },
    core: runCore,
    status,
    until: (what, wanted) =>
      eventually(
        what,
        async () => {
          const now = await status();
          return now !== null && wanted(now) ? now : null;
        },
        async () => `${JSON.stringify(await status(), null, 1)}\n${await log()}`,
      ),
    history: async () => (await client.history(50)).filter(({ outcome }) => outcome !== null),
    answer,
    untilAnswer: () => eventually('an answer', answer, log),
    versions: async () => {
      try {
        return (await readdir(join(stateDir, 'versions'))).sort();
      } catch {
        return [];
      }
    },
    log,
    [Symbol.asyncDispose]: async () => {
      for (const daemon of daemons) {
        if (daemon.exitCode === null && daemon.signalCode === null) daemon.kill('SIGTERM');
        const force = setTimeout(() => daemon.kill('SIGKILL'), 8_000);
        await exitOf(daemon);
        clearTimeout(force);
      }
      for (const pid of await calledWith(configFile)) await endAndWait(pid);
      await endLeftovers(stateDir, childPidFile);
      await feed.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Daemons and guards that nobody waits for: those whose command line names this host's own configuration. */
async function calledWith(configFile: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        return (await readFile(`/proc/${String(pid)}/cmdline`, 'utf8')).split('\0').includes(configFile);
      } catch {
        return false;
      }
    }),
  );
  return pids.filter((_, index) => found[index] === true);
}

/** SIGTERM, and SIGKILL where that does not help. */
async function endAndWait(pid: number): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGTERM', 8_000],
    ['SIGKILL', 8_000],
  ] as const) {
    try {
      process.kill(pid, signal);
      await eventually('its end', async () => ((await isAlive(pid)) ? null : true), undefined, {
        patienceMs,
      });
      return;
    } catch {
      // It has ended by itself, or does not care.
    }
  }
}

/** Ends what a killed daemon left: the recorded workload's group, and a child that a test's workload named. */
async function endLeftovers(stateDir: string, childPidFile: string): Promise<void> {
  const record = join(stateDir, 'workload.json');
  const pids: number[] = [];
  if (existsSync(record)) pids.push(-(JSON.parse(await readFile(record, 'utf8')) as { pid: number }).pid);
  if (existsSync(childPidFile)) pids.push(Number(await readFile(childPidFile, 'utf8')));
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
