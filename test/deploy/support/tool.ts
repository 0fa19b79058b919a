import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The repository. */
export const ROOT = join(import.meta.dirname, '../../..');
/** The folder with the reference document's own files, as they stand there. */
export const REFERENCE = join(ROOT, 'test/deploy/reference');

/**
 * Whether a program is installed; says so where it is not and tests are skipped for it. CI installs those that it needs, so there a
 * missing one is a failure.
 *
 * @param inCi - whether CI installs it
 */
export function installed(program: string, what: string, inCi = true): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (inCi && (process.env['CI'] ?? '') !== '')
      throw new Error(`expected ${program} to be installed, as .ci/run does`, { cause: error });
    console.warn(`SKIPPED: ${what}: ${program} is not installed`);
    return false;
  }
}

/** Runs a tool; resolves with what it said and how it ended. */
export async function runTool(
  file: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(file, args)) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}
