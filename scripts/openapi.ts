/** `npm run openapi`: writes `docs/openapi.json` from the table of routes; `--check` exits 1 when it is stale. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openApiText } from '../src/control/openapi.ts';

const FILE = join(import.meta.dirname, '..', 'docs', 'openapi.json');
const text = openApiText();

if (process.argv.includes('--check')) {
  if ((await readFile(FILE, 'utf8').catch(() => '')) !== text) {
    console.error('docs/openapi.json is stale: run `npm run openapi`');
    process.exitCode = 1;
  } else console.log('docs/openapi.json is fresh');
} else await writeFile(FILE, text);
