import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { backOffMs, persistently } from '../../src/services/retry.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { createFakeReporter } from '../fakes/reporter.ts';
import { refusal } from '../fixtures/refusal.ts';

const POLICY = { retries: 4, baseMs: 1000, capMs: 5000, retryAfterCapMs: 60_000 };
const NEVER = new AbortController().signal;

describe('the wait', () => {
  it('is anything from nothing to twice as much after each failure, up to the cap', () => {
    const longest = (failures: number): number => backOffMs(POLICY, failures, null, 1);
    expect([1, 2, 3, 4, 5, 50].map(longest)).toEqual([1000, 2000, 4000, 5000, 5000, 5000]);
    expect(backOffMs(POLICY, 3, null, 0)).toBe(0);
    expect(backOffMs(POLICY, 3, null, 0.25)).toBe(1000);
  });

  it('is never shorter than the server asked for, and never much longer than its cap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.option(fc.integer({ min: 0, max: 10 ** 9 })),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, afterMs, random) => {
          const wait = backOffMs(POLICY, failures, afterMs, random);
          expect(wait).toBeGreaterThanOrEqual(Math.min(afterMs ?? 0, POLICY.retryAfterCapMs));
          expect(wait).toBeLessThanOrEqual(POLICY.retryAfterCapMs + POLICY.capMs);
        },
      ),
    );
  });
});

describe('persistently', () => {
  const ports = (): {
    clock: ReturnType<typeof createFakeClock>;
    reporter: ReturnType<typeof createFakeReporter>;
  } => ({
    clock: createFakeClock(0, [0.5, 0.1]),
    reporter: createFakeReporter(),
  });
  const passing = (): UpdateError => new UpdateError('FEED_STALLED', 'nothing', { retry: { afterMs: null } });

  it('tries once where nothing says that it may pass, or nobody is to ask again', async () => {
    let tries = 0;
    const run = (error: UpdateError) => (): Promise<never> => {
      tries += 1;
      return Promise.reject(error);
    };
    const final = new UpdateError('FEED_REFUSED', 'HTTP 404');
    expect(await refusal(persistently(ports(), POLICY, NEVER, run(final)))).toBe('FEED_REFUSED');
    expect(await refusal(persistently(ports(), undefined, NEVER, run(passing())))).toBe('FEED_STALLED');
    expect(tries).toBe(2);
  });

  it('draws each wait anew, tells of it, and starts from the first when it has moved on', async () => {
    const { clock, reporter } = ports();
    let tries = 0;
    const running = persistently({ clock, reporter }, POLICY, NEVER, (moved) => {
      tries += 1;
      if (tries === 3) moved();
      return tries < 5 ? Promise.reject(passing()) : Promise.resolve('done');
    });
    await clock.advance(20_000);
    expect(await running).toBe('done');
    expect(reporter.of('retry').map(({ failures, waitMs }) => [failures, waitMs])).toEqual([
      [1, 500],
      [2, 200],
      [1, 500],
      [2, 200],
    ]);
  });

  it('ends a wait with the signal', async () => {
    const { clock, reporter } = ports();
    const ended = new AbortController();
    const running = persistently({ clock, reporter }, POLICY, ended.signal, () => Promise.reject(passing()));
    await clock.advance(1);
    expect(clock.sleeping).toBe(1);
    ended.abort();
    expect(await refusal(running)).toBe('CANCELLED');
  });
});
