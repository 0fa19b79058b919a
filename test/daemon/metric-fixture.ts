import { loadConfig, type Config } from '../../src/config/index.ts';
import { createMetrics, type Metrics, type MetricsOptions } from '../../src/daemon/metrics.ts';
import type { Rig } from '../services/rig.ts';

/** One sample: `name{label="value"} 3`. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of a scrape; no more of the text format than prom-client writes. */
export function samplesOf(body: string): Sample[] {
  return body.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? [];
    if (name === undefined || line.startsWith('#')) return [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [
      key,
      text,
    ]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}

/** The name and type of every metric that is described. */
export function familiesOf(body: string): Map<string, string> {
  return new Map(
    [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
}

/** The configuration without a file and an environment. */
export async function defaultConfig(env: Record<string, string> = {}): Promise<Config> {
  return (await loadConfig({ path: '/nonexistent/sidecar.yaml', explicit: false, env, exists: () => false }))
    .config;
}

/** Metrics on a rig's ports. */
export async function metricsOn(rig: Rig, change: Partial<MetricsOptions> = {}): Promise<Metrics> {
  return createMetrics({
    ports: rig,
    config: await defaultConfig(),
    embedded: { version: '1.2.3', commit: 'abc', builtFrom: 0, trust: null, feedUrl: null },
    disabled: null,
    board: { nextCheck: () => ({ at: null, why: '' }), waiting: () => null, heldBack: () => null },
    lookAtHealth: () => Promise.resolve({ healthy: true, detail: 'HTTP 200' }),
    paused: () => false,
    process: false,
    ...change,
  });
}
