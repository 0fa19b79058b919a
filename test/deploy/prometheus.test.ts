import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { familiesOf, metricsOn } from '../daemon/metric-fixture.ts';
import { trustingRig } from '../services/head-fixture.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const run = promisify(execFile);

/** Every name of a series that the daemon can expose: those of histograms have their endings. */
let known: ReadonlySet<string>;
beforeAll(async () => {
  const metrics = await metricsOn(await trustingRig(), { process: true });
  const { body } = await metrics.scrape();
  known = new Set(
    [...familiesOf(body)].flatMap(([name, type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
});

/** The names of series in an expression: words that stand for no label, function or keyword. */
const namesIn = (expr: string): string[] =>
  [...expr.matchAll(/\b(coresdk_\w+|process_\w+|nodejs_\w+)/g)].map(([name]) => name);

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

async function rulesIn(file: string): Promise<Rule[]> {
  const { groups } = parse(await readFile(file, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

describe('the alert rules', () => {
  it('use only metrics that there are', async () => {
    const rules = await rulesIn(join(DEPLOY, 'prometheus/alerts.yaml'));
    const unknown = rules.flatMap(({ alert, expr }) =>
      namesIn(expr).flatMap((name) => (known.has(name) ? [] : [`${alert}: ${name}`])),
    );
    expect(rules.every(({ expr }) => namesIn(expr).length > 0)).toBe(true);
    expect(unknown).toEqual([]);
  });

  it('have a severity and words, and a case each', async () => {
    const rules = await rulesIn(join(DEPLOY, 'prometheus/alerts.yaml'));
    const cases = await Promise.all(
      ['alerts.test.yaml', 'alerts-slow.test.yaml'].map((file) =>
        readFile(join(DEPLOY, 'prometheus', file), 'utf8'),
      ),
    );
    for (const { alert, labels, annotations } of rules) {
      expect(['info', 'warning', 'critical'], alert).toContain(labels?.['severity']);
      expect(Object.keys(annotations ?? {}), alert).toEqual(['summary', 'description']);
      expect(cases.join('\n'), alert).toMatch(new RegExp(`alertname: ${alert}\\n`));
    }
  });
});

describe('the dashboard', () => {
  interface Panel {
    readonly title: string;
    readonly description: string;
    readonly targets: readonly { readonly expr: string }[];
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  }
  interface Dashboard {
    readonly panels: readonly Panel[];
    readonly annotations: { readonly list: readonly { readonly expr: string }[] };
    readonly templating: { readonly list: readonly { readonly definition?: string }[] };
  }
  let dashboard: Dashboard;
  beforeAll(async () => {
    dashboard = JSON.parse(await readFile(join(DEPLOY, 'grafana/coresdk-sidecar.json'), 'utf8')) as Dashboard;
  });
  const expressions = (): string[] => [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...dashboard.annotations.list.map(({ expr }) => expr),
    ...dashboard.templating.list.flatMap(({ definition }) => (definition === undefined ? [] : [definition])),
  ];

  it('uses only metrics that there are', () => {
    const all = expressions();
    expect(all.length).toBeGreaterThan(20);
    expect(all.filter((expr) => namesIn(expr).length === 0)).toEqual([]);
    expect(all.flatMap(namesIn).filter((name) => !known.has(name))).toEqual([]);
  });

  it('shows panels that say what they are, side by side', () => {
    const taken = new Set<string>();
    for (const { title, description, gridPos } of dashboard.panels) {
      expect(description, title).not.toBe('');
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(x, title).toBeLessThan(24);
          expect(taken.has(`${String(x)} ${String(y)}`), title).toBe(false);
          taken.add(`${String(x)} ${String(y)}`);
        }
    }
  });
});

const version = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);
if (!version && process.env['CI'] === undefined)
  console.log('skipped: promtool is not installed (apt-get install prometheus)');

describe.runIf(version || process.env['CI'] !== undefined)('promtool', () => {
  it('takes the rules, their cases, the scrape and each expression of the dashboard', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coresdk-promtool-'));
    try {
      const from = join(DEPLOY, 'prometheus');
      for (const file of await readdir(from)) await cp(join(from, file), join(folder, file));
      await run('promtool', ['check', 'rules', join(folder, 'alerts.yaml')]);
      await run('promtool', ['check', 'config', '--syntax-only', join(folder, 'scrape.yaml')]);

      const rules = parse(await readFile(join(folder, 'alerts.yaml'), 'utf8')) as {
        groups: { rules: Rule[] }[];
      };
      const bare = {
        groups: rules.groups.map((group) => ({
          ...group,
          rules: group.rules.map(({ annotations: _, ...rule }) => rule),
        })),
      };
      await writeFile(join(folder, 'alerts.yaml'), stringify(bare));
      const cases = ['alerts.test.yaml', 'alerts-slow.test.yaml'].map((file) => join(folder, file));
      await run('promtool', ['test', 'rules', ...cases]);

      const dashboard = JSON.parse(await readFile(join(DEPLOY, 'grafana/coresdk-sidecar.json'), 'utf8')) as {
        panels: { targets: { expr: string }[] }[];
      };
      const recorded = dashboard.panels
        .flatMap(({ targets }) => targets)
        .map(({ expr }, i) => ({
          record: `panel:${String(i)}`,
          expr: expr.replaceAll(/\$__(rate_interval|range)/g, '5m'),
        }));
      await writeFile(
        join(folder, 'panels.yaml'),
        stringify({ groups: [{ name: 'panels', rules: recorded }] }),
      );
      await run('promtool', ['check', 'rules', join(folder, 'panels.yaml')]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
