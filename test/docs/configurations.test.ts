/** Every configuration that the documentation shows is one. */
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { resolveConfig } from '../../src/config/index.ts';
import type { ConfigFile } from '../../src/config/schema.ts';

interface Block {
  readonly page: string;
  readonly text: string;
}

async function blocks(): Promise<Block[]> {
  const pages = (await readdir('docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
  const found = await Promise.all(
    ['README.md', ...pages].map(async (page) => {
      const text = await readFile(page, 'utf8');
      return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = '']) => ({ page, text: block }));
    }),
  );
  return found.flat();
}

describe('a configuration in the documentation', async () => {
  const all = await blocks();

  it('is found', () => {
    expect(all.length).toBeGreaterThan(8);
  });

  it.each(all)('of $page loads', ({ text }) => {
    const settings = parse(text) as ConfigFile;
    expect(resolveConfig(settings, { env: {}, exists: () => false }).config).toBeTypeOf('object');
  });
});
