import { expect, it } from 'vitest';
import { traceIdOf } from '../../src/daemon/trace-ids.ts';
import { startCollector } from '../daemon/trace-collector.ts';
import { createHost } from './support/host.ts';

it('an update by the built program is one trace at the collector, and its log lines name the same attempt', async () => {
  await using collector = await startCollector();
  await using host = await createHost({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  await host.publisher.publish({ version: '1.1.0' });
  await host.start();
  await host.until('1.1.0', ({ state, current }) => state === 'idle' && current.version === '1.1.0');
  await host.stop();

  const [attempt] = await attemptsIn(await host.log());
  expect(attempt).toBeDefined();
  const mine = collector.spans.filter(({ traceId }) => traceId === traceIdOf(attempt ?? ''));
  expect(mine.map(({ name }) => name)).toEqual([
    'checking',
    'downloading',
    'verifying',
    'staging',
    'waiting',
    'swapping',
    'probing',
    'committed',
    'attempt',
  ]);
  expect(mine.at(-1)?.attributes).toMatchObject({
    'coresdk.attempt.outcome': 'committed',
    'coresdk.attempt.to': '1.1.0',
  });
});

/** The attempts of which the log says that they were committed. */
async function attemptsIn(log: string): Promise<string[]> {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { attempt?: string; outcome?: string; time: string })
    .filter(({ outcome, time }) => outcome === 'committed' && new Date(time).toISOString() === time)
    .flatMap(({ attempt }) => (attempt === undefined ? [] : [attempt]));
}
