import { lstat } from 'node:fs/promises';
import { hookPrograms } from '../adapters/hooks.ts';
import { whyUntrusted } from '../adapters/trusted-program.ts';
import { hasErrno } from '../errors.ts';
import { fail, pass, skip, warn, type Check, type Finding } from './check.ts';
import type { Patient } from './patient.ts';

async function hook(name: string, argv: readonly string[] | null): Promise<Finding> {
  const program = argv?.[0];
  if (program === undefined) return skip(`hooks.${name} is not configured`);
  const wrong = await whyUntrusted(program);
  if (wrong === null) return pass(`hooks.${name}: ${program} can be run, and nobody else can change it`);
  const text = `hooks.${name} (${program}): ${wrong}`;
  const next = 'Mend it, or take it out of `hooks` in the configuration.';
  // Only the one before the swap can keep an update from going through.
  return name === 'pre_swap' ? fail(text, next) : warn(text, next);
}

async function tokenFile({ config }: Patient): Promise<Finding> {
  const { http, tokenFile: path } = config.control;
  if (http === null || path === null) return skip('control.http is not configured');
  const next = `Make it a file of the daemon’s user: chmod 0600 ${path}.`;
  try {
    const stats = await lstat(path);
    if (!stats.isFile()) return fail(`expected ${path} to be a regular file, found that it is none`, next);
    if ((stats.mode & 0o077) !== 0)
      return fail(`expected ${path} with mode 0600, found 0${(stats.mode & 0o777).toString(8)}`, next);
    return pass(`${path} can be read by its owner alone`);
  } catch (error) {
    if (hasErrno(error, 'ENOENT'))
      return fail(`expected the token of control.http in ${path}, found no file`, next);
    throw error;
  }
}

/** The checks of programs and secrets that an operator configured. */
export function fileChecks(patient: Patient): Check[] {
  return [
    ...Object.entries(hookPrograms(patient.config.hooks)).map(([name, argv]) => ({
      name: `hooks.${name}`,
      look: () => hook(name, argv),
    })),
    { name: 'control.token_file', look: () => tokenFile(patient) },
  ];
}
