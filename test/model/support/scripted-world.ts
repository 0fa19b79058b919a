/** Services that do nothing until they are told how they end, and remember who was asked for what, and who saw its signal. */
import { fromPromise, type PromiseActorLogic } from 'xstate';

/** One question to a service. */
export interface Asked {
  readonly service: string;
  readonly input: unknown;
  readonly signal: AbortSignal;
  /** How it ended; null while it has not. */
  ending: 'done' | 'failed' | null;
  readonly settle: (outcome: { readonly value: unknown } | { readonly error: Error }) => void;
}

/** The world of one run. */
export interface ScriptedWorld {
  /** For `machine.provide({ actors })`. */
  readonly actors: Record<string, PromiseActorLogic<unknown>>;
  /** Every question, in order. */
  readonly asked: readonly Asked[];
  /** The questions that wait for an answer. */
  waiting(): Asked[];
  /** Ends the service that waits. Throws when none does. */
  end(service: string, outcome: { readonly value: unknown } | { readonly error: Error }): Promise<void>;
}

/** Lets everything that is ready run: promises, and what they start. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes a world. */
export function scriptedWorld(services: readonly string[]): ScriptedWorld {
  const asked: Asked[] = [];
  const waiting = (): Asked[] => asked.filter(({ ending, signal }) => ending === null && !signal.aborted);
  const actor = (service: string): PromiseActorLogic<unknown> =>
    fromPromise(
      ({ input, signal }) =>
        new Promise((resolve, reject) => {
          const question: Asked = {
            service,
            input,
            signal,
            ending: null,
            settle: (outcome) => {
              question.ending = 'error' in outcome ? 'failed' : 'done';
              if ('error' in outcome) reject(outcome.error);
              else resolve(outcome.value);
            },
          };
          asked.push(question);
        }),
    );
  return {
    actors: Object.fromEntries(services.map((service) => [service, actor(service)])),
    asked,
    waiting,
    end: async (service, outcome) => {
      const question = waiting().find((each) => each.service === service);
      if (question === undefined) {
        const names = waiting().map((each) => each.service);
        throw new Error(`expected ${service} to wait for its end, found ${names.join(', ') || 'nobody'}`);
      }
      question.settle(outcome);
      await settled();
    },
  };
}
