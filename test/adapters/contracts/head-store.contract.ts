import { describe, expect, it } from 'vitest';
import type { HeadStore } from '../../../src/services/ports.ts';

/** What every head store does. `make` gives an empty one, and opens the same one again. */
export function describeHeadStore(
  name: string,
  make: (test: (store: HeadStore, reopen: () => Promise<HeadStore>) => Promise<void>) => Promise<void>,
): void {
  describe(`HeadStore: ${name}`, () => {
    it('has no head at first', () =>
      make(async (store) => {
        expect(await store.read('stable')).toBeNull();
      }));

    it('gives back the exact bytes, by channel, also when opened again', () =>
      make(async (store, reopen) => {
        await store.write('stable', Buffer.from('one'));
        await store.write('edge', Buffer.from([0, 255, 10]));
        await store.write('stable', Buffer.from('two'));
        for (const each of [store, await reopen()]) {
          expect(Buffer.from((await each.read('stable')) ?? []).toString()).toBe('two');
          expect([...((await each.read('edge')) ?? [])]).toEqual([0, 255, 10]);
        }
      }));

    it('gives back the tag of each channel’s head, also when opened again', () =>
      make(async (store, reopen) => {
        expect(await store.readTag('stable')).toBeNull();
        const tag = (etag: string, kid: string | null = null) => ({ etag, kid, sha256: 'a'.repeat(64) });
        await store.writeTag('stable', tag('"one"'));
        await store.writeTag('edge', tag('W/"two"', 'k'.repeat(43)));
        await store.writeTag('stable', tag('"three"'));
        for (const each of [store, await reopen()]) {
          expect(await each.readTag('stable')).toEqual(tag('"three"'));
          expect(await each.readTag('edge')).toEqual(tag('W/"two"', 'k'.repeat(43)));
        }
      }));
  });
}
