/** Which program this is: one executable with Node in it, or a script that a Node runs. */
import { realpathSync } from 'node:fs';
import { isSea } from 'node:sea';

/**
 * The file that this program is, without symbolic links: what can be started again, and what `{binary}` stands for.
 *
 * In a single executable `process.argv[1]` is the name that was typed (`core`, found in `PATH`), and no path.
 */
export function ownProgram(): string {
  return isSea() ? process.execPath : realpathSync(process.argv[1] ?? process.execPath);
}
