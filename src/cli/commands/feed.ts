import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';
import { addFeedCheck } from './feed-check.ts';
import { addFeedEdit } from './feed-edit.ts';
import { addFeedPublish } from './feed-publish.ts';

/** `core feed`. */
export function addFeed(parent: Command, context: CliContext): void {
  const feed = parent
    .command('feed')
    .summary('feeds: the static files that hosts update from')
    .description('Feeds: the static files that hosts update from. Let one command at a time write a feed.')
    .addHelpText('after', help([0, 1, 2, 3], 'core feed publish --help'));
  for (const add of [addFeedPublish, addFeedEdit, addFeedCheck]) add(feed, context);
}
