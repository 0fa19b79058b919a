/** `EIO` and `ENOSPC` at the effects of every scenario; `npm run crash` does it at every single one. */
import { beforeAll, describe, expect, it } from 'vitest';
import { injectFaults } from './support/faults.ts';
import { makeMaterial, type Material } from './support/material.ts';
import { faultText } from './support/report.ts';
import { SCENARIOS } from './support/scenarios.ts';

/** The scenarios that differ in what they do on disk; the others only begin elsewhere. */
const TRIED = ['update over a stored version', 'sick release', 'operator’s rollback'];
const EVERY = 6;

let material: Material;
beforeAll(async () => {
  material = await makeMaterial();
});

describe('a host whose disk fails in', () => {
  it.each(
    SCENARIOS.filter(({ name }) => TRIED.includes(name)).map(
      (scenario) => [scenario.name, scenario] as const,
    ),
  )('%s keeps every invariant, and arrives once it is mended', { timeout: 120_000 }, async (_, scenario) => {
    const found = await injectFaults(scenario, material, { every: EVERY });
    expect(faultText(found)).toBe('');
    expect(found.runs).toBeGreaterThan(10);
  });
});
