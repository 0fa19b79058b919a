import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { clockContract } from './contracts/clock.contract.ts';

clockContract('system', () => ({ clock: systemClock, elapse: () => Promise.resolve() }));
clockContract('fake', () => {
  const clock = createFakeClock();
  return { clock, elapse: (ms) => clock.advance(ms) };
});

describe('the system clock', () => {
  it('does not end a sleep that is longer than a timer can be', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): number => warnings.push(name);
    process.on('warning', onWarning);
    const controller = new AbortController();
    const sleep = systemClock.sleep(2 ** 31 + 1000, controller.signal);
    // A timer over its limit fires after 1 ms, and Node warns.
    const first = await Promise.race([
      sleep.then(() => 'long'),
      systemClock.sleep(20, controller.signal).then(() => 'short'),
    ]);
    controller.abort();
    await expect(sleep).rejects.toMatchObject({ code: 'CANCELLED' });
    process.off('warning', onWarning);
    expect(first).toBe('short');
    expect(warnings).toEqual([]);
  });
});
