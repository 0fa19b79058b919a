import { fromPromise, type PromiseActorLogic } from 'xstate';

/**
 * A service that a machine declares and does not have: whoever runs the machine injects the real one with
 * `machine.provide({ actors })`. Run without it, it rejects, so that a missing service can never pass for a done one.
 *
 * @param name - the service's name, for the message
 */
export function undeclared<Output, Input>(name: string): PromiseActorLogic<Output, Input> {
  return fromPromise<Output, Input>(() =>
    Promise.reject(
      new Error(`service "${name}" was not provided: use machine.provide({ actors: { ${name} } })`),
    ),
  );
}
