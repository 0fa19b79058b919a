/** The heart of the second level: for everything that a plan may ask of the world, how the world is arranged. */
import type { StepName } from '../../../../src/steps.ts';
import type { PlanDocument, PlanStep } from '../../../../src/statechart/plans/index.ts';
import { BY_ITSELF, type Cause, type Causes } from './causes/cause.ts';
import { CHECKED, CHECK_FAILS } from './causes/check.ts';
import { DOWNLOADED, DOWNLOAD_FAILS } from './causes/download.ts';
import { GATE_FAILS, PASSED } from './causes/gate.ts';
import { HANDED_OVER, HAND_OVER_FAILS } from './causes/hand-over.ts';
import { SCHEDULED, SCHEDULE_FAILS, WATCHED, WATCH_FAILS } from './causes/idle.ts';
import { DRAINED, DRAIN_FAILS, OVERLAPPED, OVERLAP_FAILS } from './causes/overlap.ts';
import { COMMITTED, COMMIT_FAILS, PROBED, PROBE_FAILS } from './causes/probe.ts';
import { RECOVERED, RECOVER_FAILS } from './causes/recover.ts';
import { QUARANTINED, QUARANTINE_FAILS, ROLLBACK_FAILS, ROLLED_BACK } from './causes/rollback.ts';
import { STAGED, STAGE_FAILS } from './causes/stage.ts';
import { SWAPPED, SWAP_FAILS } from './causes/swap.ts';
import { VERIFIED, VERIFY_FAILS } from './causes/verify.ts';

/** By service and by case of what it gives back. */
const RESOLVES: Readonly<Record<StepName, Causes>> = {
  recover: RECOVERED,
  schedule: SCHEDULED,
  watch: WATCHED,
  check: CHECKED,
  download: DOWNLOADED,
  verify: VERIFIED,
  stage: STAGED,
  gate: PASSED,
  swap: SWAPPED,
  overlap: OVERLAPPED,
  drain: DRAINED,
  handOver: HANDED_OVER,
  probe: PROBED,
  commit: COMMITTED,
  rollback: ROLLED_BACK,
  quarantine: QUARANTINED,
};

/** By service and by code. */
const REJECTS: Readonly<Record<StepName, Causes>> = {
  recover: RECOVER_FAILS,
  schedule: SCHEDULE_FAILS,
  watch: WATCH_FAILS,
  check: CHECK_FAILS,
  download: DOWNLOAD_FAILS,
  verify: VERIFY_FAILS,
  stage: STAGE_FAILS,
  gate: GATE_FAILS,
  swap: SWAP_FAILS,
  overlap: OVERLAP_FAILS,
  drain: DRAIN_FAILS,
  handOver: HAND_OVER_FAILS,
  probe: PROBE_FAILS,
  commit: COMMIT_FAILS,
  rollback: ROLLBACK_FAILS,
  quarantine: QUARANTINE_FAILS,
};

/** By event, where it is taken; an event that is ignored needs nothing. */
const SENDS: Causes = {
  CHECK: BY_ITSELF,
  APPLY: BY_ITSELF,
  // From the program that was there before any update there is no way back.
  ROLLBACK: { past: 'committed' },
  PAUSE: BY_ITSELF,
  RESUME: BY_ITSELF,
  RETRY: BY_ITSELF,
};

/** What a step asks for, in words: `verify rejects with JSON_INVALID`. */
export function askedBy(step: PlanStep): string {
  switch (step.do) {
    case 'resolve':
      return `${step.service} resolves with ${step.case}`;
    case 'reject':
      return `${step.service} rejects with ${step.code}`;
    case 'send':
      return step.accepted ? `${step.event} is taken` : `${step.event} is ignored`;
    case 'stop':
      return 'the daemon is stopped';
  }
}

/** How a step is brought about; null when the table has no row for it. */
export function causeOf(step: PlanStep): Cause | null {
  switch (step.do) {
    case 'resolve':
      return RESOLVES[step.service as StepName][step.case] ?? null;
    case 'reject':
      return REJECTS[step.service as StepName][step.code] ?? null;
    case 'send':
      return step.accepted ? (SENDS[step.event] ?? null) : BY_ITSELF;
    case 'stop':
      return BY_ITSELF;
  }
}

/** Rows that no plan asks for: left over when a case or a code went. */
export function idleRows({ plans }: PlanDocument): string[] {
  const asked = new Set(plans.flatMap(({ steps }) => steps.map(askedBy)));
  const rows = [
    ...Object.entries(RESOLVES).flatMap(([service, causes]) =>
      Object.keys(causes).map((name) => `${service} resolves with ${name}`),
    ),
    ...Object.entries(REJECTS).flatMap(([service, causes]) =>
      Object.keys(causes).map((code) => `${service} rejects with ${code}`),
    ),
    ...Object.keys(SENDS).map((event) => `${event} is taken`),
  ];
  return rows.filter((row) => !asked.has(row));
}
