/** What must hold in every run of the update machine, whatever its services do. Written from the design, not from the machine. */
import { expect } from 'vitest';
import type { Moment, PlanRun } from './driver.ts';

/** What may follow on a state, by the table in the design. */
const LEADS_TO: Readonly<Record<string, readonly string[]>> = {
  recovering: ['idle', 'probing', 'handingOver', 'rollingBack', 'failed'],
  idle: ['checking', 'downloading', 'rollingBack', 'rolledBack'],
  checking: ['downloading', 'idle'],
  downloading: ['verifying', 'idle'],
  verifying: ['staging', 'idle', 'downloading'],
  staging: ['waiting', 'idle'],
  waiting: ['swapping', 'overlapping', 'handingOver', 'idle'],
  swapping: ['probing', 'rollingBack'],
  overlapping: ['draining', 'rollingBack'],
  draining: ['probing', 'rollingBack'],
  probing: ['committed', 'rollingBack'],
  committed: ['handingOver', 'idle'],
  handingOver: ['idle', 'rolledBack'],
  rollingBack: ['rolledBack', 'failed'],
  rolledBack: ['idle'],
  failed: ['rollingBack', 'recovering'],
};

/** The services of a state, by the table in the design. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  recovering: ['recover'],
  idle: ['schedule', 'watch'],
  checking: ['check'],
  downloading: ['download'],
  verifying: ['verify'],
  staging: ['stage'],
  waiting: ['gate'],
  swapping: ['swap'],
  overlapping: ['overlap'],
  draining: ['drain'],
  probing: ['probe'],
  committed: ['commit'],
  handingOver: ['handOver'],
  rollingBack: ['rollback'],
  rolledBack: ['quarantine'],
  failed: [],
};

/** The services that stop, start or judge the workload. */
const TOUCHES = new Set(['swap', 'overlap', 'drain', 'probe', 'rollback']);
/** What may be gone back from. */
const FAILS_BACK = new Set(['swap', 'overlap', 'drain', 'probe', 'rollback']);

/** The workload is touched only past the gate, on the way back, or where start-up found it touched. */
function touchedOnlyPastTheGate({ world: { asked } }: PlanRun): void {
  asked.forEach(({ service, input }, index) => {
    if (!TOUCHES.has(service)) return;
    const before = asked[index - 1];
    const { plan, verdict } = input as { plan?: unknown; verdict?: unknown };
    expect(plan, `${service} is asked without a plan`).toBeTruthy();
    if (service === 'swap' || service === 'overlap')
      expect(before).toMatchObject({ service: 'gate', ending: 'done' });
    // The old version is stopped only once the new one is healthy.
    if (service === 'drain') expect(before).toMatchObject({ service: 'overlap', ending: 'done' });
    if (service === 'probe') expect(['swap', 'drain', 'recover']).toContain(before?.service);
    if (service === 'rollback') {
      expect(verdict, 'going back without a verdict').toBeTruthy();
      // A retry comes after a rollback that failed; idle, when an operator or a crash loop wants it.
      expect([...FAILS_BACK, 'recover', 'schedule', 'watch']).toContain(before?.service);
      if (before !== undefined && FAILS_BACK.has(before.service)) expect(before.ending).toBe('failed');
    }
  });
}

/** A daemon gives way only where the workload is committed, or is not what changes; and its failure never goes back from the workload. */
function daemonLeavesTheWorkloadAlone({ world: { asked } }: PlanRun): void {
  asked.forEach(({ service, input }, index) => {
    if (service !== 'handOver') return;
    const { successor, afterCommit } = input as { successor?: unknown; afterCommit?: boolean };
    expect(successor, 'a daemon gives way to no other').toBeTruthy();
    const before = asked[index - 1]?.service;
    expect(['gate', 'commit', 'recover']).toContain(before);
    if (before !== 'recover') expect(afterCommit).toBe(before === 'commit');
    expect(['quarantine', 'schedule', undefined]).toContain(asked[index + 1]?.service);
  });
}

/** An attempt that was begun is under way, or has ended and is given to `schedule`, which closes it. */
function noneForgotten({ moments, world: { asked } }: PlanRun): void {
  const begun = new Map<string, number>();
  moments.forEach(({ context: { attempt } }, index) => {
    if (attempt !== null && !begun.has(attempt.id)) begun.set(attempt.id, index);
  });
  const closed = new Set(
    asked.flatMap(({ service, input }) => {
      const { ended } = input as { ended?: Moment['context']['ended'] };
      return service === 'schedule' && ended ? [ended.attempt.id] : [];
    }),
  );
  const last = moments.at(-1);
  // At rest, only an attempt whose quarantine is owed is under way.
  const underWay = last?.state === 'idle' && last.context.verdict === null ? null : last?.context.attempt?.id;
  for (const id of begun.keys())
    expect(closed.has(id) || underWay === id, `attempt ${id} is under way or was closed`).toBe(true);
}

/** Sees that every invariant held in a run. */
export function expectInvariants(run: PlanRun): void {
  const { moments, world } = run;
  moments.forEach(({ state, context }, index) => {
    expect(JSON.parse(JSON.stringify(context)), 'the context is JSON').toStrictEqual(context);
    const before = moments[index - 1];
    if (before !== undefined && before.state !== state)
      expect(LEADS_TO[before.state], `${before.state} leads to ${state}`).toContain(state);
    if (state === 'failed') expect(context.paused ?? context.ended?.error, 'a failure says why').toBeTruthy();
    if (state === 'rollingBack' || state === 'rolledBack')
      expect(context.verdict, 'who goes back says why').not.toBeNull();
  });
  const last = moments.at(-1);
  for (const { service } of world.waiting()) expect(SERVICES[last?.state ?? ''] ?? []).toContain(service);
  touchedOnlyPastTheGate(run);
  daemonLeavesTheWorkloadAlone(run);
  noneForgotten(run);
}
