import { describe, expect, it } from 'vitest';
import { paced } from '../../src/adapters/rate-limit.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { refusal } from '../fixtures/refusal.ts';

const NEVER = new AbortController().signal;

async function* source(...sizes: number[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const size of sizes) yield await Promise.resolve(new Uint8Array(size));
}

describe('a rate', () => {
  it.each([1_024, 50_000, 1_000_000, 100_000_000])('of %i bytes a second is kept, and used', async (rate) => {
    const clock = createFakeClock();
    const total = rate * 4;
    const sizes = Array.from({ length: Math.ceil(total / 65_536) }, () => 65_536);
    const seen: { at: number; bytes: number }[] = [];
    const all = async (): Promise<void> => {
      let bytes = 0;
      for await (const chunk of paced(source(...sizes), rate, clock, NEVER)) {
        bytes += chunk.length;
        seen.push({ at: clock.monotonic(), bytes });
      }
    };
    const running = all();
    const expectedMs = (sizes.length * 65_536 * 1000) / rate;
    await clock.advance(expectedMs * 1.1 + 100);
    await running;
    expect(seen.at(-1)?.bytes).toBe(sizes.length * 65_536);
    // Never ahead of the rate by more than a tenth of a second, and never far behind.
    for (const { at, bytes } of seen) expect(bytes).toBeLessThanOrEqual((rate * (at + 101)) / 1000 + 1);
    expect(seen.at(-1)?.at).toBeLessThanOrEqual(expectedMs * 1.05 + 50);
  });

  it('is smooth: no piece is larger than a tenth of a second, and no gap longer than two', async () => {
    const clock = createFakeClock();
    const times: number[] = [];
    const all = async (): Promise<void> => {
      for await (const chunk of paced(source(65_536), 10_000, clock, NEVER)) {
        expect(chunk.length).toBeLessThanOrEqual(1_000);
        times.push(clock.monotonic());
      }
    };
    const running = all();
    await clock.advance(7_000);
    await running;
    for (let i = 1; i < times.length; i += 1) expect(times[i]! - times[i - 1]!).toBeLessThanOrEqual(200);
  });

  it('lets a wait be ended, and lets go of the source', async () => {
    const clock = createFakeClock();
    const ended = new AbortController();
    let released = false;
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for (;;) yield await Promise.resolve(new Uint8Array(1_000));
      } finally {
        released = true;
      }
    }
    const all = async (): Promise<void> => {
      for await (const _ of paced(endless(), 1_024, clock, ended.signal));
    };
    const running = refusal(all());
    await clock.advance(500);
    expect(clock.sleeping).toBe(1);
    ended.abort();
    expect(await running).toBe('CANCELLED');
    expect(released).toBe(true);
  });
});
