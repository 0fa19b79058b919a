/** What stands below the options in a command's `--help`. */
import { exitCodesHelp, type ExitCode } from './exit-code.ts';

/**
 * Exit codes, and examples that work as pasted.
 *
 * @param exits - the codes that the command may end with
 * @param examples - whole command lines
 */
export function help(exits: readonly ExitCode[], ...examples: readonly string[]): string {
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return `${exitCodesHelp(exits)}\n${title}:\n${examples.map((line) => `  ${line}`).join('\n')}`;
}
