/**
 * What must hold on a real host once nothing is under way: the invariants of a state directory, and what really runs and answers.
 */
import { readdir, readFile } from 'node:fs/promises';
import { nodeDisk } from '../../../src/adapters/disk.ts';
import { statePaths } from '../../../src/adapters/state-dir.ts';
import type { AttemptView, Status } from '../../../src/control/api.ts';
import type { AttemptRecord } from '../../../src/services/ports.ts';
import type { Host } from '../../e2e/support/host-on.ts';
import {
  attemptViolations,
  committedViolations,
  forgottenViolations,
  progressViolations,
  runningViolations,
  settledViolations,
} from '../../model/support/invariants.ts';
import { lookAtState, type StateView } from '../../model/support/state-view.ts';

/** The version that was there before any update: what it calls itself on /version, and in the status. */
const BASELINE = { answer: 'baseline', version: '0.0.0-0' } as const;

/** A version as /version says it. */
export const spoken = (version: string): string => (version === BASELINE.version ? BASELINE.answer : version);

/** Processes that run out of a host's folder or in its environment, but for its daemon. */
export async function workloadProcesses(host: Pick<Host, 'root' | 'configFile'>): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    // Empty for a zombie, which has ended.
    const read = (file: string): Promise<string> => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '');
    const line = await read('cmdline');
    if (line.includes(host.configFile)) continue;
    const ours = line.includes(`${host.root}/`) || (await read('environ')).includes(`HOME=${host.root}\0`);
    if (ours) found.push(Number(name));
  }
  return found;
}

/** What is known of a host before a look at it. */
export interface Known {
  /** The state directory at an earlier look. */
  readonly before: StateView | null;
  /** Attempts that must stand in the history. */
  readonly attempts: readonly string[];
  /** Whether the history was lost on the way, with the journal. */
  readonly historyLost?: boolean;
}

/** A look at a host. */
export interface Look {
  readonly view: StateView;
  /** What answers at the port. */
  readonly answer: string;
  readonly violations: readonly string[];
}

const toRecord = (view: AttemptView): AttemptRecord => ({
  id: view.id,
  trigger: view.trigger,
  startedAt: Date.parse(view.started_at),
  endedAt: view.ended_at === null ? null : Date.parse(view.ended_at),
  outcome: view.outcome,
  reason: view.reason,
  error: view.error === null ? null : { code: view.error.code, message: view.error.message },
  from: view.from,
  to: view.to,
  digest: view.digest,
  steps: view.steps.map(({ state, at }) => ({ state, at: Date.parse(at) })),
});

/**
 * Judges a host on which nothing is under way.
 *
 * @param status - as its daemon says it
 * @param history - all of it
 */
export async function judge(
  host: Host,
  status: Status,
  history: readonly AttemptView[],
  known: Known,
): Promise<Look> {
  const baseline = { version: BASELINE.version, entry: '/nowhere' };
  const view = await lookAtState(nodeDisk, statePaths(host.stateDir), baseline);
  const answer = await host.untilAnswer();
  const pids = await workloadProcesses(host);
  const { workload, current, paused, state } = status;
  const attempts = { history: history.map(toRecord), inFlight: null, pausedBy: paused?.code ?? null };
  const violations = [
    ...(state === 'idle' && workload.state === 'running'
      ? []
      : [`expected idle and a workload that runs, found ${state} and ${workload.state}`]),
    ...(paused === null ? [] : [`automatic updates are paused: ${paused.code}`]),
    ...(answer === spoken(view.current.version)
      ? []
      : [`${answer} answers at the port, but current is ${view.current.version}`]),
    ...(current.version === view.current.version
      ? []
      : [`the status says ${current.version}, the disk ${view.current.version}`]),
    ...settledViolations(view),
    ...committedViolations(view),
    ...runningViolations(
      view,
      pids.map((pid) => ({ pid, version: pid === workload.pid ? (workload.version ?? '?') : 'an orphan' })),
    ),
    ...(known.before === null ? [] : progressViolations(known.before, view)),
    ...(known.historyLost === true
      ? []
      : [...attemptViolations(view, attempts), ...forgottenViolations(known.attempts, attempts)]),
  ];
  return { view, answer, violations };
}
