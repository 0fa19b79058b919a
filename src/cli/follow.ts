/** Waiting for attempts, with their progress shown. */
import type { AttemptProgress } from '../control/api.ts';
import type { ControlClient } from '../control/client.ts';
import { UpdateError } from '../errors.ts';
import type { CliContext } from './context.ts';
import { hasEnded, type EndedProgress } from './outcome.ts';

/**
 * Waits until an attempt has ended or `going` is false, and shows how it goes.
 *
 * @returns the last look
 */
export async function followWhile(
  { progress, pollMs }: CliContext,
  client: ControlClient,
  id: string,
  going: (look: AttemptProgress) => boolean,
): Promise<AttemptProgress> {
  const display = progress();
  try {
    return await client.follow(id, {
      onProgress: display.show,
      until: (look) => !going(look),
      ...(pollMs === undefined ? {} : { pollMs }),
    });
  } finally {
    display.finish();
  }
}

/** Waits until an attempt has ended, and shows how it goes. */
export async function followToEnd(
  context: CliContext,
  client: ControlClient,
  id: string,
): Promise<EndedProgress> {
  const look = await followWhile(context, client, id, () => true);
  if (hasEnded(look)) return look;
  throw new UpdateError('INTERNAL', `expected attempt ${id} to have ended, found it in ${look.state}`);
}
