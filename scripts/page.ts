/** Builds the live page for the program: one script, one style, one document with the statechart in it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { assemblePage, type PageFiles } from '../src/control/page/assemble.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, 'src', 'control', 'page', 'browser');

async function bundled(file: string, format: 'esm' | undefined): Promise<string> {
  const { outputFiles } = await esbuild({
    absWorkingDir: ROOT,
    entryPoints: [join(FOLDER, file)],
    bundle: true,
    ...(format === undefined ? {} : { format }),
    target: ['chrome120', 'firefox121', 'safari17.2'],
    minify: true,
    charset: 'utf8',
    write: false,
    logLevel: 'silent',
  });
  const [built] = outputFiles;
  if (built === undefined) throw new Error(`expected one file from esbuild for ${file}, found none`);
  return built.text;
}

/** The drawn statecharts, as `npm run statecharts` left them. */
export async function readPictures(): Promise<{ readonly update: string; readonly workload: string }> {
  const read = (name: string): Promise<string> => readFile(join(ROOT, 'statecharts', `${name}.svg`), 'utf8');
  return { update: await read('update'), workload: await read('workload') };
}

/**
 * Builds the page; always the same for the same sources.
 *
 * @param chart - the SVG of the update statechart
 */
export async function buildPage(chart: string): Promise<PageFiles> {
  const read = (name: string): Promise<string> => readFile(join(FOLDER, name), 'utf8');
  const html = (await read('index.html')).replaceAll(/\n\s+/g, '\n');
  return assemblePage({
    html,
    css: await bundled('page.css', undefined),
    icon: await read('icon.svg'),
    chart,
    scripts: { 'main.js': await bundled('main.ts', 'esm') },
  });
}
