/** The daemon's own update after a start: what is left to do of it. */
import { UpdateError } from '../errors.ts';
import type { Recovered } from '../steps.ts';
import type { Successor, VersionRef } from '../types.ts';
import type { Ports, SuccessionState } from './ports.ts';
import { orWarn, type Needs, type Policy } from './recover-needs.ts';
import { daemonIn } from './successor.ts';

/** How a hand-over stands. Where that cannot be read there is none, and it is said: the workload matters more. */
export async function successionState({
  succession,
  reporter,
}: Pick<Ports, 'succession' | 'reporter'>): Promise<SuccessionState> {
  try {
    return await succession.state();
  } catch (error) {
    reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
    return { kind: 'none' };
  }
}

/** The daemon in a version that is to take this one's place. Where that cannot be found out, it stays. */
export async function successorIn(ports: Needs, ref: VersionRef): Promise<Successor | null> {
  if (ref.origin === 'baseline') return null;
  try {
    return (await daemonIn(ports, ref)).successor;
  } catch (error) {
    ports.reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
    return null;
  }
}

/**
 * What is left to do for the daemon's own update, now that the workload is up and no attempt is in flight: a daemon on probation goes
 * on with it, one that failed after its attempt had ended is told of, and one that a power cut kept from taking over does so now.
 */
export async function daemonLeft(
  ports: Needs,
  settings: Policy,
  recovered: Extract<Recovered, { next: 'idle' }>,
  succession: SuccessionState,
): Promise<Recovered> {
  const { watch, paused, ended } = recovered;
  const current = await ports.store.current();
  const begin = async (successor: Successor): Promise<Recovered> => {
    if (ended !== null) await orWarn(ports, ports.journal.close(ended));
    const attempt = { id: ports.ids.next(), trigger: 'recovery', mode: 'apply' } as const;
    const afterCommit = current.origin === 'store' && current.digest === successor.ref.digest;
    const plan = { from: current, to: successor.ref };
    return { next: 'handingOver', attempt, plan, successor, afterCommit, watch, paused };
  };
  if (succession.kind === 'trial') return recovered;
  if (succession.kind === 'failed') {
    ports.reporter.report({ kind: 'warning', error: succession.error });
    return begin(succession.successor);
  }
  // As a check would not, where nothing is updated by itself now.
  if (settings.disabled !== null || paused !== null) return recovered;
  const successor = await successorIn(ports, current);
  return successor === null ? recovered : begin(successor);
}
