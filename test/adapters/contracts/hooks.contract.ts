import { describe, expect, it } from 'vitest';
import type { HookFacts, Hooks } from '../../../src/services/ports.ts';

/** Facts for tests. */
export const hookFacts: HookFacts = {
  attempt: { id: 'attempt-1', trigger: 'schedule', mode: 'apply' },
  plan: {
    from: { origin: 'baseline', version: '1.0.0' },
    to: { origin: 'store', version: '1.1.0', digest: 'a'.repeat(64) },
  },
  outcome: null,
  error: null,
};

/** What a hook does; it says `said` before it ends. */
export type HookBehaviour =
  | { readonly exits: number }
  | { readonly killed: true }
  | { readonly hangs: true }
  | { readonly missing: true };

/** Makes hooks of which `pre_swap` and `post_commit` do that, and `post_rollback` is not configured. */
type Make = (does: HookBehaviour, test: (hooks: Hooks) => Promise<void>) => Promise<void>;

/** What every {@link Hooks} keeps. */
export function hooksContract(name: string, make: Make): void {
  const never = (): AbortSignal => new AbortController().signal;

  describe(`Hooks: ${name}`, () => {
    it('do nothing where none is configured', () =>
      make({ exits: 1 }, async (hooks) => {
        await expect(hooks.run('post_rollback', hookFacts, never())).resolves.toBeUndefined();
      }));

    it('are done when they end with 0, again too', () =>
      make({ exits: 0 }, async (hooks) => {
        await expect(hooks.run('pre_swap', hookFacts, never())).resolves.toBeUndefined();
        await expect(hooks.run('pre_swap', hookFacts, never())).resolves.toBeUndefined();
      }));

    it('put the update off by exit 75, and only before the swap', () =>
      make({ exits: 75 }, async (hooks) => {
        await expect(hooks.run('pre_swap', hookFacts, never())).rejects.toMatchObject({
          name: 'UpdateError',
          code: 'HOOK_DEFERRED',
        });
        await expect(hooks.run('post_commit', hookFacts, never())).rejects.toMatchObject({
          code: 'HOOK_FAILED',
        });
      }));

    it.each<[string, HookBehaviour]>([
      ['end with another code', { exits: 3 }],
      ['are killed', { killed: true }],
      ['take too long', { hangs: true }],
      ['are not there', { missing: true }],
    ])('fail when they %s', (_, does) =>
      make(does, async (hooks) => {
        await expect(hooks.run('pre_swap', hookFacts, never())).rejects.toMatchObject({
          name: 'UpdateError',
          code: 'HOOK_FAILED',
        });
      }),
    );

    it('are not run once the signal has fired', () =>
      make({ exits: 0 }, async (hooks) => {
        await expect(hooks.run('pre_swap', hookFacts, AbortSignal.abort())).rejects.toMatchObject({
          code: 'CANCELLED',
        });
      }));

    it('end when the signal fires', () =>
      make({ hangs: true }, async (hooks) => {
        const controller = new AbortController();
        const running = hooks.run('pre_swap', hookFacts, controller.signal);
        controller.abort();
        await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
      }));
  });
}
