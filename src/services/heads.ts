import { verifyHead, type HeadDocument } from '../bundle/head-document.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import type { Ports } from './ports.ts';

/** Which dates a stored head must still satisfy. */
export type HeadAge = 'any' | 'unexpired';

/**
 * The newest accepted head of a channel, verified again from the bytes on disk, since nothing else vouches for them.
 *
 * @param age - `any` also gives an expired head, which still counts for the version floor and for `blocked`
 * @returns null when none was accepted yet, or when what is on disk does not verify (reported as a warning)
 * @throws UpdateError `STATE_DIR_UNUSABLE` when it cannot be read
 */
export async function storedHead(
  { heads, host, clock, reporter }: Pick<Ports, 'heads' | 'host' | 'clock' | 'reporter'>,
  channel: FeedChannel,
  age: HeadAge,
): Promise<HeadDocument | null> {
  try {
    const bytes = await heads.read(channel);
    if (bytes === null) return null;
    const head = await verifyHead(bytes, {
      trust: host.trust,
      channel,
      product: host.product,
      now: clock.now(),
      checkDates: age === 'unexpired',
    });
    return { head, bytes };
  } catch (error) {
    const failure = UpdateError.from(error);
    // A disk that cannot be read says nothing of the floor: nothing may be installed by it.
    if (failure.info.blames === 'host') throw failure;
    const { code, message } = failure;
    if (age === 'any')
      reporter.report({ kind: 'warning', error: { code, message: `stored ${channel} head: ${message}` } });
    return null;
  }
}

/** The newest accepted head of every channel, whatever its age. */
export type AcceptedHeads = Readonly<Record<FeedChannel, HeadDocument | null>>;

/** Reads the {@link AcceptedHeads}. */
export async function acceptedHeads(ports: Parameters<typeof storedHead>[0]): Promise<AcceptedHeads> {
  return {
    stable: await storedHead(ports, 'stable', 'any'),
    edge: await storedHead(ports, 'edge', 'any'),
  };
}
