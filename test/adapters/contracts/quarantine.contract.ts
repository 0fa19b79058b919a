import { describe, expect, it } from 'vitest';
import type { Quarantine, QuarantineEntry } from '../../../src/services/ports.ts';

/** An entry for tests. */
export const quarantineEntry = (digit: string, at = 1000): QuarantineEntry => ({
  digest: digit.repeat(64),
  version: '1.2.0',
  at,
  attempt: 'attempt-1',
  reason: { code: 'PROBE_TIMEOUT', message: 'expected HTTP 200, found HTTP 500' },
  evidence: ['polls: 12', 'last: HTTP 500'],
});

/** What every quarantine does. `make` gives an empty one, and opens the same one again. */
export function describeQuarantine(
  name: string,
  make: (test: (quarantine: Quarantine, reopen: () => Promise<Quarantine>) => Promise<void>) => Promise<void>,
): void {
  describe(`Quarantine: ${name}`, () => {
    it('is empty at first', () =>
      make(async (quarantine) => {
        expect(await quarantine.list()).toEqual([]);
        expect(await quarantine.get('a'.repeat(64))).toBeNull();
      }));

    it('keeps an entry whole, also when opened again', () =>
      make(async (quarantine, reopen) => {
        await quarantine.add(quarantineEntry('a'));
        for (const each of [quarantine, await reopen()]) {
          expect(await each.get('a'.repeat(64))).toEqual(quarantineEntry('a'));
          expect(await each.get('b'.repeat(64))).toBeNull();
        }
      }));

    it('keeps the first entry of a release', () =>
      make(async (quarantine) => {
        await quarantine.add(quarantineEntry('a', 1));
        await quarantine.add(quarantineEntry('a', 2));
        expect((await quarantine.get('a'.repeat(64)))?.at).toBe(1);
      }));

    it('lists the newest first', () =>
      make(async (quarantine) => {
        for (const [digit, at] of [
          ['a', 5],
          ['b', 9],
          ['c', 7],
        ] as const)
          await quarantine.add(quarantineEntry(digit, at));
        expect((await quarantine.list()).map(({ at }) => at)).toEqual([9, 7, 5]);
      }));

    it('clears one entry, and says whether there was one', () =>
      make(async (quarantine, reopen) => {
        await quarantine.add(quarantineEntry('a'));
        await quarantine.add(quarantineEntry('b'));
        expect(await quarantine.clear('a'.repeat(64))).toBe(true);
        expect(await quarantine.clear('a'.repeat(64))).toBe(false);
        expect((await (await reopen()).list()).map(({ digest }) => digest)).toEqual(['b'.repeat(64)]);
      }));

    it('never takes a path for a digest', () =>
      make(async (quarantine) => {
        await expect(quarantine.add({ ...quarantineEntry('a'), digest: '../x' })).rejects.toMatchObject({
          code: 'QUARANTINE_FAILED',
        });
        expect(await quarantine.get('../x')).toBeNull();
        expect(await quarantine.clear('../x')).toBe(false);
      }));
  });
}
