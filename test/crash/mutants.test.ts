/** A guard against self-deception: each of these hosts does one thing wrong, and the enumeration says so. */
import { beforeAll, expect, it } from 'vitest';
import { explore } from './support/explorer.ts';
import { makeMaterial, type Material } from './support/material.ts';
import { MUTANTS } from './support/mutants.ts';
import { SCENARIOS } from './support/scenarios.ts';

const BOUNDS = { losses: 4, depth: 1, nested: 0, again: 0, onward: 0 };

let material: Material;
beforeAll(async () => {
  material = await makeMaterial();
});

it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
  'finds out when %s',
  { timeout: 120_000 },
  async (_, { scenario, mutation, says }) => {
    const found = SCENARIOS.find(({ name }) => name === scenario);
    if (found === undefined) throw new Error(`no scenario ${scenario}`);
    const { violations } = await explore(found, material, {
      bounds: BOUNDS,
      seed: 1,
      mutation,
      mostViolations: 1,
      fromTheEnd: true,
    });
    expect(violations.flatMap(({ lines }) => lines).join('\n')).toMatch(says);
  },
);
