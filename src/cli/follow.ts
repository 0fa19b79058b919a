/** Waiting for attempts, with their progress shown. */
import type { AttemptProgress, WaitingView } from '../control/api.ts';
import type { ControlClient } from '../control/client.ts';
import { UpdateError } from '../errors.ts';
import type { CliContext } from './context.ts';
import { hasEnded, type EndedProgress } from './outcome.ts';

/** Looks up, beside the attempt, what it waits for; only the status says so. */
function waitingLook(
  client: ControlClient,
  show: (waiting: WaitingView | null) => void,
): { look(): void; end(): void } {
  let asking = false;
  let over = false;
  return {
    look: () => {
      if (asking || over) return;
      asking = true;
      client.status().then(
        ({ waiting }) => {
          asking = false;
          if (!over) show(waiting);
        },
        () => {
          // The look at the attempt itself meets the same fault, and tells it.
          asking = false;
        },
      );
    },
    end: () => {
      over = true;
    },
  };
}

/**
 * Waits until an attempt has ended or `going` is false, and shows how it goes; also what it waits for in `waiting`.
 *
 * @returns the last look
 * @throws UpdateError what the client rejects with
 */
export async function followWhile(
  { progress, pollMs }: CliContext,
  client: ControlClient,
  id: string,
  going: (look: AttemptProgress) => boolean,
): Promise<AttemptProgress> {
  const display = progress();
  let last: AttemptProgress | null = null;
  const waits = waitingLook(client, (waiting) => {
    if (last?.state === 'waiting') display.show(last, waiting);
  });
  try {
    return await client.follow(id, {
      onProgress: (look) => {
        // What it waits for stays shown until the status says something else.
        if (look.state !== 'waiting' || last?.state !== 'waiting') display.show(look);
        last = look;
        if (look.state === 'waiting' && look.ended === null) waits.look();
      },
      until: (look) => !going(look),
      ...(pollMs === undefined ? {} : { pollMs }),
    });
  } finally {
    waits.end();
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
