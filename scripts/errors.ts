/** `npm run errors`: writes `docs/errors.md` from the table of codes; `--check` exits 1 when it is stale. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ERROR_CODES } from '../src/error-codes.ts';

const FILE = join(import.meta.dirname, '..', 'docs', 'errors.md');

const HEAD = `# Errors

Generated from \`src/error-codes.ts\` by \`npm run errors\`. Codes are stable. The exit code is the one of \`core\`.

| code | exit | tried again by itself | means | what to do |
|---|---|---|---|---|
`;

const rows = Object.entries(ERROR_CODES).map(
  ([code, { exit, retryable, means, next }]) =>
    `| \`${code}\` | ${String(exit)} | ${retryable ? 'yes' : 'no'} | ${means} | ${next.replaceAll('|', '\\|')} |\n`,
);
const text = HEAD + rows.join('');

if (process.argv.includes('--check')) {
  if ((await readFile(FILE, 'utf8').catch(() => '')) !== text) {
    console.error('docs/errors.md is stale: run `npm run errors`');
    process.exitCode = 1;
  } else console.log('docs/errors.md is fresh');
} else await writeFile(FILE, text);
