import type { Hooks } from '../services/ports.ts';

/** The programs; null: none. */
export interface HookSettings {
  readonly preSwap: readonly string[] | null;
  readonly postCommit: readonly string[] | null;
  readonly postRollback: readonly string[] | null;
  readonly timeoutMs: number;
}

/** The operator's programs around a swap. */
export function createHooks(_settings: HookSettings): Hooks {
  return { run: () => Promise.resolve() };
}
