/**
 * Faults of the world at a port: a call that fails, waits, comes late, or finds something changed. They are put around the real
 * adapters; the services above them are the real ones and know nothing of it.
 *
 * Invariant: what a call rejects with is what its port may reject with: an `UpdateError`. An errno goes to the disk below the
 * call, and the adapter makes of it what it makes of any.
 */
import type { UpdateError } from '../../src/errors.ts';
import type { StepName } from '../../src/steps.ts';
import type { AnswerOf, ArgsOf, PortMethod } from './port-methods.ts';

/** Errors of a disk, by their names in `errno.h`. */
export type Errno = 'ENOSPC' | 'EDQUOT' | 'EIO' | 'EROFS' | 'EACCES' | 'EMFILE';

/** Which calls of a method are meant. */
export interface Where<Method extends PortMethod> {
  /** Only calls of this service. */
  readonly in?: StepName;
  /** Only calls with such arguments. */
  readonly when?: (...args: ArgsOf<Method>) => boolean;
  /** The first of them that is meant, counted from 1; 1 unless told. */
  readonly nth?: number;
  /** How many are meant from there on; 1 unless told. */
  readonly times?: number;
}

/** A call that meets a fault. */
export interface FaultyCall {
  readonly args: readonly unknown[];
  readonly signal: AbortSignal | null;
  /** Makes the call. */
  proceed(): Promise<unknown>;
  /** The monotonic clock jumps ahead, as if so many milliseconds had passed. */
  passTime(ms: number): void;
  /** Makes the call on a disk whose next change (for an `EIO`, whose next access) fails. */
  proceedOnBrokenDisk(errno: Errno): Promise<unknown>;
}

/** A fault, to be armed with `Faults.arm`. */
export interface Fault {
  /** For people: `VersionStore.activate fails with ENOSPC`. */
  readonly title: string;
  readonly method: PortMethod;
  readonly in: StepName | null;
  readonly when: (args: readonly unknown[]) => boolean;
  readonly nth: number;
  readonly times: number;
  readonly meet: (call: FaultyCall) => Promise<unknown>;
}

function fault<Method extends PortMethod>(
  method: Method,
  what: string,
  { in: step, when, nth = 1, times = 1 }: Where<Method>,
  meet: Fault['meet'],
): Fault {
  return {
    title: `${method}${step === undefined ? '' : ` in ${step}`} ${what}`,
    method,
    in: step ?? null,
    when: (args) => when?.(...(args as ArgsOf<Method>)) ?? true,
    nth,
    times,
    meet,
  };
}

/**
 * The call fails: with an `UpdateError` it is not made at all; with an errno it is made on a disk that fails so.
 *
 * @example
 * faults.arm(failing('VersionStore.activate', 'ENOSPC', { in: 'swap' }));
 */
export function failing<Method extends PortMethod>(
  method: Method,
  error: UpdateError | Errno,
  where: Where<Method> = {},
): Fault {
  return typeof error === 'string'
    ? fault(method, `fails with ${error}`, where, (call) => call.proceedOnBrokenDisk(error))
    : fault(method, `fails with ${error.code}`, where, () => Promise.reject(error));
}

/** The call fails as no port may: with an error that is no `UpdateError`. A fault of the program. */
export function breaking<Method extends PortMethod>(method: Method, where: Where<Method> = {}): Fault {
  return fault(method, 'breaks its port', where, () =>
    Promise.reject(new TypeError(`${method}: a fault of the program that the test put here`)),
  );
}

/**
 * `Clock.sleep` ends at once, and the monotonic clock is as late as if it had lasted.
 *
 * @param until - what has to have happened first
 */
export function hurrying(
  where: Where<'Clock.sleep'> = {},
  until: Promise<unknown> = Promise.resolve(),
): Fault {
  return fault('Clock.sleep', 'is over at once', where, async (call) => {
    await untilFired(call.signal, (resolve) => {
      void until.then(resolve);
    });
    if (call.signal?.aborted === true) return call.proceed();
    call.passTime(call.args[0] as number);
    return undefined;
  });
}

/** The call is made, and then fails all the same: its effect is there, its answer is lost. */
export function failingAfterwards<Method extends PortMethod>(
  method: Method,
  error: UpdateError,
  where: Where<Method> = {},
): Fault {
  return fault(method, `fails with ${error.code} once it is done`, where, async (call) => {
    await call.proceed();
    throw error;
  });
}

/** The call is not made; this is its answer. */
export function answering<Method extends PortMethod>(
  method: Method,
  answer: AnswerOf<Method>,
  where: Where<Method> = {},
): Fault {
  return fault(method, 'answers something else', where, () => Promise.resolve(answer));
}

/** Something happens right before the call. */
export function preceded<Method extends PortMethod>(
  method: Method,
  effect: (...args: ArgsOf<Method>) => void | Promise<void>,
  where: Where<Method> = {},
): Fault {
  return fault(method, 'finds something changed', where, async (call) => {
    await effect(...(call.args as ArgsOf<Method>));
    return call.proceed();
  });
}

/** Something happens right after the call, before its answer arrives. */
export function followed<Method extends PortMethod>(
  method: Method,
  effect: (answer: AnswerOf<Method>) => void | Promise<void>,
  where: Where<Method> = {},
): Fault {
  return fault(method, 'is followed by something', where, async (call) => {
    const answer = await call.proceed();
    await effect(answer as AnswerOf<Method>);
    return answer;
  });
}

/** The call is made `ms` milliseconds later, or once its signal fires. */
export function delayed<Method extends PortMethod>(
  method: Method,
  ms: number,
  where: Where<Method> = {},
): Fault {
  return fault(method, `comes ${String(ms)} ms late`, where, async (call) => {
    await untilFired(call.signal, (resolve) => setTimeout(resolve, ms));
    return call.proceed();
  });
}

/** A fault that holds calls until it is told to let them go. */
export interface Hold extends Fault {
  /** Resolves when the first call is held. */
  readonly reached: Promise<void>;
  /** Lets go what is held, and what comes later. */
  release(): void;
}

/** The call waits until it is released, or until its signal fires. */
export function holding<Method extends PortMethod>(method: Method, where: Where<Method> = {}): Hold {
  const reached = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  const held = fault(method, 'is held', where, async (call) => {
    reached.resolve(undefined);
    await untilFired(call.signal, (resolve) => {
      void released.promise.then(resolve);
    });
    return call.proceed();
  });
  return {
    ...held,
    reached: reached.promise,
    release: () => {
      released.resolve(undefined);
    },
  };
}

/** Resolves when `begin` says so, or when the signal fires: what was held must not keep a daemon from stopping. */
export function untilFired(signal: AbortSignal | null, begin: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    if (signal?.aborted === true) finish();
    else {
      signal?.addEventListener('abort', finish, { once: true });
      begin(finish);
    }
  });
}
