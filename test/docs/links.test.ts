/** Every link of the documentation leads somewhere, headings included, and every page is reached from the README. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const read = async (page: string): Promise<string> =>
  (await readFile(page, 'utf8')).replaceAll(/^ *```.*?^ *```$/gms, '');

const inFolder = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.md')).map((name) => join(folder, name));

/** The id that GitHub gives a heading. */
function anchorOf(heading: string): string {
  const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return words
    .trim()
    .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
    .replaceAll(' ', '-');
}

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'statecharts/README.md',
  ...(await inFolder('docs')),
  ...(await inFolder('docs/decisions')),
];
const TEXTS = new Map(await Promise.all(PAGES.map(async (page) => [page, await read(page)] as const)));

/** The links of a page to files of the project. */
function linksOf(page: string): { readonly file: string; readonly anchor: string; readonly link: string }[] {
  return [...(TEXTS.get(page) ?? '').matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [path = '', anchor = ''] = link.split('#');
    return [{ file: path === '' ? page : normalize(join(dirname(page), path)), anchor, link }];
  });
}

describe('the documentation', () => {
  it.each(PAGES)('%s links to what is there', (page) => {
    for (const { file, anchor, link } of linksOf(page)) {
      expect(existsSync(file), link).toBe(true);
      const text = TEXTS.get(file);
      if (anchor === '' || text === undefined) continue;
      const headings = [...text.matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
      expect(headings, link).toContain(anchor);
    }
  });

  it('is reached from the README, every page of it', () => {
    const reached = new Set(['README.md']);
    // A set may grow while it is gone through.
    for (const page of reached) for (const { file } of linksOf(page)) if (TEXTS.has(file)) reached.add(file);
    expect(PAGES.filter((page) => !reached.has(page))).toEqual([]);
  });
});
