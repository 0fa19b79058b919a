/**
 * The time floor: the latest instant that has certainly passed, whatever the clock says. A clock that was set back would make
 * an expired head look fresh.
 *
 * Invariant: it is derived from what is signed (the stored heads) and from the program itself, never from the journal.
 */
import { HEAD_MAX_SKEW_MS } from '../bundle/head-document.ts';
import { UpdateError } from '../errors.ts';
import type { AcceptedHeads } from './heads.ts';
import type { Ports } from './ports.ts';

type Needs = Pick<Ports, 'host' | 'clock'>;

/** An instant that has passed, and how that is known. */
export interface TimeFloor {
  /** ms since 1970. */
  readonly at: number;
  readonly because: string;
}

/** The time floor: the newest `iat` of an accepted head of any channel, or the time of the commit that this program was built from. */
export function timeFloor({ host }: Pick<Ports, 'host'>, accepted: AcceptedHeads): TimeFloor {
  let floor: TimeFloor = { at: host.builtFrom, because: 'this program was made' };
  for (const document of Object.values(accepted)) {
    const at = (document?.head.iat ?? 0) * 1000;
    if (document !== null && at > floor.at)
      floor = { at, because: `the accepted ${document.head.sub} head was signed` };
  }
  return floor;
}

/**
 * Sees that the host's clock is not earlier than is possible, give or take the five minutes that clocks may differ.
 *
 * @throws UpdateError `CLOCK_BEHIND`
 */
export function requireClock(ports: Needs, accepted: AcceptedHeads): void {
  const { at, because } = timeFloor(ports, accepted);
  const now = ports.clock.now();
  if (now + HEAD_MAX_SKEW_MS < at)
    throw new UpdateError(
      'CLOCK_BEHIND',
      `expected a time after ${new Date(at).toISOString()}, when ${because}; this host’s clock says ${new Date(now).toISOString()}`,
    );
}
