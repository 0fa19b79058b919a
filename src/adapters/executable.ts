/**
 * The program of a workload, found and judged before it is started. The kernel would say so as well, but a shell whose
 * `exec` is refused with ENOEXEC runs the file as a script, so the question has to be asked first.
 */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { UpdateError, hasErrno } from '../errors.ts';
import { canExecute } from './can-execute.ts';

const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

function refuse(path: string, found: string, cause?: unknown): UpdateError {
  return new UpdateError(
    'WORKLOAD_START_FAILED',
    `expected a program that can be executed, found ${path}: ${found}`,
    { cause },
  );
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) throw refuse(path, 'no such file', error);
    throw refuse(path, error instanceof Error ? error.message : String(error), error);
  }
}

async function permits(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'EROFS')) return false;
    throw refuse(path, error instanceof Error ? error.message : String(error), error);
  }
}

async function findInPath(name: string, searchPath: string): Promise<string> {
  for (const folder of searchPath.split(delimiter)) {
    const candidate = join(folder === '' ? '.' : folder, name);
    if (name !== '' && (await permits(candidate, constants.X_OK)) && (await isFile(candidate)))
      return candidate;
  }
  throw refuse(JSON.stringify(name), `not in PATH (${searchPath})`);
}

/**
 * Checks that a program can be executed: there, a regular file, permitted, and of a format that this machine runs.
 *
 * @param program - a path, or a bare name that is looked up in `searchPath`
 * @param searchPath - the `PATH` of the program's environment
 * @returns the path that was found
 * @throws UpdateError `WORKLOAD_START_FAILED`, with the path and what is wrong with it
 */
export async function checkExecutable(program: string, searchPath = DEFAULT_PATH): Promise<string> {
  const path = program.includes('/') ? program : await findInPath(program, searchPath);
  if (!(await isFile(path))) throw refuse(path, 'not a regular file');
  if (!(await permits(path, constants.X_OK)))
    throw refuse(path, 'no permission to execute it (its mode, or a disk that is mounted noexec)');
  // A program may be executable without being readable; then only the kernel can judge its format.
  if (!(await permits(path, constants.R_OK))) return path;
  try {
    await canExecute(path, { searchPath });
  } catch (error) {
    // The same finding under this step's code.
    throw refuse(path, UpdateError.from(error).message.replace(`${path}: `, ''), error);
  }
  return path;
}
