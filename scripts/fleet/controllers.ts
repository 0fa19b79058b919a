/** Controllers as an operator runs them: `core fleet controller`, each a process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** The controllers that run. */
export interface Controllers {
  /** Ends one at once, as a crash would. */
  killOne(): Promise<void>;
  /** Starts one more. */
  startOne(): Promise<void>;
  /** What they said, line by line. */
  lines(): string[];
  stop(): Promise<void>;
}

/** Starts as many as told; resolves once each has read everything. */
export async function startControllers(count: number, core: string, args: readonly string[]): Promise<Controllers> {
  const lines: string[] = [];
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(core, ['fleet', 'controller', '--json', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ready = Promise.withResolvers<undefined>();
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        if (line.includes('"ready"')) ready.resolve(undefined);
      }
    });
    child.once('exit', (code) => {
      ready.reject(new Error(`a controller ended with ${String(code)}`));
    });
    await ready.promise;
    return child;
  };
  const running: ChildProcess[] = [];
  for (let index = 0; index < count; index += 1) running.push(await start());
  const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  return {
    killOne: async () => {
      const [first] = running.splice(0, 1);
      if (first !== undefined) await end(first, 'SIGKILL');
    },
    startOne: async () => {
      running.push(await start());
    },
    lines: () => lines,
    stop: async () => {
      for (const child of running) await end(child, 'SIGTERM');
    },
  };
}
