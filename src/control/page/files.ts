/**
 * The files of the live page. The build replaces this module as a whole by one that holds them (`scripts/build.ts`); from source they
 * are read here, and the types are stripped from the script, so that nothing has to be built to work on it.
 */
import { readFile, readdir } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { assemblePage, type PageFiles } from './assemble.ts';

/** Reads the page. */
export async function pageFiles(): Promise<PageFiles> {
  const folder = join(import.meta.dirname, 'browser');
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const scripts: Record<string, string> = {};
  for (const name of await readdir(folder))
    if (name.endsWith('.ts'))
      scripts[name === 'main.ts' ? 'main.js' : name] = stripTypeScriptTypes(await read(name));
  return assemblePage({
    html: await read('index.html'),
    css: await read('page.css'),
    icon: await read('icon.svg'),
    chart: await readFile(join(import.meta.dirname, '..', '..', '..', 'statecharts', 'update.svg'), 'utf8'),
    scripts,
  });
}
