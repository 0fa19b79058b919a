import { expect, it } from 'vitest';
import { benchVerify } from '../../bench/verify.ts';

// Noise, so that bundle and program are of one size; more than what a collector lets lie about before it begins.
const BYTES = 100_000_000;

it('verifying and staging holds at most 64 MiB above idle, and the bench measures it', async () => {
  const [result] = await benchVerify({ sizes: [], noise: [BYTES], rounds: 1 });
  expect(result).toMatchObject({ name: '100 MB noise', bytes: BYTES });
  expect(result?.bundleBytes).toBeGreaterThan((BYTES * 4) / 3);
  expect(result?.peakBytes).toBeGreaterThan(0);
  expect(result?.peakBytes).toBeLessThan(64 * 1024 ** 2);
  expect(result?.verifySeconds).toBeGreaterThan(0);
}, 120_000);
