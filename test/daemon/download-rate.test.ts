import { beforeEach, describe, expect, it } from 'vitest';
import { createDownloadRate, type Rate } from '../../src/daemon/download-rate.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';

const TOTAL = 1_000_000;

let clock: FakeClock;
let rate: ReturnType<typeof createDownloadRate>;
beforeEach(() => {
  clock = createFakeClock();
  rate = createDownloadRate(clock);
});
/** A download that goes on from `from` bytes with so many a second for some seconds, told ten times a second. */
async function flow(from: number, perSecond: number, seconds: number): Promise<Rate> {
  let last = rate.seen(from, TOTAL);
  for (let tick = 1; tick <= seconds * 10; tick += 1) {
    await clock.advance(100);
    last = rate.seen(from + (perSecond * tick) / 10, TOTAL);
  }
  return last;
}

describe('the rate of a download', () => {
  it('is not known before half a second has passed', async () => {
    expect(rate.seen(0, TOTAL)).toEqual({ bytes_per_second: null, seconds_left: null });
    await clock.advance(499);
    expect(rate.seen(50_000, TOTAL)).toEqual({ bytes_per_second: null, seconds_left: null });
    await clock.advance(1);
    expect(rate.seen(50_000, TOTAL)).toEqual({ bytes_per_second: 100_000, seconds_left: 10 });
  });

  it('is steady where the download is', async () => {
    expect(await flow(0, 10_000, 3)).toEqual({ bytes_per_second: 10_000, seconds_left: 97 });
    expect(await flow(30_000, 10_000, 20)).toEqual({ bytes_per_second: 10_000, seconds_left: 77 });
  });

  it('is that of the last five seconds: an earlier one is forgotten', async () => {
    await flow(0, 100_000, 5);
    const soon = await flow(500_000, 1_000, 1);
    expect(soon.bytes_per_second).toBeGreaterThan(1_000);
    expect((await flow(501_000, 1_000, 6)).bytes_per_second).toBe(1_000);
  });

  it('is zero, without an end, where nothing comes any more', async () => {
    await flow(0, 100_000, 1);
    expect(await flow(100_000, 0, 6)).toEqual({ bytes_per_second: 0, seconds_left: null });
  });

  it('begins anew where the download does: it is never negative', async () => {
    await flow(0, 100_000, 5);
    expect(rate.seen(0, TOTAL)).toEqual({ bytes_per_second: null, seconds_left: null });
    expect(await flow(0, 1_000, 1)).toEqual({ bytes_per_second: 1_000, seconds_left: 999 });
  });

  it('counts only what came here where an earlier try had brought a part', async () => {
    expect(await flow(900_000, 10_000, 2)).toEqual({ bytes_per_second: 10_000, seconds_left: 8 });
  });

  it('is over when all is there', async () => {
    await flow(0, 500_000, 1);
    await clock.advance(1_000);
    expect(rate.seen(TOTAL, TOTAL)).toEqual({ bytes_per_second: 500_000, seconds_left: 0 });
  });
});
