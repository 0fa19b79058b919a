/** What the generator of plans has to be told of a machine, besides the machine: what its services and the outside may say. */
import type { AnyStateMachine } from 'xstate';
import type { ErrorCode } from '../../error-codes.ts';

/** One sample of what a service gives back. */
export interface Sample<Input, Output> {
  /** Short, and never changed: it stands in the ids of plans. */
  readonly name: string;
  readonly output: Output;
  /** What the world has to be like for it, in words. */
  readonly inject: string;
  /** Whether the service can say so at all when it is asked this; always, unless given. */
  readonly when?: (input: Input) => boolean;
  /** True for a world that takes more than services to make; other ways to the same place are preferred. */
  readonly rare?: boolean;
}

/** Samples for every step: a step without an entry does not compile. */
export type Samples<S extends Record<keyof S, { input: unknown; output: unknown }>> = {
  readonly [Name in keyof S]: readonly Sample<S[Name]['input'], S[Name]['output']>[];
};

/** One sample of an event from outside. */
export interface EventSample<E> {
  readonly name: string;
  readonly event: E;
  readonly inject: string;
}

/** Samples for every type of event: a type without an entry does not compile. */
export type EventSamples<E extends { readonly type: string }> = {
  readonly [Type in E['type']]: readonly EventSample<Extract<E, { readonly type: Type }>>[];
};

/** What a machine's context says that can be seen from outside. */
export interface Facts {
  readonly ended: { readonly outcome: string; readonly stage: string; readonly code: string | null } | null;
  readonly paused: string | null;
}

/**
 * A machine that plans are made for. Its states say in `meta.rejects` which codes each of their services may reject with.
 */
export interface PlanSubject {
  readonly machine: AnyStateMachine;
  readonly samples: Readonly<Record<string, readonly Sample<never, unknown>[]>>;
  readonly events: Readonly<Record<string, readonly EventSample<{ readonly type: string }>[]>>;
  /** Whether a service can reject with a code when it is asked this; always, unless given. */
  readonly mayReject?: (service: string, code: ErrorCode, input: unknown) => boolean;
  /** Makes one of values in the context that lead to the same, so that there are fewer places to walk; nothing, unless given. */
  readonly alike?: (value: unknown) => unknown;
  readonly factsOf: (context: unknown) => Facts;
}

/** What `meta` of a state says. */
export interface StateMeta {
  /** By service: every code that it may reject with. */
  readonly rejects?: Readonly<Record<string, readonly ErrorCode[]>>;
}
