import { describe, expect, it } from 'vitest';
import type { Approval, Approvals } from '../../../src/services/ports.ts';

/** An approval for tests. */
export const anApproval = (digit: string, at = 1000): Approval => ({
  digest: digit.repeat(64),
  version: '1.2.0',
  at,
});

/** Opens approvals that are empty at first, and the same ones again. */
type Make = (
  test: (approvals: Approvals, reopen: () => Promise<Approvals>) => Promise<void>,
) => Promise<void>;

/** What every {@link Approvals} keeps. */
export function approvalsContract(name: string, make: Make): void {
  const never = (): AbortSignal => new AbortController().signal;
  const approved = anApproval('a');

  describe(`Approvals: ${name}`, () => {
    it('are none at first', () =>
      make(async (approvals) => {
        expect(await approvals.get(approved.digest)).toBeNull();
      }));

    it('keep an approval whole, also when opened again', () =>
      make(async (approvals, reopen) => {
        await approvals.add(approved);
        for (const each of [approvals, await reopen()]) {
          expect(await each.get(approved.digest)).toEqual(approved);
          expect(await each.get('b'.repeat(64))).toBeNull();
        }
      }));

    it('keep the first approval of a release', () =>
      make(async (approvals) => {
        await approvals.add(anApproval('a', 1));
        await approvals.add(anApproval('a', 2));
        expect((await approvals.get(approved.digest))?.at).toBe(1);
      }));

    it('of releases that are superseded do no harm to the one that waits', () =>
      make(async (approvals) => {
        for (const digit of ['1', '2', '3']) await approvals.add(anApproval(digit));
        expect(await approvals.get(approved.digest)).toBeNull();
        await approvals.add(approved);
        await expect(approvals.approved(approved.digest, never())).resolves.toBeUndefined();
        expect(await approvals.get('1'.repeat(64))).toEqual(anApproval('1'));
      }));

    it('end a wait at once for what is approved already', () =>
      make(async (approvals, reopen) => {
        await approvals.add(approved);
        await expect((await reopen()).approved(approved.digest, never())).resolves.toBeUndefined();
      }));

    it('end every wait for a release once it is approved, and no other', () =>
      make(async (approvals) => {
        const ended: string[] = [];
        const wait = (digit: string, signal = never()): Promise<unknown> =>
          approvals.approved(digit.repeat(64), signal).then(() => ended.push(digit));
        const controller = new AbortController();
        const other = wait('b', controller.signal);
        const both = [wait('a'), wait('a')];
        await approvals.add(approved);
        await Promise.all(both);
        expect(ended).toEqual(['a', 'a']);
        controller.abort();
        await expect(other).rejects.toMatchObject({ code: 'CANCELLED' });
      }));

    it('end a wait with CANCELLED when the signal fires, before or while they wait', () =>
      make(async (approvals) => {
        const controller = new AbortController();
        const waiting = approvals.approved(approved.digest, controller.signal);
        controller.abort();
        await expect(waiting).rejects.toMatchObject({ name: 'UpdateError', code: 'CANCELLED' });
        await approvals.add(approved);
        await expect(approvals.approved(approved.digest, controller.signal)).rejects.toMatchObject({
          code: 'CANCELLED',
        });
      }));
  });
}
