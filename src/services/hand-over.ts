import semver from 'semver';
import { UpdateError } from '../errors.ts';
import type { HandedOver, Steps } from '../steps.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

/**
 * `handingOver`: the daemon gives way to the one in the release. It is one step in three daemons: the old one validates the new one and
 * becomes it; the new one, which finds itself on trial here, acknowledges; and the old one, when the new one failed, says so. What
 * failed is forgotten only once it is in quarantine (`quarantine.ts`), so that a power cut in between tries nothing twice.
 *
 * @throws UpdateError `VERSION_DAMAGED`, `VERSION_NOT_FOUND`, `DAEMON_SELF_TEST_FAILED`, `DAEMON_FAILED`, `HANDOVER_FAILED`, `DISK_FULL`,
 * `STATE_DIR_UNUSABLE`
 */
export const handOver =
  (
    {
      succession,
      store,
      gate,
      quarantine,
      clock,
    }: Pick<Ports, 'succession' | 'store' | 'gate' | 'quarantine' | 'clock'>,
    settings: Pick<Settings, 'disabled'>,
  ) =>
  async ({ attempt, successor }: Steps['handOver']['input'], signal: AbortSignal): Promise<HandedOver> => {
    const running = await succession.running();
    if (running.sha256 === successor.sha256) {
      await succession.acknowledge();
      await gate.release(attempt);
      return { note: `the daemon is ${running.version} now` };
    }
    const state = await succession.state();
    if (state.kind === 'failed') {
      const { error, evidence, successor: failed } = state;
      const failure = new UpdateError(error.code, error.message, { evidence });
      const isBlamed = failure.info.blames === 'release';
      if (failed.sha256 === successor.sha256) {
        if (!isBlamed) await succession.settle();
        throw failure;
      }
      // Of an earlier hand-over, which nobody told of: this one would have it forgotten.
      const about = { digest: failed.sha256, version: failed.ref.version, role: 'daemon' } as const;
      if (isBlamed)
        await quarantine.add({ ...about, at: clock.now(), attempt: state.attempt, reason: error, evidence });
      await succession.settle();
    }
    // An operator switched updates off after this attempt had begun.
    if (settings.disabled !== null)
      throw new UpdateError('HANDOVER_FAILED', `expected updates to be on, found that ${settings.disabled}`);
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
