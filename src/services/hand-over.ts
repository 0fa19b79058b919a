import semver from 'semver';
import { UpdateError } from '../errors.ts';
import type { HandedOver, Steps } from '../steps.ts';
import type { Ports } from './ports.ts';

/**
 * `handingOver`: the daemon gives way to the one in the release. It is one step in three daemons: the old one validates the new one and
 * becomes it; the new one, which finds itself on trial here, acknowledges; and the old one, when the new one failed, says so. What
 * failed is forgotten only once it is in quarantine (`quarantine.ts`), so that a power cut in between tries nothing twice.
 *
 * @throws UpdateError `VERSION_DAMAGED`, `VERSION_NOT_FOUND`, `DAEMON_SELF_TEST_FAILED`, `DAEMON_FAILED`, `HANDOVER_FAILED`, `DISK_FULL`,
 * `STATE_DIR_UNUSABLE`
 */
export const handOver =
  ({ succession, store, gate, quarantine }: Pick<Ports, 'succession' | 'store' | 'gate' | 'quarantine'>) =>
  async ({ attempt, successor }: Steps['handOver']['input'], signal: AbortSignal): Promise<HandedOver> => {
    const running = await succession.running();
    if (running.sha256 === successor.sha256) {
      await succession.acknowledge();
      await gate.release(attempt);
      return { note: `the daemon is ${running.version} now` };
    }
    const state = await succession.state();
    if (state.kind === 'failed' && state.successor.sha256 === successor.sha256) {
      const failure = new UpdateError(state.error.code, state.error.message, { evidence: state.evidence });
      if (failure.info.blames !== 'release') await succession.settle();
      throw failure;
    }
    const known = await quarantine.get(successor.sha256);
    if (known !== null)
      throw new UpdateError('DAEMON_FAILED', known.reason.message, { evidence: known.evidence });
    // Another program may have been installed meanwhile, which is newer than the one that was to come.
    if (semver.valid(running.version) !== null && semver.gte(running.version, successor.ref.version))
      throw new UpdateError(
        'HANDOVER_FAILED',
        `expected a daemon above ${running.version}, which runs now; found that of ${successor.ref.version}`,
      );
    await store.check(successor.ref, signal);
    await succession.selfTest(successor, signal);
    return succession.become(attempt.id, successor, signal);
  };
