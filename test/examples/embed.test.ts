import { expect, it } from 'vitest';
import { main } from '../../examples/embed.ts';

it('the example of embedding updates, goes back from a broken release, and says so', async () => {
  const lines: string[] = [];
  await main((line) => lines.push(line));
  expect(lines).toEqual(
    expect.arrayContaining([
      'started; it says: hello from the start',
      'committed: hello from 1.1.0\n  now 1.1.0 says: hello from 1.1.0',
      expect.stringMatching(/^rolledBack: .*last seen: bye\n {2}now 1\.1\.0 says: hello from 1\.1\.0$/),
      'in quarantine: 1.2.0, because of PROBE_TIMEOUT',
    ]),
  );
  const states = lines.filter((line) => line.startsWith('  … ') && !line.includes('unhealthy'));
  const walk = ['checking', 'downloading', 'verifying', 'staging', 'waiting', 'swapping', 'probing'];
  expect(states.map((line) => line.slice(4))).toEqual([
    'recovering',
    ...walk,
    'committed',
    ...walk,
    'rollingBack',
    'rolledBack',
  ]);
});
