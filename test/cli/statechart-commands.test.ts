import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PlanDocument } from '../../src/statechart/plans/index.ts';
import { core } from './support/core.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'core-statechart-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const run = (...args: string[]) => core(['statechart', ...args]);
const plansOf = async (machine: string): Promise<PlanDocument> =>
  JSON.parse((await run('paths', '--format', 'json', '--machine', machine)).out) as PlanDocument;

describe('core statechart paths', () => {
  it.each(['update', 'workload'])('prints the plans of the %s machine as JSON', async (machine) => {
    const document = await plansOf(machine);
    expect(document).toMatchObject({ schema: 1, machine });
    expect(document.plans.length).toBeGreaterThan(40);
  });

  it('prints text unless told, of the update machine unless told', async () => {
    const { exit, out, err } = await run('paths');
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toMatch(/^update: 16 states/);
  });

  it('prints a JUnit skeleton', async () => {
    const { out } = await run('paths', '--format', 'junit-skeleton', '--machine', 'workload');
    expect(out).toMatch(/^<\?xml version="1.0"[^]*<\/testsuites>\n$/);
  });

  it.each([
    ['--format', 'yaml'],
    ['--machine', 'sidecar'],
  ])('refuses %s %s', async (...args) => {
    expect(await run('paths', ...args)).toMatchObject({ exit: 2, out: '' });
  });
});

describe('core statechart export', () => {
  const ROOT = join(import.meta.dirname, '..', '..', 'statecharts');
  it.each(['update', 'workload'])('prints of %s what is checked in', async (machine) => {
    for (const format of ['svg', 'mmd', 'json', 'scxml']) {
      const { exit, out } = await run('export', '--machine', machine, '--format', format);
      expect({ exit, out }).toEqual({
        exit: 0,
        out: await readFile(join(ROOT, `${machine}.${format}`), 'utf8'),
      });
    }
    expect((await run('export', '--machine', machine, '--format', 'dot')).out).toMatch(
      /^digraph "\w+" \{\n[^]*\n\}\n$/,
    );
  });

  it('refuses a format that it does not have', async () => {
    expect(await run('export', '--format', 'png')).toMatchObject({ exit: 2 });
  });
});

describe('core statechart coverage', () => {
  const taken = (transition: string): string =>
    `${JSON.stringify({ machine: 'workload', level: 'machine', transition })}\n`;
  const coverage = (file: string, ...args: string[]) =>
    run('coverage', '--machine', 'workload', '--file', file, ...args);

  it('says in one line that there is no data, and ends with 1', async () => {
    const file = join(folder, 'none');
    expect(await coverage(file)).toEqual({
      exit: 1,
      out: '',
      err: `no test run has left anything about the workload statechart in ${file}: run the tests first\n`,
    });
  });

  it('merges the files of a folder, and ends with 1 while a transition is missing', async () => {
    const { transitions } = await plansOf('workload');
    const [last, ...others] = transitions.map(({ id }) => id).reverse();
    await writeFile(join(folder, 'a.jsonl'), others.slice(0, 5).map(taken).join(''));
    await writeFile(join(folder, 'b.jsonl'), others.slice(5).map(taken).join(''));
    await writeFile(join(folder, 'notes.txt'), 'not data');
    const partly = await coverage(folder);
    expect(partly.exit).toBe(1);
    expect(partly.out).toContain(`not covered: ${last ?? ''}\n`);
    await writeFile(join(folder, 'c.jsonl'), taken(last ?? ''));
    const whole = await coverage(folder, '--json');
    expect(whole.exit).toBe(0);
    expect(JSON.parse(whole.out)).toMatchObject({ machine: 'workload', covered: transitions.length });
  });

  it('takes one file as well, and refuses one that holds something else', async () => {
    const file = join(folder, 'one.jsonl');
    await writeFile(file, taken('stopped/START/otherwise'));
    expect((await coverage(file)).out).toMatch(/^workload: 1 of \d+ transitions/);
    await writeFile(file, 'nonsense\n');
    expect(await coverage(file)).toMatchObject({ exit: 2, out: '' });
  });
});
