import { describe, expect, it } from 'vitest';
import type { Succession } from '../../../src/services/ports.ts';
import type { Successor } from '../../../src/types.ts';
import { refusal } from '../../fixtures/refusal.ts';

/** A succession under test: the daemon of `old` runs, and `next` is a release in the store. */
export interface SuccessionWorld {
  readonly old: Succession;
  readonly next: Successor;
  /** Makes the next daemon fail its self-test. */
  readonly spoil: () => void;
  /** `become`, up to where this daemon is no more; resolves with the succession of the daemon that runs then. */
  readonly become: (attempt: string) => Promise<Succession>;
  /** The new daemon failed, and the old one was started again. */
  readonly fall: () => Promise<Succession>;
  /** The old daemon was started though the new one is on trial. */
  readonly instead: () => Promise<Succession>;
}

const NEVER = new AbortController().signal;

/** What every succession keeps to. */
export function successionContract(name: string, make: () => Promise<SuccessionWorld>): void {
  describe(`${name} (Succession)`, () => {
    it('tells of nothing while nothing is under way', async () => {
      const { old, next } = await make();
      expect(await old.state()).toEqual({ kind: 'none' });
      const running = await old.running();
      expect(running.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(running.sha256).not.toBe(next.sha256);
      expect(running.ref).toBeNull();
      expect(await old.origin()).toBeNull();
    });

    it('tests the next daemon', async () => {
      const world = await make();
      await world.old.selfTest(world.next, NEVER);
      world.spoil();
      expect(await refusal(world.old.selfTest(world.next, NEVER))).toBe('DAEMON_SELF_TEST_FAILED');
      expect(await world.old.state()).toEqual({ kind: 'none' });
    });

    it('is on trial from the moment that it becomes the next', async () => {
      const world = await make();
      const fresh = await world.become('id-1');
      expect(await fresh.state()).toEqual({
        kind: 'trial',
        attempt: 'id-1',
        successor: world.next,
        starts: 1,
        acknowledged: false,
      });
      expect(await fresh.running()).toMatchObject({ sha256: world.next.sha256, ref: world.next.ref });
      expect(await fresh.origin()).toEqual(world.next.ref);
    });

    it('remembers an acknowledgement, however often it is given', async () => {
      const world = await make();
      const fresh = await world.become('id-1');
      await fresh.acknowledge();
      await fresh.acknowledge();
      expect(await fresh.state()).toMatchObject({ kind: 'trial', acknowledged: true });
    });

    it('takes no acknowledgement of a daemon that is not on trial', async () => {
      const { old } = await make();
      await old.acknowledge();
      expect(await old.state()).toEqual({ kind: 'none' });
    });

    it('tells of the failure until it is settled', async () => {
      const world = await make();
      await world.become('id-1');
      const again = await world.fall();
      expect(await again.state()).toMatchObject({ kind: 'failed', attempt: 'id-1', successor: world.next });
      await again.settle();
      await again.settle();
      expect(await again.state()).toEqual({ kind: 'none' });
    });

    it('settles a trial of a daemon that does not run, and never that of the one that does', async () => {
      const world = await make();
      const fresh = await world.become('id-1');
      await fresh.settle();
      expect(await fresh.state()).toMatchObject({ kind: 'trial' });
      const instead = await world.instead();
      await instead.settle();
      expect(await instead.state()).toEqual({ kind: 'none' });
    });
  });
}
