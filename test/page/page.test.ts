import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { buildPage, readPictures } from '../../scripts/page.ts';
import { assemblePage } from '../../src/control/page/assemble.ts';
import { pageFiles } from '../../src/control/page/files.ts';
import { PAGE_HEADERS } from '../../src/control/page/headers.ts';

const LIMIT = 60 * 1024;

describe('the files of the page', () => {
  it('are less than 60 KiB compressed, the chart among them', async () => {
    const files = await buildPage((await readPictures()).update);
    expect(Object.keys(files).sort()).toEqual(['/', '/page/icon.svg', '/page/main.js', '/page/page.css']);
    const size = Object.values(files).reduce((sum, { body }) => sum + gzipSync(body).length, 0);
    expect(size).toBeLessThan(LIMIT);
    expect(files['/']?.body).toContain('id="state-probing"');
    expect(files['/page/page.css']?.body).toContain('.chart');
    expect(await buildPage((await readPictures()).update)).toEqual(files);
  });

  it('hold no inline script, style or handler, and name nothing outside', async () => {
    for (const files of [await pageFiles(), await buildPage((await readPictures()).update)]) {
      const html = files['/']?.body ?? '';
      expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc="\/page\/)|javascript:/i);
      for (const { body } of Object.values(files))
        expect(body.replaceAll(/http:\/\/www\.w3\.org\/\S+/g, '')).not.toMatch(/https?:\/\//);
    }
  });

  it('are the same from source, module by module', async () => {
    const files = await pageFiles();
    expect(files['/page/main.js']?.body).toContain("from './text.ts'");
    expect(files['/page/text.ts']?.type).toBe('text/javascript; charset=utf-8');
    for (const [path, { body }] of Object.entries(files))
      for (const [, name = ''] of path.startsWith('/page/') ? body.matchAll(/from '\.\/([^']+)'/g) : [])
        expect(files, `${path} needs ${name}`).toHaveProperty([`/page/${name}`]);
  });

  it('are refused where the chart cannot be put into them', () => {
    const sources = {
      html: '<!-- chart -->',
      css: '',
      icon: '',
      chart: '<svg><style>/* rules */a{}</style>\n</svg>',
      scripts: {},
    };
    expect(assemblePage(sources)['/']?.body).toBe('<svg></svg>');
    expect(assemblePage(sources)['/page/page.css']?.body).toBe('a{}\n');
    expect(() => assemblePage({ ...sources, html: '' })).toThrow('expected <!-- chart -->');
    expect(() => assemblePage({ ...sources, chart: '<svg/>' })).toThrow('/* rules */');
  });

  it('come with a policy that lets nothing else run', () => {
    const policy = PAGE_HEADERS['content-security-policy'];
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "frame-ancestors 'none'",
      "form-action 'none'",
      "require-trusted-types-for 'script'",
    ])
      expect(policy).toContain(rule);
    expect(policy).not.toContain('unsafe');
    expect(PAGE_HEADERS['x-content-type-options']).toBe('nosniff');
    expect(PAGE_HEADERS['referrer-policy']).toBe('no-referrer');
  });
});
