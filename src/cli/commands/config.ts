import type { Command } from 'commander';
import { DEFAULT_CONFIG_PATH, explain } from '../../config/index.ts';
import type { ConfigEntry } from '../../control/api.ts';
import { UpdateError } from '../../errors.ts';
import { configText } from '../config-text.ts';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plain, plainJson } from '../plain.ts';

/** What `core sidecar config --json` prints. */
export interface ConfigAnswer {
  /** Whether it is what the daemon runs with, or what it would run with if it were started now. */
  readonly source: 'daemon' | 'file';
  /** The file that was read; null when the daemon told it. */
  readonly file: string | null;
  readonly entries: readonly ConfigEntry[];
}

interface ConfigOptions extends DaemonOptions {
  readonly json?: true;
  readonly file?: string;
  readonly set?: true;
}

async function fromFile(context: CliContext, path: string | undefined): Promise<ConfigAnswer> {
  const loaded = await context.load(path === undefined ? {} : { config: path });
  for (const warning of loaded.warnings) context.note(`warning: ${plain(warning)}`);
  return { source: 'file', file: path ?? DEFAULT_CONFIG_PATH, entries: explain(loaded) };
}

async function answer(context: CliContext, { file, ...options }: ConfigOptions): Promise<ConfigAnswer> {
  if (file !== undefined) return fromFile(context, file);
  try {
    const entries = await (await context.connect(options)).config();
    return { source: 'daemon', file: null, entries };
  } catch (error) {
    if (!(error instanceof UpdateError) || error.code !== 'DAEMON_UNREACHABLE') throw error;
    context.note(
      `note: ${plain(error.message)}: this is what a daemon would run with if it were started now, in this environment`,
    );
    return fromFile(context, options.config);
  }
}

/** `core sidecar config`. */
export function addConfig(parent: Command, context: CliContext): void {
  withDaemon(parent.command('config'))
    .summary('the configuration in force, and where each value came from')
    .description(
      'Tells every key of the configuration as the daemon runs with it: its value in the words of the file, and whether that is a default, or stands in the file (with its line) or in the environment. Passwords and the values of workload.env and probe.headers are hidden. Without a daemon, or with --file, it tells what a daemon would run with.',
    )
    .option('--file <file>', 'read this file, in this environment, instead of asking the daemon')
    .option('--set', 'only what is not a default')
    .option('--json', 'an object, for programs')
    .addHelpText(
      'after',
      help([0, 1, 2], 'core sidecar config --set', 'core sidecar config --file /etc/coresdk/sidecar.yaml'),
    )
    .action(async (options: ConfigOptions) => {
      if (options.file === '') throw new UpdateError('USAGE', 'expected a path after --file, found nothing');
      const { entries, ...rest } = await answer(context, options);
      const shown = options.set ? entries.filter(({ from }) => from !== 'default') : entries;
      const found: ConfigAnswer = { ...rest, entries: shown };
      context.print(options.json ? plainJson(found) : configText(found, context.style));
    });
}
