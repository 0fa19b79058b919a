import { expect, it } from 'vitest';
import { readPoint, writePoint } from './support/crash-point.ts';
import { explore, replay } from './support/explorer.ts';
import { makeMaterial } from './support/material.ts';
import { MUTANTS } from './support/mutants.ts';
import { SCENARIOS } from './support/scenarios.ts';

it.each(['17:power', '17:kill', '0:kill!', '17:power!:3l,9z,12p'])('reads the crash point %s', (text) => {
  expect(writePoint(readPoint(text))).toBe(text);
});

it.each(['', 'x', '17', '17:burnt', '17:power:3q'])('refuses %j as a crash point', (text) => {
  expect(() => readPoint(text)).toThrow('expected a crash point');
});

it('goes the way of a violation again, from what was printed', async () => {
  const material = await makeMaterial();
  const mutation = MUTANTS.find(({ name }) => name.startsWith('heads/'))?.mutation ?? {};
  const scenario = SCENARIOS[1];
  if (scenario === undefined) throw new Error('no scenario');
  const bounds = { losses: 4, depth: 1, nested: 0, again: 0, onward: 0 };
  const found = await explore(scenario, material, {
    bounds,
    seed: 1,
    mutation,
    mostViolations: 1,
    fromTheEnd: true,
  });
  const [violation] = found.violations;
  const points = (violation?.points ?? []).map(writePoint).map(readPoint);
  const { lines, where } = await replay(scenario, material, points, mutation);
  expect(lines).toEqual(violation?.lines);
  expect(where).toEqual(violation?.where);
});
