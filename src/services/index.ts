/**
 * The one door of the update machine's services. For each of them, in this order: the intent is written durably, observers
 * hear of it, the service runs, and whatever it rejects with becomes an `UpdateError`. No service and no state repeats this,
 * and intent before effect cannot be forgotten.
 *
 * The codes that each of them may reject with stand in `src/machines/update.errors.ts`, from which the plans are made; those whose
 * intent is required also reject with `JOURNAL_WRITE_FAILED`.
 */
import { fromPromise, type PromiseActorLogic } from 'xstate';
import { UpdateError } from '../errors.ts';
import type { StepName, Steps } from '../steps.ts';
import type { Attempt, StateName } from '../types.ts';
import { check } from './check.ts';
import { commit } from './commit.ts';
import { download } from './download.ts';
import { drain } from './drain.ts';
import { gate } from './gate.ts';
import { handOver } from './hand-over.ts';
import { overlap } from './overlap.ts';
import type { AttemptFacts, Ports } from './ports.ts';
import { probe } from './probe.ts';
import { quarantine } from './quarantine.ts';
import { recover } from './recover.ts';
import { rollback } from './rollback.ts';
import { schedule } from './schedule.ts';
import type { Settings } from './settings.ts';
import { stage } from './stage.ts';
import { swap } from './swap.ts';
import { verify } from './verify.ts';
import { watch } from './watch.ts';

/** What an observer is told of each step. */
export type StepEvent = {
  readonly step: StepName;
  readonly state: StateName;
  readonly attempt: Attempt | null;
} & (
  | { readonly phase: 'began' }
  | { readonly phase: 'done'; readonly tookMs: number }
  | { readonly phase: 'failed'; readonly tookMs: number; readonly error: UpdateError }
);

/** Hears of every step: logs, metrics, traces. Must not throw. */
export type StepObserver = (event: StepEvent) => void;

/** The actors for `updateMachine.provide({ actors })`. */
export type UpdateActors = {
  [Name in StepName]: PromiseActorLogic<Steps[Name]['output'], Steps[Name]['input']>;
};

/** The services of a machine that runs. */
export interface UpdateServices {
  /** For `updateMachine.provide({ actors })`. */
  readonly actors: UpdateActors;
  /** Resolves when no step runs any more; after the machine was stopped, so that nothing writes behind its back. */
  readonly settled: () => Promise<void>;
}

/** Whether an unwritten intent stops the step. On the way back and at the end it must not: going back matters more than the record. */
type Intent = 'required' | 'attempted' | 'none';

const DOORS: Readonly<Record<StepName, { readonly state: StateName; readonly intent: Intent }>> = {
  recover: { state: 'recovering', intent: 'none' },
  schedule: { state: 'idle', intent: 'none' },
  watch: { state: 'idle', intent: 'none' },
  check: { state: 'checking', intent: 'required' },
  download: { state: 'downloading', intent: 'required' },
  verify: { state: 'verifying', intent: 'required' },
  stage: { state: 'staging', intent: 'required' },
  gate: { state: 'waiting', intent: 'required' },
  swap: { state: 'swapping', intent: 'required' },
  overlap: { state: 'overlapping', intent: 'required' },
  drain: { state: 'draining', intent: 'required' },
  probe: { state: 'probing', intent: 'required' },
  commit: { state: 'committed', intent: 'attempted' },
  handOver: { state: 'handingOver', intent: 'required' },
  rollback: { state: 'rollingBack', intent: 'attempted' },
  quarantine: { state: 'rolledBack', intent: 'attempted' },
};

/** What the journal keeps of a step's input. */
function factsOf(
  input: Partial<
    Steps['handOver']['input'] &
      Steps['rollback']['input'] &
      Steps['gate']['input'] &
      Steps['stage']['input'] &
      Steps['download']['input']
  >,
): AttemptFacts {
  const { plan, verdict, owed = [], successor, afterCommit } = input;
  const release = input.verified?.release ?? input.release ?? input.offer?.release ?? null;
  const note = input.verified?.note ?? input.offer?.note;
  const target = plan?.to.origin === 'store' ? plan.to : release;
  return {
    ...(plan === undefined ? {} : { plan }),
    ...(target === null ? {} : { digest: target.digest, version: target.version }),
    ...(verdict === undefined ? {} : { error: verdict.error, interruptions: verdict.interruptions }),
    ...(successor === undefined ? {} : { successor, afterCommit: afterCommit === true }),
    ...(note === undefined ? {} : { note }),
    ...(owed.length === 0
      ? {}
      : {
          owed: owed.map(({ verdict: { error, interruptions }, ...about }) => ({
            ...about,
            error,
            interruptions,
          })),
        }),
  };
}

/**
 * Makes the services of the update machine.
 *
 * @param ports - the adapters
 * @param settings - what the operator configured
 * @param observe - hears of every step
 * @example
 * const { actors } = services(ports, settings, observe);
 * createActor(updateMachine.provide({ actors })).start();
 */
export function services(ports: Ports, settings: Settings, observe: StepObserver): UpdateServices {
  const { clock, journal, reporter } = ports;
  const running = new Set<Promise<unknown>>();

  async function writeIntent(
    intent: Intent,
    attempt: Attempt | null,
    state: StateName,
    input: object,
  ): Promise<void> {
    // Steps without an intent are those without an attempt.
    if (attempt === null) return;
    try {
      await journal.enter(attempt, state, factsOf(input));
    } catch (error) {
      const failure = UpdateError.from(error, 'JOURNAL_WRITE_FAILED');
      if (intent === 'required') throw failure;
      reporter.report({ kind: 'warning', error: failure.toRecord() });
    }
  }

  const door = <Name extends StepName>(
    step: Name,
    run: (input: Steps[Name]['input'], signal: AbortSignal) => Promise<Steps[Name]['output']>,
  ): UpdateActors[Name] => {
    const { state, intent } = DOORS[step];
    const pass = async (input: Steps[Name]['input'], signal: AbortSignal): Promise<Steps[Name]['output']> => {
      const attempt = 'attempt' in input ? input.attempt : null;
      const began = clock.monotonic();
      const about = { step, state, attempt } as const;
      const tookMs = (): number => Math.round(clock.monotonic() - began);
      try {
        await writeIntent(intent, attempt, state, input);
        observe({ ...about, phase: 'began' });
        const output = await run(input, signal);
        observe({ ...about, phase: 'done', tookMs: tookMs() });
        return output;
      } catch (thrown) {
        const error = signal.aborted
          ? new UpdateError('CANCELLED', `${state} was left before it was done`, { cause: thrown })
          : UpdateError.from(thrown);
        observe({ ...about, phase: 'failed', tookMs: tookMs(), error });
        throw error;
      }
    };
    return fromPromise(({ input, signal }) => {
      const passed = pass(input, signal);
      running.add(passed);
      const done = (): void => void running.delete(passed);
      passed.then(done, done);
      return passed;
    }) as UpdateActors[Name];
  };

  const actors: UpdateActors = {
    recover: door('recover', recover(ports, settings)),
    schedule: door('schedule', schedule(ports, settings)),
    watch: door('watch', watch(ports, settings)),
    check: door('check', check(ports, settings)),
    download: door('download', download(ports)),
    verify: door('verify', verify(ports, settings)),
    stage: door('stage', stage(ports)),
    gate: door('gate', gate(ports, settings)),
    swap: door('swap', swap(ports, settings)),
    overlap: door('overlap', overlap(ports, settings)),
    drain: door('drain', drain(ports)),
    probe: door('probe', probe(ports, settings)),
    commit: door('commit', commit(ports, settings)),
    handOver: door('handOver', handOver(ports, settings)),
    rollback: door('rollback', rollback(ports, settings)),
    quarantine: door('quarantine', quarantine(ports)),
  };
  return { actors, settled: () => Promise.allSettled(running).then(() => undefined) };
}
