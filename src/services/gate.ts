import semver from 'semver';
import { UpdateError } from '../errors.ts';
import type { Passed, Steps } from '../steps.ts';
import type { Plan } from '../types.ts';
import { objection } from './admission.ts';
import { fetchHead } from './heads.ts';
import type { Ports } from './ports.ts';

type Needs = Pick<Ports, 'gate' | 'store' | 'feed' | 'heads' | 'host' | 'clock' | 'reporter' | 'quarantine'>;

/** Looks again at everything that may have changed while the update waited. */
async function lastLook(
  ports: Needs,
  { offer, release }: Steps['gate']['input'],
  signal: AbortSignal,
): Promise<UpdateError | null> {
  if (offer.channel !== null) {
    try {
      const head = await fetchHead(ports, offer.channel, signal);
      if (semver.gt(head.version, release.version))
        return new UpdateError(
          'SUPERSEDED',
          `${head.version} appeared on ${offer.channel} while ${release.version} waited`,
        );
    } catch (error) {
      // A feed that is away now takes nothing back of what it has signed; anything else that is wrong with it holds the update.
      const failure = UpdateError.from(error);
      if (failure.info.blames !== 'feed' || failure.info.exit === 3) throw failure;
      ports.reporter.report({ kind: 'warning', error: failure.toRecord() });
    }
  }
  const reason = await objection(ports, release);
  return reason === null ? null : new UpdateError(reason.code, reason.message);
}

/**
 * `waiting`: passes the gate, then looks again: a newer release, `blocked`, the version floor, the quarantine, and the
 * bytes on disk. Says what will be swapped for what.
 *
 * @throws UpdateError `GATE_CLOSED`, `VERSION_DAMAGED`, the codes of the head
 */
export const gate =
  (ports: Needs) =>
  async (input: Steps['gate']['input'], signal: AbortSignal): Promise<Passed> => {
    const plan: Plan = { from: await ports.store.current(), to: { origin: 'store', ...input.release } };
    await ports.gate.pass(input.attempt, plan, signal);
    try {
      const objected = await lastLook(ports, input, signal);
      if (objected !== null) {
        await ports.gate.release(input.attempt);
        return { go: false, error: objected.toRecord() };
      }
      await ports.store.check(plan.to, signal);
      return { go: true, plan };
    } catch (error) {
      await ports.gate.release(input.attempt);
      throw error;
    }
  };
