import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/services/ports.ts';

/** A clock, and a way to let time go by (nothing to do for a real one). */
export interface ClockWorld {
  readonly clock: Clock;
  readonly elapse: (ms: number) => Promise<void>;
}

/** What every {@link Clock} keeps. */
export function clockContract(name: string, make: () => ClockWorld): void {
  const never = (): AbortSignal => new AbortController().signal;

  describe(`clock: ${name}`, () => {
    it('tells the time since 1970 in milliseconds', () => {
      const now = make().clock.now();
      expect(now).toBeGreaterThan(Date.UTC(2024, 0, 1));
      expect(now).toBeLessThan(Date.UTC(2200, 0, 1));
    });

    it('never goes back on the monotonic clock', () => {
      const { clock } = make();
      const times = Array.from({ length: 100 }, () => clock.monotonic());
      expect(times).toEqual([...times].sort((a, b) => a - b));
    });

    it('sleeps for at least the time asked for', async () => {
      const { clock, elapse } = make();
      const before = clock.monotonic();
      const sleep = clock.sleep(30, never());
      await elapse(30);
      await sleep;
      expect(clock.monotonic() - before).toBeGreaterThanOrEqual(30);
    });

    it('wakes the shorter sleep first', async () => {
      const { clock, elapse } = make();
      const woken: string[] = [];
      const sleeps = [
        clock.sleep(60, never()).then(() => woken.push('long')),
        clock.sleep(5, never()).then(() => woken.push('short')),
      ];
      await elapse(60);
      await Promise.all(sleeps);
      expect(woken).toEqual(['short', 'long']);
    });

    it('does not sleep for no time at all', async () => {
      await expect(make().clock.sleep(0, never())).resolves.toBeUndefined();
    });

    it('rejects a sleep with CANCELLED when the signal fires', async () => {
      const { clock } = make();
      const controller = new AbortController();
      const sleep = clock.sleep(3_600_000, controller.signal);
      controller.abort();
      await expect(sleep).rejects.toMatchObject({ name: 'UpdateError', code: 'CANCELLED' });
      await expect(clock.sleep(0, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    });

    it('draws numbers in [0, 1)', () => {
      const { clock } = make();
      for (let draw = 0; draw < 100; draw += 1) {
        const number = clock.random();
        expect(number).toBeGreaterThanOrEqual(0);
        expect(number).toBeLessThan(1);
      }
    });
  });
}
