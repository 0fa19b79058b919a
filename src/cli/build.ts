/** The tree of commands. */
import { Command } from 'commander';
import type { CliContext } from './context.ts';
import { help } from './help.ts';
import type { Output } from './output.ts';
import { versionText } from './version-text.ts';

/** The groups of commands, in the order of the help. An operator's command loads nothing of the publisher's tools. */
const GROUPS: Readonly<Record<string, () => Promise<(core: Command, context: CliContext) => void>>> = {
  sidecar: async () => (await import('./commands/sidecar.ts')).addSidecar,
  keys: async () => (await import('./commands/keys.ts')).addKeys,
  bundle: async () => (await import('./commands/bundle.ts')).addBundle,
  feed: async () => (await import('./commands/feed.ts')).addFeed,
  fleet: async () => (await import('./commands/fleet.ts')).addFleet,
  statechart: async () => (await import('./commands/statechart.ts')).addStatechart,
  completion: async () => {
    const { addCompletion } = await import('./commands/completion.ts');
    return (core, context) => {
      addCompletion(core, context, () => buildCli(context, context.stdout));
    };
  },
};

/**
 * Builds the tree of commands. Nothing in it ends the process: commander throws, and the commands set the exit code.
 *
 * @param context - what the commands work with
 * @param stdout - where help is written
 * @param first - the first argument: when it names a group, only that one is loaded; else all of them are
 */
export async function buildCli(context: CliContext, stdout: Output, first?: string): Promise<Command> {
  const core = new Command('core')
    .description('The CoreSDK sidecar: its updates on this host, and its publisher’s tools.')
    .version(versionText(context.embedded), '--version', 'print version, commit, keys and runtime')
    // `core bundle create --version V` is that command's own option.
    .enablePositionalOptions()
    // Set before the commands are added, which inherit it.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      // Errors are written by `runCli`, on one line.
      writeErr: () => undefined,
      getOutHelpWidth: () => Math.min(110, stdout.columns ?? 100),
      getOutHasColors: () => false,
    })
    .addHelpText('after', help([0, 1, 2, 3, 4, 5, 6], 'core sidecar status', 'core sidecar update --check'));
  const named = Object.entries(GROUPS).filter(([name]) => name === first);
  for (const [, load] of named.length > 0 ? named : Object.entries(GROUPS)) (await load())(core, context);
  return core;
}
