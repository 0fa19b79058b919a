/** The workload after a start of the daemon: what an earlier one left is ended or taken over, and what should run is started. */
import { UpdateError, type ErrorRecord } from '../errors.ts';
import type { Recovered } from '../steps.ts';
import type { Ended, VersionRef, Watch } from '../types.ts';
import { overOf, tellOfBaseline, whyBaseline } from './image.ts';
import type { StoredVersion } from './ports.ts';
import { orWarn, type Needs, type Policy } from './recover-needs.ts';
import { runnable } from './runnable.ts';

/** Whether two names are of the same version. */
export const sameRef = (a: VersionRef, b: VersionRef): boolean =>
  a.origin === 'store' ? b.origin === 'store' && a.digest === b.digest : b.origin === 'baseline';

/** The watch that the current version is still under, if it is. */
export function unfinishedWatch(current: VersionRef, versions: readonly StoredVersion[]): Watch | null {
  const mark = versions.find(({ ref }) => sameRef(ref, current))?.mark;
  return mark === null || mark === undefined || mark.watched
    ? null
    : { version: current, previous: mark.previous };
}

/** Ends what an earlier daemon left running. Where only its record cannot be removed, every start ends it once more. */
export async function endSurvivor({ workload, reporter }: Needs): Promise<void> {
  try {
    await workload.endSurvivor();
  } catch (error) {
    const failure = UpdateError.from(error);
    if (failure.code !== 'STATE_DIR_UNUSABLE' && failure.code !== 'DISK_FULL') throw failure;
    reporter.report({ kind: 'warning', error: failure.toRecord() });
  }
}

/** Nothing was under way: starts what is current, or the best of what is left of it. */
export async function settle(
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
export async function startSomehow(
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
