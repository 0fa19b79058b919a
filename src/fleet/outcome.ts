import type { AttemptRecord, QuarantineEntry } from '../services/ports.ts';
import { RECORD_LIMITS, RECORD_SCHEMA, type OutcomeRecord } from './records.ts';

/** Who tells of an outcome. */
export interface OutcomeTeller {
  readonly product: string;
  readonly group: string;
  readonly host: string;
  readonly channel: string;
  /** The version of the daemon. */
  readonly daemon: string;
  /** The host's place in the queue for a release, from 0 to 1. */
  readonly cohort: (digest: string) => number;
}

/** A text that is not longer than allowed; what was cut off is told. */
export const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;

/**
 * The record of an attempt that ended.
 *
 * @param quarantined - the release's entry in quarantine, for its evidence; null where there is none, or another attempt made it
 */
export function outcomeRecord(
  attempt: AttemptRecord,
  quarantined: QuarantineEntry | null,
  teller: OutcomeTeller,
): OutcomeRecord {
  const { text, line, lines, steps } = RECORD_LIMITS;
  const { id, error, digest } = attempt;
  const evidence = quarantined?.attempt === id ? quarantined.evidence : [];
  return {
    schema: RECORD_SCHEMA,
    id: `${teller.host}/${id}`,
    attempt: id,
    product: teller.product,
    group: teller.group,
    host: teller.host,
    channel: teller.channel,
    trigger: attempt.trigger,
    outcome: attempt.outcome ?? 'interrupted',
    reason: cut(attempt.reason, text),
    error: error === null ? null : { code: error.code, message: cut(error.message, text) },
    evidence: evidence.slice(0, lines).map((seen) => cut(seen, line)),
    from: attempt.from,
    to: attempt.to,
    digest,
    cohort: digest === null ? null : teller.cohort(digest),
    startedAt: attempt.startedAt,
    endedAt: attempt.endedAt ?? attempt.startedAt,
    steps: attempt.steps.slice(-steps).map(({ state, at }) => ({ state, at })),
    daemon: teller.daemon,
  };
}
