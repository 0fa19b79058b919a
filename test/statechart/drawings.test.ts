import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Graphviz } from '@hpcc-js/wasm-graphviz';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { ERROR_CODES } from '../../src/error-codes.ts';
import { updateMachine } from '../../src/machines/update.machine.ts';
import { workloadMachine } from '../../src/machines/workload.machine.ts';
import {
  describeChart,
  edgeId,
  HAPPY_PATHS,
  readChart,
  stateId,
  toDot,
  toScxml,
  toSvg,
} from '../../src/statechart/index.ts';
import { lampMachine } from './lamp.machine.ts';

const MACHINES = [
  ['update', updateMachine, HAPPY_PATHS.update],
  ['workload', workloadMachine, HAPPY_PATHS.workload],
  ['lamp', lampMachine, ['off', 'heating', 'lit', 'off']],
] as const;

async function draw(machine: AnyStateMachine, happyPath: readonly string[]): Promise<string> {
  const graphviz = await Graphviz.load();
  return toSvg(graphviz.layout(toDot(machine, { happyPath }), 'svg', 'dot'), machine);
}

/** The horizontal middle of a state's box in the picture. */
function middle(svg: string, name: string): number {
  const [, path = ''] = new RegExp(`id="${stateId(name)}"[^]*?<path d="([^"]+)"`).exec(svg) ?? [];
  const xs = [...path.matchAll(/(-?[\d.]+),-?[\d.]+/g)].map(([, x]) => Number(x));
  return (Math.min(...xs) + Math.max(...xs)) / 2;
}

describe.each(MACHINES)('the picture of %s', (_name, machine, happyPath) => {
  it('has every state and every edge once, by a stable id', async () => {
    const svg = await draw(machine, happyPath);
    const ids = [...svg.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const { states } = readChart(machine);
    for (const { name, transitions } of states) {
      expect(ids).toContain(stateId(name));
      for (const { target, kind } of transitions)
        if (target !== null)
          expect(
            ids.some(
              (id) =>
                id === edgeId(name, target, kind === 'error' ? 'error' : 'done') ||
                id === edgeId(name, target, 'event'),
            ),
            `${name} to ${target}`,
          ).toBe(true);
    }
  });

  it('names the guards and the services', async () => {
    const svg = await draw(machine, happyPath);
    for (const { services, transitions } of readChart(machine).states) {
      for (const service of services) expect(svg).toContain(service);
      for (const { guard, target } of transitions)
        if (guard !== null && target !== null) expect(svg).toContain(`[${guard}]`);
    }
  });

  it('is always the same, and may stand on a page with a strict policy', async () => {
    const svg = await draw(machine, happyPath);
    expect(await draw(machine, happyPath)).toBe(svg);
    expect(svg).not.toMatch(/ style=| on\w+=|<script|xlink|<!DOCTYPE/);
    expect(svg.match(/<style>/g)).toHaveLength(1);
  });
});

describe('the pictures of the two machines', () => {
  it.each(MACHINES.slice(0, 2))(
    'run the good way of %s straight down the middle',
    async (_name, machine, happyPath) => {
      const svg = await draw(machine, happyPath);
      const line = middle(svg, happyPath[0]);
      for (const name of happyPath.slice(0, -1))
        expect(Math.abs(middle(svg, name) - line), name).toBeLessThan(3);
    },
  );

  it('tell failures apart by colour and by line', async () => {
    const svg = await draw(updateMachine, HAPPY_PATHS.update);
    expect(svg).toMatch(/id="edge-probing-rollingBack-error" class="edge error"/);
    expect(svg).toMatch(/id="state-failed" class="node state failure"/);
    expect(svg).toMatch(/id="edge-swapping-probing-done" class="edge done happy"/);
    expect(svg).toMatch(/\.edge\.error path \{ stroke: var\(--chart-bad\); stroke-dasharray/);
  });

  it('say of each state what it is for, and escape what would be markup', async () => {
    const svg = await draw(updateMachine, HAPPY_PATHS.update);
    expect(svg).toContain('<title>probing: Polls the health of the new version');
    expect(await draw(lampMachine, [])).toContain('<title>off: Dark | cold.</title>');
    expect(() => toSvg('<svg/>', updateMachine)).toThrow(RangeError);
  });
});

describe('describeChart', () => {
  it.each(MACHINES.slice(0, 2))(
    'explains every state, service, guard and error code of %s',
    (_name, machine) => {
      const { states, services, guards, errors } = describeChart(machine);
      for (const { name, description } of states) expect(description, name).toMatch(/.+\.$/);
      for (const [name, words] of [...Object.entries(services), ...Object.entries(guards)])
        expect(words, name).toMatch(/.+\.$/);
      const codes = states.flatMap(({ rejects }) => Object.values(rejects).flat());
      expect(Object.keys(errors).sort()).toEqual([...new Set(codes)].sort());
      for (const [code, row] of Object.entries(errors))
        expect(row).toEqual(ERROR_CODES[code as keyof typeof ERROR_CODES]);
    },
  );
});

const run = promisify(execFile);

async function hasXmllint(): Promise<boolean> {
  try {
    await run('xmllint', ['--version']);
    return true;
  } catch {
    return false;
  }
}

const canValidate = await hasXmllint();

async function validate(text: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'scxml-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, 'a.scxml');
  await writeFile(file, text);
  try {
    await run('xmllint', ['--noout', '--nonet', '--schema', join(import.meta.dirname, 'scxml.xsd'), file]);
    return '';
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr);
  }
}

describe('toScxml', () => {
  it.skipIf(!canValidate).each(MACHINES)('is a valid document of %s (xmllint)', async (_name, machine) => {
    expect(await validate(toScxml(machine))).toBe('');
  });

  it.skipIf(!canValidate)(
    'would be refused with an attribute, an event or an id that is wrong (xmllint)',
    async () => {
      const good = toScxml(updateMachine);
      expect(await validate(good.replace('<transition event="CHECK"', '<transition evnt="CHECK"'))).toContain(
        'evnt',
      );
      expect(await validate(good.replace('event="CHECK"', 'event="CHECK it"'))).toContain('CHECK it');
      expect(await validate(good.replace('id="idle"', 'id="checking"'))).toContain('checking');
    },
  );

  it.each(MACHINES)('leads only to states that %s has', (_name, machine) => {
    const text = toScxml(machine);
    const ids = [...text.matchAll(/<(?:state|final) id="([^"]+)"/g)].map(([, id]) => id);
    for (const [, target] of text.matchAll(/ (?:target|initial)="([^"]+)"/g)) expect(ids).toContain(target);
  });

  it('has the transitions of the machine, in its order', () => {
    for (const [, machine] of MACHINES.slice(0, 2)) {
      const text = toScxml(machine);
      const found = [...text.matchAll(/<transition ([^>]*?)\/?>/g)].map(
        ([, attributes = '']) => /target="([^"]+)"/.exec(attributes)?.[1] ?? null,
      );
      const { states, anywhere } = readChart(machine);
      expect(found).toEqual(
        [...anywhere, ...states.flatMap(({ transitions }) => transitions)].map(({ target }) => target),
      );
    }
  });

  it('writes what the others have not: delays, entry and exit, states in states', () => {
    const text = toScxml(lampMachine);
    expect(text).toContain('<send event="lit.after_500_ms" id="lit.after_500_ms" delay="500ms"/>');
    expect(text).toContain('delayexpr="patience()"');
    expect(text).toContain('<cancel sendid="lit.after_500_ms"/>');
    expect(text).toContain('<state id="lit.bright">');
    expect(text).toContain('<final id="end"/>');
    expect(text).toContain('event="done.state.lit"');
  });
});
