import { describe, expect, it } from 'vitest';
import { evenShare, SCENARIOS, simulate } from '../../scripts/simulate-load/fleet.ts';

const HOSTS = 2_000;
const BUCKET_MS = 300_000;

async function peak(name: string): Promise<{ readonly times: number; readonly total: number }> {
  const scenario = SCENARIOS.find((it) => it.name === name);
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  const { requests } = await simulate(scenario, HOSTS, 7, BUCKET_MS);
  const total = requests.reduce((sum, count) => sum + count, 0);
  return { times: Math.max(...requests) / evenShare(HOSTS, BUCKET_MS), total };
}

describe('a fleet never asks at once', () => {
  it.each([
    ['steady', 1.5],
    ['start', 2],
    // Each check asks up to five times while nobody answers, and none of it is made up for later.
    ['outage', 7],
    // Each check asks for the whole head too.
    ['expiry', 3],
    ['window', 2],
  ])('%s: at most %f times the even share in any five minutes', async (name, most) => {
    const { times, total } = await peak(name);
    expect(total).toBeGreaterThanOrEqual(HOSTS);
    expect(times).toBeLessThan(most);
  });

  it('and the same seed plays the same story', async () => {
    expect(await peak('start')).toEqual(await peak('start'));
  });
});
