import { describe, expect, it } from 'vitest';
import { cut, widthOf } from '../../src/cli/text-width.ts';

describe('the columns of a text', () => {
  it.each([
    ['', 0],
    ['1.2.0 → 1.3.0 ✓✗·›', 18],
    ['ünïcode', 7],
    ['e\u0301', 1],
    ['漢字', 4],
    ['かな한글', 8],
    ['ＡＢ', 4],
    ['🎉', 2],
    ['a\u200Bb', 2],
  ])('%j takes %i', (text, columns) => {
    expect(widthOf(text)).toBe(columns);
  });

  it.each([
    ['abc', 2, 'ab'],
    ['abc', 3, 'abc'],
    ['漢字', 3, '漢'],
    ['a🎉', 2, 'a'],
    ['abc', 0, ''],
    ['abc', -1, ''],
  ])('of %j as many as fit into %i are %j', (text, columns, taken) => {
    expect(cut(text, columns)).toBe(taken);
  });
});
