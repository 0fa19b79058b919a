/** The tree of commands. */
import { Command } from 'commander';
import type { Embedded } from '../embedded.ts';
import { addBundle } from './commands/bundle.ts';
import { addFeed } from './commands/feed.ts';
import { addKeys } from './commands/keys.ts';
import { addSidecar } from './commands/sidecar.ts';
import { addStatechart } from './commands/statechart.ts';
import type { CliContext } from './context.ts';
import { exitCodesHelp } from './exit-code.ts';
import type { Output } from './output.ts';
import { plain } from './plain.ts';

/** What `--version` prints. */
export function versionText({ version, commit, trust }: Embedded): string {
  const keys = trust === null ? ', NO KEYS: every update is refused' : '';
  const development = trust?.development === true ? ', DEVELOPMENT KEYS' : '';
  return `coresdk-sidecar ${plain(version)} (commit ${plain(commit)}${keys}${development})`;
}

/**
 * Builds the tree of commands. Nothing in it ends the process: commander throws, and the commands set the exit code.
 *
 * @param context - what the commands work with
 * @param stdout - where help is written
 */
export function buildCli(context: CliContext, stdout: Output): Command {
  const core = new Command('core')
    .description('The CoreSDK sidecar: its updates on this host, and its publisher’s tools.')
    .version(versionText(context.embedded), '--version', 'print version and commit')
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
    .addHelpText('after', `${exitCodesHelp()}\nExample:\n  core sidecar update --check`);
  for (const add of [addSidecar, addKeys, addBundle, addFeed, addStatechart]) add(core, context);
  return core;
}
