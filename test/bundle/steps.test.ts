import { describe, expect, it } from 'vitest';
import type { Head } from '../../src/bundle/head.ts';
import { nextRelease } from '../../src/bundle/steps.ts';
import { headClaims } from '../fixtures/forge.ts';

const head = (...steps: string[]): Head => {
  const claims = JSON.parse(headClaims(0, { version: '4.0.0' }).toString()) as Head;
  return { ...claims, steps: steps.map((version) => ({ version, targets: claims.targets })) };
};
const next = (it: Head, current: string, updater: string): string => {
  const found = nextRelease(it, current, updater);
  return found.kind === 'updaterTooOld' ? `too old: ${found.step}` : `${found.kind} ${found.release.version}`;
};

describe('nextRelease', () => {
  it('is the newest where there is no step', () => {
    expect(next(head(), '1.0.0', '1.0.0')).toBe('newest 4.0.0');
    const { steps: _, ...none } = head();
    expect(next(none, '1.0.0', '1.0.0')).toBe('newest 4.0.0');
  });

  it.each([
    ['1.0.0', '1.0.0', 'step 2.0.0'],
    ['1.9.9', '1.0.0', 'step 2.0.0'],
    ['2.0.0', '2.0.0', 'step 3.0.0'],
    ['2.5.0', '2.5.0', 'step 3.0.0'],
    ['3.0.0', '3.0.0', 'newest 4.0.0'],
    ['3.9.0', '3.9.0', 'newest 4.0.0'],
  ])('is the lowest step above what runs (%s) and the updater (%s): %s', (current, updater, found) => {
    expect(next(head('3.0.0', '2.0.0'), current, updater)).toBe(found);
  });

  it('is the newest for an updater that is past all steps, whatever runs', () => {
    expect(next(head('2.0.0', '3.0.0'), '0.0.0-0', '3.0.0')).toBe('newest 4.0.0');
  });

  it('is none while the step runs and the updater is still the one before: no step is left out', () => {
    expect(next(head('2.0.0', '3.0.0'), '2.0.0', '1.0.0')).toBe('too old: 2.0.0');
    expect(next(head('2.0.0', '3.0.0'), '2.5.0', '1.0.0')).toBe('too old: 2.0.0');
    expect(next(head('2.0.0', '3.0.0'), '3.5.0', '2.0.0')).toBe('too old: 3.0.0');
  });

  it('passes over steps that are not on the way', () => {
    expect(next(head('4.0.0', '5.0.0'), '1.0.0', '1.0.0')).toBe('newest 4.0.0');
  });

  it('compares versions as versions', () => {
    expect(next(head('1.10.0', '1.9.0'), '1.8.0', '1.8.0')).toBe('step 1.9.0');
  });
});
