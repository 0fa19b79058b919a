import { describe, expect, it } from 'vitest';
import type { ErrorRecord } from '../../../src/errors.ts';
import type { Pauses } from '../../../src/services/ports.ts';

/** Opens pauses that are not paused at first, and the same ones again. */
type Make = (test: (pauses: Pauses, reopen: () => Promise<Pauses>) => Promise<void>) => Promise<void>;

/** What every {@link Pauses} keeps. */
export function pausesContract(name: string, make: Make): void {
  const reason: ErrorRecord = {
    code: 'UPDATES_PAUSED',
    message: 'an operator paused updates: “quarter’s end”',
  };

  describe(`Pauses: ${name}`, () => {
    it('are none at first, and clearing none does nothing', () =>
      make(async (pauses) => {
        expect(await pauses.read()).toBeNull();
        await pauses.clear();
        expect(await pauses.read()).toBeNull();
      }));

    it('keep a pause with its reason, also when opened again', () =>
      make(async (pauses, reopen) => {
        await pauses.write(reason);
        for (const each of [pauses, await reopen()]) expect(await each.read()).toEqual(reason);
      }));

    it('keep the newest reason', () =>
      make(async (pauses) => {
        await pauses.write(reason);
        await pauses.write({ ...reason, message: 'another' });
        expect((await pauses.read())?.message).toBe('another');
      }));

    it('are cleared for good', () =>
      make(async (pauses, reopen) => {
        await pauses.write(reason);
        await pauses.clear();
        for (const each of [pauses, await reopen()]) expect(await each.read()).toBeNull();
      }));
  });
}
