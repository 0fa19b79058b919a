import { UpdateError } from '../errors.ts';
import type { Downloads } from './ports.ts';

/**
 * Refuses work for which there is no room, before it starts.
 *
 * @param neededBytes - what the work will write
 * @param purpose - what for, for the message
 * @throws UpdateError `DISK_FULL` with both numbers
 */
export async function requireSpace(
  downloads: Downloads,
  neededBytes: number,
  purpose: string,
): Promise<void> {
  const free = await downloads.freeBytes();
  if (free < neededBytes)
    throw new UpdateError(
      'DISK_FULL',
      `expected ${String(neededBytes)} free bytes ${purpose}, found ${String(free)}: free ${String(neededBytes - free)} more`,
    );
}
