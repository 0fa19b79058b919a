import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  coverageOf,
  coverageText,
  generatePlans,
  junitSkeleton,
  planDocumentSchema,
  planSchemaText,
  plansText,
  readTaken,
  takenLine,
  updateSubject,
  workloadSubject,
} from '../../../src/statechart/plans/index.ts';

const SCHEMA = join(import.meta.dirname, '../../../statecharts/plans.schema.json');
const document = generatePlans(updateSubject);

describe('statecharts/plans.schema.json', () => {
  it('is fresh (else run `npm run plans`)', async () => {
    expect(await readFile(SCHEMA, 'utf8')).toBe(planSchemaText());
  });

  it('holds for both machines, once they are JSON', () => {
    for (const subject of [updateSubject, workloadSubject]) {
      const json: unknown = JSON.parse(JSON.stringify(generatePlans(subject)));
      expect(planDocumentSchema.parse(json)).toEqual(json);
    }
  });
});

describe('the text', () => {
  it('counts, groups by state, and says the way there', () => {
    const lines = plansText(document).split('\n');
    expect(lines[0]).toMatch(/^update: 16 states, \d+ transitions, \d+ plans \(/);
    expect(lines.filter((line) => /^[a-zA-Z]+ \(\d+\)$/.test(line))).toHaveLength(16);
    const at = lines.indexOf('  idle/watch.done/calm');
    expect(lines.slice(at + 1, at + 3)).toEqual([
      '      the watch is over, and the version did not crash again and again → idle',
      '      after: recover: nothingLeft, APPLY, download: whole, verify: genuine, stage: staged, gate: maySwap, swap: started, probe: healthy, commit: marked',
    ]);
  });
});

describe('the JUnit skeleton', () => {
  it('has a skipped test case a plan, and is well-formed', () => {
    const xml = junitSkeleton(document);
    expect(xml.match(/<testcase [^<>]*><skipped message="[^"<>]*"\/><\/testcase>/g)).toHaveLength(
      document.plans.length,
    );
    expect(xml).toContain(`tests="${String(document.plans.length)}"`);
    const tags = [...xml.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)].filter(([tag]) => !tag.endsWith('/>'));
    const open: string[] = [];
    for (const [, slash, name = ''] of tags)
      if (slash === '/') expect(open.pop()).toBe(name);
      else open.push(name);
    expect(open).toEqual([]);
  });

  it('escapes what XML keeps for itself', () => {
    const [plan] = document.plans;
    const odd = { ...document, plans: [{ ...plan!, title: `a "b" <c> & d` }] };
    expect(junitSkeleton(odd)).toContain('message="a &quot;b&quot; &lt;c&gt; &amp; d"');
  });
});

describe('coverage', () => {
  const line = (transition: string, level = 'machine', machine = 'update'): string =>
    takenLine({ machine, level, transition });

  it('merges levels, leaves other machines out, and names what is missing and what is unknown', () => {
    const text = [
      line('recovering/recover.error/otherwise'),
      line('recovering/recover.error/otherwise', 'real'),
      line('stopped/START/otherwise', 'machine', 'workload'),
      line('attic/GO/otherwise'),
    ].join('');
    const coverage = coverageOf(document, readTaken(text));
    expect(coverage).toMatchObject({
      covered: 1,
      levels: ['machine', 'real'],
      unknown: ['attic/GO/otherwise'],
    });
    const printed = coverageText(coverage);
    expect(printed).toMatch(/✓ recovering\/recover\.error\/otherwise +→ failed +machine, real/);
    expect(printed).toMatch(/^not covered: .*waiting\/gate\.done\/maySwap/m);
    expect(printed).toContain('not in this machine: attic/GO/otherwise');
  });

  it('leaves out a last line that was never finished, and refuses any other that is none', () => {
    expect(readTaken(`${line('a')}{"machine":"upd`)).toHaveLength(1);
    expect(() => readTaken('nonsense\n')).toThrow(SyntaxError);
  });
});
