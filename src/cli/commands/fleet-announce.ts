/** `core fleet announce`: tells all hosts of a head at once. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { HEAD_MAX_BYTES } from '../../bundle/head.ts';
import { UpdateError } from '../../errors.ts';
import { announceHead } from '../../fleet/announce.ts';
import { fleetNames } from '../../fleet/names.ts';
import type { FeedChannel } from '../../types.ts';
import type { CliContext } from '../context.ts';
import { fleetAccess, withFleet, type FleetOptions } from '../fleet-options.ts';
import { help } from '../help.ts';

interface AnnounceOptions extends FleetOptions {
  readonly channel: FeedChannel;
}

async function readHead(feed: string, channel: FeedChannel): Promise<Buffer> {
  const path = join(feed, `${channel}.jws`);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UpdateError(
      'USAGE',
      `expected a feed with a ${channel} head, found that ${path} cannot be read`,
      {
        cause: error,
      },
    );
  }
  if (bytes.byteLength > HEAD_MAX_BYTES[channel])
    throw new UpdateError(
      'USAGE',
      `expected a head of at most ${String(HEAD_MAX_BYTES[channel])} bytes, found ${String(bytes.byteLength)} in ${path}`,
    );
  return bytes;
}

/** `core fleet announce`. */
export function addFleetAnnounce(fleet: Command, context: CliContext): void {
  withFleet(fleet.command('announce'))
    .summary('tell all hosts of a head at once')
    .description(
      'Sends the head of a channel to all hosts of the fleet, after it was published. They verify it as one from the feed, and those whose turn it is fetch the release from there.',
    )
    .argument('<feed>', 'the folder of the feed')
    .addOption(
      new Option('--channel <name>', 'the channel').choices(['stable', 'edge']).makeOptionMandatory(),
    )
    .addHelpText('after', help([0, 1, 2], 'core fleet announce ./feed --channel stable'))
    .action(async (feed: string, { channel, ...options }: AnnounceOptions) => {
      const bytes = await readHead(feed, channel);
      const access = await fleetAccess(options, context);
      const connection = await access.connect();
      try {
        await announceHead(connection, fleetNames(access.product), channel, bytes);
      } finally {
        await connection.close();
      }
      context.print(`the ${channel} head was announced`);
    });
}
