import { UpdateError } from '../errors.ts';
import type { HandedOver, Steps } from '../steps.ts';
import type { Ports } from './ports.ts';

/**
 * `handingOver`: the daemon gives way to the one in the release. It is one step in three daemons: the old one validates the new one and
 * becomes it; the new one, which finds itself on trial here, acknowledges; and the old one, when the new one failed, says so.
 *
 * @throws UpdateError `VERSION_DAMAGED`, `VERSION_NOT_FOUND`, `DAEMON_SELF_TEST_FAILED`, `DAEMON_FAILED`, `HANDOVER_FAILED`, `DISK_FULL`,
 * `STATE_DIR_UNUSABLE`
 */
export const handOver =
  ({ succession, store, gate }: Pick<Ports, 'succession' | 'store' | 'gate'>) =>
  async ({ attempt, successor }: Steps['handOver']['input'], signal: AbortSignal): Promise<HandedOver> => {
    const running = await succession.running();
    if (running.sha256 === successor.sha256) {
      await succession.acknowledge();
      await gate.release(attempt);
      return { note: `the daemon is ${running.version} now` };
    }
    const state = await succession.state();
    if (state.kind === 'failed' && state.successor.sha256 === successor.sha256) {
      await succession.settle();
      throw new UpdateError('DAEMON_FAILED', state.error.message, { evidence: state.evidence });
    }
    await store.check(successor.ref, signal);
    await succession.selfTest(successor, signal);
    return succession.become(attempt.id, successor, signal);
  };
