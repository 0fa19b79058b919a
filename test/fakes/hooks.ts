import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import type { UpdateError } from '../../src/errors.ts';
import type { HookFacts, HookName, Hooks } from '../../src/services/ports.ts';

/** Hooks that are only written down. */
export interface RecordingHooks extends Hooks {
  readonly runs: { readonly hook: HookName; readonly facts: HookFacts }[];
  /** Rejects the next runs of a hook while it is set. */
  readonly faults: Map<HookName, UpdateError>;
  /** Done while a hook runs. */
  meanwhile: (() => void | Promise<void>) | null;
}

/** @param calls - where runs are written down too, as `hook pre_swap` */
export function recordingHooks(calls: string[] = []): RecordingHooks {
  const hooks: RecordingHooks = {
    runs: [],
    faults: new Map(),
    meanwhile: null,
    run: async (hook, facts, signal) => {
      throwIfCancelled(signal);
      calls.push(`hook ${hook}`);
      hooks.runs.push({ hook, facts });
      await hooks.meanwhile?.();
      throwIfCancelled(signal);
      const fault = hooks.faults.get(hook);
      if (fault !== undefined) throw fault;
    },
  };
  return hooks;
}
