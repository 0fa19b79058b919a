import { spawn } from 'node:child_process';

/** How a command ended, and what it said. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command is given. */
export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Ends it, ms; 60 s unless told. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 60_000;

/** Runs a command to its end. Its exit code is 255 where it was killed or could not be started. */
export function run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<Ran> {
  const { env = process.env, patienceMs = PATIENCE_MS } = options;
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: patienceMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', (error) => {
      resolve({ code: 255, stdout, stderr: error.message });
    });
    child.once('close', (code) => {
      resolve({ code: code ?? 255, stdout, stderr });
    });
  });
}

/** Runs a command that has to end well, and gives what it printed. */
export async function must(file: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, options);
  if (code !== 0)
    throw new Error(`${[file, ...args].join(' ')} ended with ${String(code)}: ${stderr || stdout}`);
  return stdout.trim();
}
