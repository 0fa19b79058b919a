import { Argument, type Command } from 'commander';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { commandWords, type CommandWords } from '../completion/tree.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';

const SHELLS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const satisfies Record<string, (root: CommandWords) => string>;

/**
 * `core completion`.
 *
 * @param whole - builds the tree with every group in it
 */
export function addCompletion(parent: Command, context: CliContext, whole: () => Promise<Command>): void {
  parent
    .command('completion')
    .summary('completion for a shell')
    .description(
      'Prints a script that completes commands, options and values of `core`, made from this program’s own commands: make it again after an update. For bash, put `source <(core completion bash)` into ~/.bashrc; for zsh, save it as `_core` in a folder of $fpath; for fish, save it as ~/.config/fish/completions/core.fish.',
    )
    .addArgument(new Argument('<shell>', 'which').choices(Object.keys(SHELLS)))
    .addHelpText('after', help([0, 2], 'core completion bash > coresdk-completion.bash'))
    .action(async (shell: keyof typeof SHELLS) => {
      context.print(SHELLS[shell](commandWords(await whole())).trimEnd());
    });
}
