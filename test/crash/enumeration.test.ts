/**
 * Every scenario is crashed at every effect, in every way that a power cut or a kill allows (up to a bound, then sampled with a fixed
 * seed), and what recovers is crashed again, to depth 3. `npm run crash` explores more.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { explore } from './support/explorer.ts';
import { makeMaterial, type Material } from './support/material.ts';
import { violationText } from './support/report.ts';
import { SCENARIOS } from './support/scenarios.ts';

const SEED = 1;
const BOUNDS = { losses: 2, depth: 3, nested: 0.4, again: 0.1, onward: 0.05 };

let material: Material;
beforeAll(async () => {
  material = await makeMaterial();
});

describe('a host that is crashed at every effect of', () => {
  it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    '%s keeps every invariant',
    { timeout: 120_000 },
    async (_, scenario) => {
      const { tally, violations } = await explore(scenario, material, { bounds: BOUNDS, seed: SEED });
      expect(violations.map(violationText)).toEqual([]);
      expect(tally.deepest).toBe(BOUNDS.depth);
    },
  );
});
