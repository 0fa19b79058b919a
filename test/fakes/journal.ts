import { UpdateError } from '../../src/errors.ts';
import type {
  AttemptFacts,
  AttemptRecord,
  Clock,
  InFlight,
  Journal,
  Refusal,
} from '../../src/services/ports.ts';

/** A journal in memory; `end` makes it refuse writes. */
export function memoryJournal(clock: Pick<Clock, 'now'>): Journal {
  const records: AttemptRecord[] = [];
  const budgets = new Map<string, number>();
  const refusals = new Map<string, Refusal>();
  const seen = new Map<string, number>();
  const pardoned = new Set<string>();
  let flying: InFlight | null = null;
  let ended = false;

  const write = (work: () => void): Promise<void> => {
    if (ended) return Promise.reject(new UpdateError('JOURNAL_WRITE_FAILED', 'the journal is closed'));
    work();
    return Promise.resolve();
  };
  const change = (id: string, change: (record: AttemptRecord) => AttemptRecord): void => {
    const index = records.findIndex((record) => record.id === id && record.endedAt === null);
    const record = records[index];
    if (record !== undefined) records[index] = change(record);
  };

  const interrupted = (digest: string): AttemptRecord[] =>
    records.filter(
      (record) =>
        record.digest === digest &&
        record.endedAt !== null &&
        record.outcome === 'rolledBack' &&
        record.error?.code === 'ATTEMPT_INTERRUPTED',
    );

  return {
    outbox: () => Promise.resolve([]),
    delivered: () => Promise.resolve(),
    enter: (attempt, state, facts) =>
      write(() => {
        const at = clock.now();
        const same = flying?.attempt.id === attempt.id;
        if (flying !== null && !same) {
          const error = (flying.state === 'rolledBack' ? flying.facts.error : undefined) ?? null;
          const outcome = error === null ? 'interrupted' : 'rolledBack';
          const reason = error?.message ?? `attempt ${attempt.id} began`;
          change(flying.attempt.id, (record) => ({ ...record, endedAt: at, outcome, reason, error }));
        }
        const known: AttemptFacts = {
          ...(same ? flying?.facts : {}),
          ...Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)),
        };
        flying = { attempt, state, facts: known, suspended: false };
        const index = records.findIndex(({ id }) => id === attempt.id);
        const before = records[index];
        const { plan } = known;
        const record: AttemptRecord = {
          id: attempt.id,
          trigger: attempt.trigger,
          startedAt: before?.startedAt ?? at,
          endedAt: null,
          outcome: null,
          reason: '',
          error: null,
          from: plan?.from.version ?? before?.from ?? null,
          to: plan?.to.version ?? known.version ?? before?.to ?? null,
          digest: known.digest ?? (plan?.to.origin === 'store' ? plan.to.digest : (before?.digest ?? null)),
          steps: [...(before?.steps ?? []), { state, at }],
        };
        if (index === -1) records.unshift(record);
        else records[index] = record;
        records.splice(500);
      }),
    close: (end) =>
      write(() => {
        const { id } = end.attempt;
        const note = flying?.attempt.id === id ? flying.facts.note : undefined;
        if (flying?.attempt.id === id) flying = null;
        if (end.outcome === 'nothing' || end.outcome === 'available') {
          const index = records.findIndex((record) => record.id === id && record.endedAt === null);
          if (index !== -1) records.splice(index, 1);
          return;
        }
        change(id, (record) => ({
          ...record,
          endedAt: clock.now(),
          outcome: end.outcome,
          reason: note === undefined ? end.reason : `${end.reason}; ${note}`,
          error: end.error,
          from: end.from?.version ?? record.from,
          to: end.to?.version ?? record.to,
          digest: end.to?.origin === 'store' ? end.to.digest : record.digest,
        }));
      }),
    inFlight: () => Promise.resolve(flying),
    suspend: () =>
      write(() => {
        if (flying !== null) flying = { ...flying, suspended: true };
      }),
    history: (limit) => Promise.resolve(records.slice(0, limit)),
    interruptions: (digest) =>
      Promise.resolve(interrupted(digest).filter(({ id }) => !pardoned.has(id)).length),
    pardon: (digest) =>
      write(() => {
        for (const { id } of interrupted(digest)) pardoned.add(id);
      }),
    spent: (budget) => Promise.resolve(budgets.get(budget) ?? 0),
    spend: (budget, totalMs) =>
      write(() => {
        budgets.set(budget, totalMs);
      }),
    refuse: (sha256, code) =>
      write(() => {
        refusals.set(sha256, {
          sha256,
          code,
          count: (refusals.get(sha256)?.count ?? 0) + 1,
          at: clock.now(),
        });
      }),
    refusal: (sha256) => Promise.resolve(refusals.get(sha256) ?? null),
    seen: async (digest) => {
      const now = clock.now();
      const first = seen.get(digest);
      if (first !== undefined && first <= now) return first;
      await write(() => {
        seen.set(digest, now);
      });
      return now;
    },
    end: () => {
      ended = true;
    },
  };
}
