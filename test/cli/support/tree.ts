import { buildCli } from '../../../src/cli/build.ts';
import { allCommands, commandWords, type CommandWords } from '../../../src/cli/completion/tree.ts';
import { createContext } from '../../../src/cli/context.ts';
import { captured, EMBEDDED } from './core.ts';

/** Every command of the CLI, the root first, as the commander tree has it. */
export async function cliCommands(): Promise<CommandWords[]> {
  const stdout = captured();
  const context = createContext({ env: {}, stdout, stderr: captured(), embedded: EMBEDDED }, () => undefined);
  return allCommands(commandWords(await buildCli(context, stdout)));
}
