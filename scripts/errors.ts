/**
 * `npm run errors`: writes `docs/errors.md` and `docs/troubleshooting.md` from the table of codes; `--check` exits 1 when one of
 * them is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorTable } from './errors/table.ts';
import { troubleshooting } from './errors/troubleshooting.ts';

const DOCS = join(import.meta.dirname, '..', 'docs');
const FILES = { 'errors.md': errorTable, 'troubleshooting.md': troubleshooting };

for (const [name, make] of Object.entries(FILES)) {
  const file = join(DOCS, name);
  if (!process.argv.includes('--check')) await writeFile(file, make());
  else if ((await readFile(file, 'utf8').catch(() => '')) === make()) console.log(`docs/${name} is fresh`);
  else {
    console.error(`docs/${name} is stale: run \`npm run errors\``);
    process.exitCode = 1;
  }
}
