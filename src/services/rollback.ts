import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { ProbeEvidence, VersionRef } from '../types.ts';
import { addressIsFree } from './address.ts';
import { drainRunning } from './drain-running.ts';
import { pollHealth, type HealthVerdict } from './health.ts';
import type { Ports } from './ports.ts';
import { runnable } from './runnable.ts';
import type { Settings } from './settings.ts';

type Needs = Pick<
  Ports,
  'workload' | 'store' | 'probe' | 'clock' | 'reporter' | 'journal' | 'quarantine' | 'drain'
>;
type Policy = Pick<
  Settings,
  'addressFreeMs' | 'rollbackTimeoutMs' | 'probeIntervalMs' | 'probeSuccessThreshold'
>;

/** So many looks more than it needs a version gets that was never left, before it is started anew. */
const STILL_LOOKS = 5;

async function goBack(
  ports: Needs,
  settings: Policy,
  { attempt, plan, verdict: { error } }: Steps['rollback']['input'],
  signal: AbortSignal,
): Promise<ProbeEvidence> {
  const { workload, store, probe } = ports;
  // Before anything else: what failed beside must not meet the clients of the old one.
  await workload.beside?.end(signal);
  const look = (budgetMs: number): Promise<HealthVerdict> =>
    // A crash of the old version is not the end: the supervisor starts it again until the time is over.
    pollHealth(
      ports,
      settings,
      { budgetMs, spentMs: 0, exited: ignored, onSpent: () => Promise.resolve() },
      signal,
    );
  let { version } = plan.from;
  const wasLeft = !(await wasNeverLeft(ports, plan.from));
  if (!wasLeft) {
    const enough = (settings.probeSuccessThreshold + STILL_LOOKS) * settings.probeIntervalMs;
    const still = await look(Math.min(settings.rollbackTimeoutMs, enough));
    if (still.kind === 'healthy') return still.evidence;
  }
  // On a disk that is full nothing could be started again; so what still runs is not stopped.
  if (wasLeft || error.code !== 'JOURNAL_WRITE_FAILED') {
    // A version that failed is not waited for. One that an operator goes back from serves well, as far as anybody knows.
    if (attempt.trigger === 'rollback') await drainRunning(ports, plan.to.version, signal);
    await workload.stop(signal);
    const free = await addressIsFree(ports, settings.addressFreeMs, signal);
    const { ref, entry } = await runnable(ports, plan.from, signal, plan.to);
    const unpointed = await store.activate(ref).then(
      () => null,
      (failure: unknown) => UpdateError.from(failure),
    );
    // The old version is started whatever the disk and the address say: a workload that tries is better than none.
    await workload.start({ ref, entry }, signal);
    if (unpointed !== null) throw unpointed;
    if (!free)
      throw new UpdateError(
        'PROBE_ADDRESS_TAKEN',
        `something other than the workload answers at ${probe.address}, so ${ref.version} cannot be seen to be healthy`,
      );
    version = ref.version;
  }
  const verdict = await look(settings.rollbackTimeoutMs);
  if (verdict.kind === 'healthy') return verdict.evidence;
  throw new UpdateError(
    'PROBE_TIMEOUT',
    `expected ${probe.address} to be healthy within ${String(settings.rollbackTimeoutMs / 1000)} s of starting ${version} again; last seen: ${verdict.evidence.last}`,
  );
}

/** Whether the version that is gone back to runs and is current still: the swap had not done anything yet. */
async function wasNeverLeft({ workload, store }: Needs, from: VersionRef): Promise<boolean> {
  const { state, ref } = workload.status();
  const isFrom = (it: VersionRef | null): boolean =>
    it?.origin === from.origin &&
    (it.origin === 'baseline' || (from.origin === 'store' && it.digest === from.digest));
  return state === 'running' && isFrom(ref) && isFrom(await store.current());
}

/** Nobody waits for an exit: one that cannot be waited for ends no polling. */
const ignored = (): Promise<never> =>
  Promise.reject(new UpdateError('CANCELLED', 'an exit does not count here'));

/**
 * `rollingBack`: ends the new version, points `current` back, starts and probes the old one. Can be run again at any
 * point. An old one that was never left, and is healthy, runs on: what failed beside it, or before it was stopped, is all that ends. When it fails, the supervisor keeps trying the old version, and the journal says that it failed, and still why it goes back.
 *
 * @throws UpdateError `ROLLBACK_FAILED`
 */
export const rollback =
  (ports: Needs, settings: Policy) =>
  async (input: Steps['rollback']['input'], signal: AbortSignal): Promise<ProbeEvidence> => {
    try {
      return await goBack(ports, settings, input, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = UpdateError.from(error);
      const failed = new UpdateError(
        'ROLLBACK_FAILED',
        `going back to ${input.plan.from.version} failed: ${message} (${code})`,
        {
          cause: error,
        },
      );
      try {
        // Why it goes back stays as it was: the next start judges the release by that.
        const { error, interruptions } = input.verdict;
        await ports.journal.enter(input.attempt, 'failed', { plan: input.plan, error, interruptions });
      } catch (failure) {
        ports.reporter.report({ kind: 'warning', error: UpdateError.from(failure).toRecord() });
      }
      throw failed;
    }
  };
