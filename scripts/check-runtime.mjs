/**
 * Checks the Node that the project pins (npm package `node`) against the SHA-256 that the repository pins. Everything else here
 * is run by that binary, so this script is plain JavaScript for any Node from 20 on, and is started by the Node that
 * runs npm (`$npm_node_execpath`): a binary must not vouch for itself.
 *
 * Usage: node scripts/check-runtime.mjs [--root DIR]
 * Ends with 0 where the binary is the pinned one, else with 1 and one line that says what was expected and found.
 */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));
const option = process.argv.indexOf('--root');
const root = option < 0 ? here : (process.argv[option + 1] ?? here);

/** @returns {Promise<string>} what was checked, for people */
async function check() {
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies?.node;
  if (typeof version !== 'string')
    throw new Error('package.json: expected the exact version of node as a devDependency');
  const sums = JSON.parse(readFileSync(join(root, 'scripts', 'node-checksums.json'), 'utf8'));
  const platform = `${process.platform}-${process.arch}`;
  const expected = sums[version]?.[platform];
  if (typeof expected !== 'string')
    throw new Error(
      `scripts/node-checksums.json pins no SHA-256 for node ${version} on ${platform}; ` +
        `known: ${Object.keys(sums[version] ?? {}).join(', ') || `other versions (${Object.keys(sums).join(', ')})`}`,
    );
  const binary = join('node_modules', 'node', 'bin', 'node');
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(join(root, binary)), hash);
  } catch (error) {
    throw new Error(
      `cannot read ${binary} (${error.code}); run npm ci with install scripts and devDependencies`,
      {
        cause: error,
      },
    );
  }
  const found = hash.digest('hex');
  if (found !== expected)
    throw new Error(
      `${binary} is not the pinned node ${version} for ${platform}: expected SHA-256 ${expected}, found ${found}; ` +
        'do not run it; delete node_modules and run npm ci again',
    );
  return `node ${version} ${platform} is the pinned one`;
}

/** `npm install --omit=dev` brings no Node along: then there is nothing to check. */
const omitted =
  process.env.npm_lifecycle_event === 'postinstall' &&
  (process.env.npm_config_omit ?? '').split(/\s+/).includes('dev');

if (omitted) console.log('check-runtime: devDependencies are omitted, so there is no pinned node to check');
else
  try {
    console.log(`check-runtime: ${await check()}`);
  } catch (error) {
    console.error(`check-runtime: ${error.message}`);
    process.exitCode = 1;
  }
