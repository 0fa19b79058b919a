/**
 * `npm run build:library`: the library and the CLI as JavaScript with types, in `dist/lib`: what package.json's `exports` and `bin` name.
 *
 * Invariant: no key is built in. The library trusts only what its embedder passes; its programs refuse every update, and say so.
 */
import { execFile } from 'node:child_process';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { factsOf } from './build/facts.ts';
import { ROOT } from './build/root.ts';
import { buildPage, readPictures } from './page.ts';

const OUT = join(ROOT, 'dist', 'lib');

/** Compiles `src/index.ts`, `src/main.ts` and all that they import into `dist/lib`, and nothing else: what was there goes. */
export async function buildLibrary(): Promise<void> {
  await rm(OUT, { recursive: true, force: true });
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.library.json')], {
    cwd: ROOT,
  });
  const put = (module: string, text: string): Promise<void> => writeFile(join(OUT, module), `${text}\n`);
  const embedded = await factsOf({ out: OUT, trust: null });
  await put('embedded.js', `export const embedded = ${JSON.stringify(embedded)};`);
  // A checkout reads these from its sources, which a package does not hold.
  const drawn = await readPictures();
  const page = JSON.stringify(await buildPage(drawn.update));
  await put('control/page/files.js', `const files = ${page};\nexport const pageFiles = async () => files;`);
  const all = JSON.stringify(drawn);
  await put('cli/pictures.js', `const all = ${all};\nexport const pictures = async () => all;`);
  const main = join(OUT, 'main.js');
  await writeFile(main, `#!/usr/bin/env node\n${await readFile(main, 'utf8')}`);
  await chmod(main, 0o755);
}

if (import.meta.main) await buildLibrary();
