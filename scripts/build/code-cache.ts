/**
 * V8's code cache of the parts of an executable.
 *
 * Invariants: the same code gives the same bytes (the cache holds hashes that start from a random seed, so the seed is fixed), and a
 * program that runs without that flag takes the cache: V8 leaves `--random-seed` out of what a cache must match. Both are tried here.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bundle } from './bundle.ts';
import { cacheOf, PARAMETERS } from './heads.ts';
import { BuildError } from './options.ts';

/** Makes what V8 puts into a cache the same in each run. */
export const SAME_EACH_TIME = '--random-seed=1';

const compile = (options: string): string =>
  `require('node:vm').compileFunction(fs.readFileSync(part.file, 'utf8'), ${JSON.stringify(PARAMETERS)}, { filename: part.name, ${options} })`;

const program = (body: string): string =>
  `const fs = require('node:fs'); for (const part of JSON.parse(process.argv[1])) { ${body} }`;

const MAKE = program(`fs.writeFileSync(part.cache, ${compile('produceCachedData: true')}.cachedData);`);
const TRY = program(
  `if (${compile('cachedData: fs.readFileSync(part.cache)')}.cachedDataRejected) throw new Error('V8 does not take the code cache of ' + part.name);`,
);

/**
 * Writes parts and their code caches into a folder.
 *
 * @param node - the Node that will run them
 * @param cached - false for another processor's: only the parts
 * @returns the files by the name of the asset
 * @throws BuildError where V8 would not take a cache
 */
export async function writeParts(
  folder: string,
  parts: ReadonlyMap<string, Bundle>,
  node: string,
  cached: boolean,
): Promise<Record<string, string>> {
  const assets: Record<string, string> = {};
  const written: { name: string; file: string; cache: string }[] = [];
  for (const [name, { text }] of parts) {
    const file = `part-${String(written.length)}.cjs`;
    written.push({ name, file, cache: cacheOf(file) });
    await writeFile(join(folder, file), text);
    assets[name] = file;
    if (cached) assets[cacheOf(name)] = cacheOf(file);
  }
  if (cached)
    try {
      const list = JSON.stringify(written);
      const { NODE_OPTIONS: _, ...env } = process.env;
      await promisify(execFile)(node, [SAME_EACH_TIME, '-e', MAKE, list], { cwd: folder, env });
      await promisify(execFile)(node, ['-e', TRY, list], { cwd: folder, env });
    } catch (error) {
      throw new BuildError(`cannot make the code cache: ${String(error)}`, { cause: error });
    }
  return assets;
}
