/**
 * `recovering`: what runs first after every start. It reads what is left, repairs it, and decides from where to go on.
 *
 * Invariants that this file keeps:
 * - What an earlier daemon left running is ended before anything is started; but where a hand-over is under way, the workload was
 *   left on purpose (or by a new daemon that failed), and is taken over as it runs, if it is what should run.
 * - A power cut is not a verdict: an attempt that was interrupted after the swap began goes back and may be tried once more.
 * - An interruption in `overlapping` or `draining` goes back and counts like one in `swapping`, an orderly stop too: what ran beside is
 *   ended, and so is the other. One in `handingOver` is about the daemon alone, and is taken up there: the workload is what it was.
 * - An orderly stop in `probing` is no interruption: the new version is started again and probed with the time that is left.
 * - What runs next is complete and verified, whatever `current` says.
 * - The program of the image or package takes the place of an older version, and says so (`image.ts`). What is gone back to is
 *   judged like what is current.
 */
import { UpdateError, type ErrorRecord } from '../errors.ts';
import type { Owed, Recovered, Verdict } from '../steps.ts';
import type { Ended, Plan, Successor, VersionRef, Watch } from '../types.ts';
import { openBudget } from './budget.ts';
import { appliedOver, overOf, tellOfBaseline, whyBaseline } from './image.ts';
import type { InFlight, Ports, StoredVersion, SuccessionState } from './ports.ts';
import { runnable } from './runnable.ts';
import type { Settings } from './settings.ts';
import { daemonIn } from './successor.ts';

type Needs = Pick<
  Ports,
  'workload' | 'store' | 'downloads' | 'journal' | 'reporter' | 'ids' | 'quarantine' | 'pauses' | 'succession'
>;
type Policy = Pick<Settings, 'channel' | 'disabled'>;

const sameRef = (a: VersionRef, b: VersionRef): boolean =>
  a.origin === 'store' ? b.origin === 'store' && a.digest === b.digest : b.origin === 'baseline';

/** The watch that the current version is still under, if it is. */
function unfinishedWatch(current: VersionRef, versions: readonly StoredVersion[]): Watch | null {
  const mark = versions.find(({ ref }) => sameRef(ref, current))?.mark;
  return mark === null || mark === undefined || mark.watched
    ? null
    : { version: current, previous: mark.previous };
}

const interruptedMessage = (inFlight: InFlight): string =>
  `the daemon or the host stopped in ${inFlight.state}` + (inFlight.suspended ? ', in good order' : '');

function endedByInterruption({ attempt, state, facts }: InFlight, message: string): Ended {
  return {
    attempt,
    outcome: 'interrupted',
    reason: message,
    error: { code: 'ATTEMPT_INTERRUPTED', message },
    stage: state,
    from: facts.plan?.from ?? null,
    to: facts.plan?.to ?? null,
  };
}

async function verdictOn(journal: Ports['journal'], inFlight: InFlight, plan: Plan): Promise<Verdict> {
  const known = inFlight.facts.error;
  if (known !== undefined)
    return { error: known, evidence: [], interruptions: inFlight.facts.interruptions ?? 0 };
  const before = plan.to.origin === 'store' ? await journal.interruptions(plan.to.digest) : 0;
  const message = interruptedMessage(inFlight);
  return {
    error: { code: 'ATTEMPT_INTERRUPTED', message },
    evidence: [message, `interruption ${String(before + 1)} of this release`],
    interruptions: before + 1,
  };
}

/** The releases of earlier attempts that are still to be quarantined, where there are any. */
const owedBy = ({ facts: { owed } }: InFlight): { readonly owed?: readonly Owed[] } =>
  owed === undefined
    ? {}
    : {
        owed: owed.map(({ error, interruptions, ...about }) => ({
          ...about,
          verdict: { error, evidence: [], interruptions },
        })),
      };

/** What may fail without keeping the workload from its start. */
async function orWarn({ reporter }: Pick<Ports, 'reporter'>, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
  }
}

/** Ends what an earlier daemon left running. Where only its record cannot be removed, every start ends it once more. */
async function endSurvivor({ workload, reporter }: Needs): Promise<void> {
  try {
    await workload.endSurvivor();
  } catch (error) {
    const failure = UpdateError.from(error);
    if (failure.code !== 'STATE_DIR_UNUSABLE' && failure.code !== 'DISK_FULL') throw failure;
    reporter.report({ kind: 'warning', error: failure.toRecord() });
  }
}

/** An operator's pause. One that cannot be read still holds (fail closed), and never keeps the workload from its start. */
async function pauseOf({
  pauses,
  reporter,
}: Pick<Ports, 'pauses' | 'reporter'>): Promise<ErrorRecord | null> {
  try {
    return await pauses.read();
  } catch (error) {
    const record = UpdateError.from(error).toRecord();
    reporter.report({ kind: 'warning', error: record });
    return {
      code: 'UPDATES_PAUSED',
      message: `whether an operator paused updates cannot be read: ${record.message}`,
    };
  }
}

/** Nothing was under way: starts what is current, or the best of what is left of it. */
async function settle(
  ports: Needs,
  settings: Policy,
  ended: Ended | null,
  paused: ErrorRecord | null,
  adopting: boolean,
  signal: AbortSignal,
): Promise<Recovered> {
  const { store } = ports;
  const current = await store.current();
  const versions = await store.list();
  const outdone = whyBaseline(store.baseline, current, overOf(current, versions), settings);
  const { ref, entry } = await runnable(ports, outdone === null ? current : store.baseline, signal);
  // Where it cannot be pointed to, it runs all the same, and the next start tries again.
  if (!sameRef(ref, current)) await orWarn(ports, store.activate(ref));
  if (outdone !== null) {
    if (ended !== null) await orWarn(ports, ports.journal.close(ended));
    await tellOfBaseline(ports, current, outdone);
  }
  const started = await startSomehow(ports, { ref, entry }, signal, adopting);

  const committed =
    ref.origin === 'baseline' || versions.some((it) => sameRef(it.ref, ref) && it.mark !== null);
  if (committed) return { next: 'idle', ended, watch: unfinishedWatch(ref, versions), paused };
  // Current, but nothing says that it was ever healthy (the journal is lost): it has to show it now.
  const before = versions.find((it) => it.mark !== null && !sameRef(it.ref, ref))?.ref ?? store.baseline;
  const attempt = { id: ports.ids.next(), trigger: 'recovery', mode: 'apply' } as const;
  const plan = { from: before, to: ref };
  if (started.pid !== null) return { next: 'probing', attempt, plan, pid: started.pid, watch: null, paused };
  // It cannot even be started, and would never be by itself: what was there before it runs instead.
  const { failure } = started;
  const verdict = { error: failure.toRecord(), evidence: [failure.message], interruptions: 0 };
  return { next: 'rollingBack', attempt, plan, verdict, watch: null, paused };
}

/** A workload that cannot be started at once is the supervisor's to try again; the daemon comes up all the same. */
async function startSomehow(
  ports: Needs,
  target: { ref: VersionRef; entry: string },
  signal: AbortSignal,
  adopting = false,
): Promise<{ pid: number } | { pid: null; failure: UpdateError }> {
  const { workload, reporter } = ports;
  try {
    if (adopting) {
      const adopted = (await workload.adopt?.(target, signal)) ?? null;
      if (adopted !== null) return adopted;
      // Not there any more (the power went), or not what should run.
      await endSurvivor(ports);
    }
    return await workload.start(target, signal);
  } catch (error) {
    const failure = UpdateError.from(error);
    if (failure.code === 'CANCELLED') throw failure;
    reporter.report({ kind: 'warning', error: failure.toRecord() });
    return { pid: null, failure };
  }
}

/**
 * The plan of an attempt that is taken up again. Another image or package may have come meanwhile: where its program outdoes what
 * would be gone back to, that is gone back to instead.
 *
 * @param probedOn - whether the new version would be probed on; not where that is outdone
 */
function planNow(
  { store: { baseline }, reporter }: Needs,
  settings: Policy,
  { attempt, plan: { from, to } }: InFlight & { readonly plan: Plan },
  versions: readonly StoredVersion[],
  probedOn: boolean,
): { plan: Plan; probedOn: boolean } {
  const outdoesFrom = whyBaseline(baseline, from, overOf(from, versions), settings);
  // Its mark, where it has one already, or what the mark would say.
  const over = overOf(to, versions) ?? appliedOver(attempt, settings, baseline).appliedOver;
  const outdoesTo = probedOn ? whyBaseline(baseline, to, over, settings) : null;
  const message = outdoesTo ?? (probedOn ? null : outdoesFrom);
  if (message !== null) reporter.report({ kind: 'warning', error: { code: 'BASELINE_PREFERRED', message } });
  return {
    plan: { from: outdoesFrom === null ? from : baseline, to },
    probedOn: probedOn && outdoesTo === null,
  };
}

/** How a hand-over stands. Where that cannot be read there is none, and it is said: the workload matters more. */
async function successionState({
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
async function successorIn(ports: Needs, ref: VersionRef): Promise<Successor | null> {
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
async function daemonLeft(
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

/**
 * `recovering`: see the head of this file.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE` or `JOURNAL_DAMAGED` when they cannot be read; `WORKLOAD_STOP_FAILED`, `WORKLOAD_SPAWN_FAILED`
 * when what an earlier daemon left cannot be ended
 */
export const recover =
  (ports: Needs, settings: Policy) =>
  async (_input: unknown, signal: AbortSignal): Promise<Recovered> => {
    const succession = await successionState(ports);
    const recovered = await recovery(ports, settings, succession, signal);
    // A daemon on trial is up, whatever it has to do now; where that is its own hand-over, it says so as the end of it.
    const endsIts =
      recovered.next === 'handingOver' &&
      succession.kind === 'trial' &&
      recovered.successor.sha256 === succession.successor.sha256;
    if (succession.kind === 'trial' && !endsIts) await orWarn(ports, ports.succession.acknowledge());
    return recovered;
  };

async function recovery(
  ports: Needs,
  settings: Policy,
  succession: SuccessionState,
  signal: AbortSignal,
): Promise<Recovered> {
  const { store, downloads, journal } = ports;
  const adopting = succession.kind !== 'none';
  if (!adopting) await endSurvivor(ports);
  // What lies about is in nobody's way; a workload that does not run is.
  await orWarn(ports, store.tidy());
  await orWarn(ports, downloads.remove('unpacked'));
  const paused = await pauseOf(ports);
  const inFlight = await journal.inFlight();
  const settled = async (ended: Ended | null): Promise<Recovered> => {
    const recovered = await settle(ports, settings, ended, paused, adopting, signal);
    return recovered.next === 'idle' ? daemonLeft(ports, settings, recovered, succession) : recovered;
  };
  if (inFlight === null) return settled(null);
  const { attempt, state, facts, suspended } = inFlight;
  if (facts.plan === undefined) return settled(endedByInterruption(inFlight, interruptedMessage(inFlight)));
  const { successor, afterCommit = false } = facts;
  if (successor !== undefined) {
    // It is about the daemon alone, in `handingOver` and in `rolledBack`: the workload is what it was.
    const ended = endedByInterruption(inFlight, interruptedMessage(inFlight));
    const recovered = await settle(ports, settings, ended, paused, adopting, signal);
    if (recovered.next !== 'idle') return recovered;
    const { watch } = recovered;
    return { next: 'handingOver', attempt, plan: facts.plan, successor, afterCommit, watch, paused };
  }
  // A hand-over that an attempt with the workload came after, without an end: nothing is left on purpose.
  if (adopting) await endSurvivor(ports);

  const versions = await store.list();
  const { plan, probedOn } = planNow(
    ports,
    settings,
    { ...inFlight, plan: facts.plan },
    versions,
    state === 'committed' || (state === 'probing' && suspended),
  );
  const watch = unfinishedWatch(plan.from, versions);
  if (probedOn) {
    const { ref, entry } = await runnable(ports, plan.to, signal);
    const { pid } = sameRef(ref, plan.to) ? await startSomehow(ports, { ref, entry }, signal) : { pid: null };
    if (pid !== null) {
      // It was healthy, and starts anew: what it took the first time must not be held against it.
      if (state === 'committed') await openBudget(ports, `probe:${attempt.id}`).spend(0);
      const next = await successorIn(ports, plan.to);
      return {
        next: 'probing',
        attempt,
        plan,
        pid,
        watch,
        paused,
        ...(next === null ? {} : { successor: next }),
      };
    }
  }
  const verdict = await verdictOn(journal, inFlight, plan);
  return { next: 'rollingBack', attempt, plan, verdict, ...owedBy(inFlight), watch, paused };
}
