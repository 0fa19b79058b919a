import type { CheckView, DoctorReport } from '../control/api.ts';
import { runCheck, type Check } from './check.ts';
import { feedChecks, lookAtHead, nextReleaseOf, type HeadLook } from './feed.ts';
import { fileChecks } from './files.ts';
import { fleetLockChecks } from './fleetlock.ts';
import { keyChecks } from './keys.ts';
import { mirrorChecks } from './mirrors.ts';
import { natsChecks } from './nats.ts';
import type { NextRelease, Patient } from './patient.ts';
import { stateDirChecks } from './state-dir.ts';
import { systemdChecks, type ShowUnit } from './systemd.ts';
import { workloadChecks } from './workload.ts';

/** The longest that a check may take, ms; a feed gets less, so that its own error is told. */
const BOUND_MS = 10_000;
const FEED_BOUND_MS = 8_000;
/** More reasons are in the checks. */
const REASONS = 3;

/** How an examination is made; for tests. */
export interface ExamineOptions {
  /** The longest that a check may take, ms. */
  readonly boundMs?: number | undefined;
  /** Asks systemd. */
  readonly showUnit?: ShowUnit | undefined;
}

function summary(checks: readonly CheckView[]): string {
  const failed = checks.filter(({ result }) => result === 'fail').map(({ message }) => message);
  if (failed.length > 0) {
    const more = failed.length - REASONS;
    const reasons = failed.slice(0, REASONS).join('; and because ');
    return `the next update would fail because ${reasons}${more > 0 ? ` (and ${String(more)} more)` : ''}`;
  }
  const warned = checks.filter(({ result }) => result === 'warn').length;
  const seen =
    warned === 0 ? '' : `; ${String(warned)} ${warned === 1 ? 'thing needs' : 'things need'} a look`;
  return `the next update would go through${seen}`;
}

/**
 * Looks whether the next update would go through. All checks run at once, each in bounded time, and one that breaks has failed: it
 * never rejects. It changes nothing that an update believes, and leaves nothing behind in the state directory.
 *
 * @example
 * const { result, summary } = await examine(patient);
 */
export async function examine(patient: Patient, options: ExamineOptions = {}): Promise<DoctorReport> {
  const { boundMs = BOUND_MS } = options;
  let asked: Promise<HeadLook> | null = null;
  const look = (): Promise<HeadLook> =>
    (asked ??= lookAtHead(patient, AbortSignal.timeout(Math.min(boundMs, FEED_BOUND_MS))));
  const next = async (): Promise<NextRelease | null> => {
    try {
      return await nextReleaseOf(patient, await look());
    } catch {
      // `release.newest` tells of it; the space is then reckoned from what is here.
      return null;
    }
  };
  const all: readonly Check[] = [
    ...workloadChecks(patient),
    ...stateDirChecks(patient, next),
    ...feedChecks(patient, look),
    ...mirrorChecks(patient, Math.min(boundMs, FEED_BOUND_MS)),
    ...fleetLockChecks(patient),
    ...natsChecks(patient),
    ...keyChecks(patient),
    ...fileChecks(patient),
    ...systemdChecks(patient, options.showUnit),
  ];
  const checks = await Promise.all(all.map((check) => runCheck(check, boundMs)));
  const worst = (['fail', 'warn'] as const).find((result) => checks.some((check) => check.result === result));
  return {
    inside: patient.inside === null ? 'caller' : 'daemon',
    result: worst ?? 'pass',
    summary: summary(checks),
    checks,
  };
}
