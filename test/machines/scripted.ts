import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { UpdateError } from '../../src/errors.ts';

/** Steps by name, as `Steps` and `WorkloadSteps` are. */
type StepMap<S> = { [Name in keyof S]: { input: unknown; output: unknown } };

/** What a machine asked of a service. */
export interface Asked<S> {
  readonly step: keyof S;
  readonly input: unknown;
  readonly signal: AbortSignal;
}

/** Services that answer what a test tells them, and wait for ever when it tells them nothing. */
export interface Scripted<S extends StepMap<S>> {
  readonly actors: { [Name in keyof S]: PromiseActorLogic<S[Name]['output'], S[Name]['input']> };
  /** Everything that was asked, in order. */
  readonly asked: Asked<S>[];
  /** The inputs of one step, in order. */
  inputs<Name extends keyof S>(step: Name): S[Name]['input'][];
  /** Answers the question that waits, or else the next one. An error rejects. */
  say<Name extends keyof S>(step: Name, answer: S[Name]['output'] | UpdateError): Promise<void>;
}

/** Lets everything that is ready run: promises, and what they start. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes scripted services for the steps of a machine. */
export function scripted<S extends StepMap<S>>(names: readonly (keyof S)[]): Scripted<S> {
  type Answer = S[keyof S]['output'] | UpdateError;
  const answers = new Map<keyof S, Answer[]>();
  const waiting = new Map<keyof S, (answer: Answer) => void>();
  const asked: Asked<S>[] = [];

  const service = (step: keyof S): PromiseActorLogic<unknown> =>
    fromPromise(({ input, signal }) => {
      asked.push({ step, input, signal });
      return new Promise<unknown>((resolve, reject) => {
        const give = (answer: Answer): void => {
          if (answer instanceof Error) reject(answer);
          else resolve(answer);
        };
        const queued = answers.get(step)?.shift();
        if (queued !== undefined) {
          give(queued);
          return;
        }
        waiting.set(step, give);
        signal.addEventListener('abort', () => {
          if (waiting.get(step) === give) waiting.delete(step);
        });
      });
    });

  return {
    actors: Object.fromEntries(names.map((name) => [name, service(name)])) as Scripted<S>['actors'],
    asked,
    inputs: (step) => asked.filter((it) => it.step === step).map(({ input }) => input),
    say: async (step, answer) => {
      const give = waiting.get(step);
      if (give === undefined) answers.set(step, [...(answers.get(step) ?? []), answer]);
      else {
        waiting.delete(step);
        give(answer);
      }
      await settle();
    },
  };
}
