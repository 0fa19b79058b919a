import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fillMarks, refresh } from '../../scripts/statecharts.ts';

const FILES = [
  'statecharts/README.md',
  'statecharts/update.svg',
  'statecharts/update.scxml',
  'statecharts/update.mmd',
  'statecharts/update.json',
  'statecharts/workload.svg',
  'statecharts/workload.scxml',
  'statecharts/workload.mmd',
  'statecharts/workload.json',
];

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'charts-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

describe('refresh', () => {
  it('writes every file once, and then finds them fresh', async () => {
    expect(await refresh(root, 'write')).toEqual(FILES);
    expect(await refresh(root, 'check')).toEqual([]);
    expect(await readFile(join(root, 'statecharts/update.mmd'), 'utf8')).toContain(
      'staging --> waiting : done',
    );
    expect(await readFile(join(root, 'statecharts/README.md'), 'utf8')).not.toContain('xstate.');
  });

  it('names what is stale, and changes nothing when it only checks', async () => {
    expect(await refresh(root, 'check')).toEqual(FILES);
    expect(await refresh(root, 'check')).toEqual(FILES);
    await refresh(root, 'write');
    await writeFile(join(root, 'statecharts/update.json'), '{}');
    expect(await refresh(root, 'check')).toEqual(['statecharts/update.json']);
  });

  it('keeps the picture in the README, between its marks', async () => {
    await writeFile(
      join(root, 'README.md'),
      'a\n<!-- statechart:update -->\nold\n<!-- /statechart:update -->\nb\n',
    );
    expect(await refresh(root, 'write')).toEqual([...FILES, 'README.md']);
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    expect(readme).toMatch(
      /^a\n<!-- statechart:update -->\n```mermaid\nstateDiagram-v2\n[^]*```\n<!-- \/statechart:update -->\nb\n$/,
    );
    expect(await refresh(root, 'check')).toEqual([]);
  });
});

describe('fillMarks', () => {
  it('leaves a text without marks alone, and refuses half a pair', () => {
    expect(fillMarks('text', 'update', 'x')).toBe('text');
    expect(() => fillMarks('<!-- statechart:update -->', 'update', 'x')).toThrow(RangeError);
    expect(() => fillMarks('<!-- /statechart:a --><!-- statechart:a -->', 'a', 'x')).toThrow(RangeError);
  });
});
