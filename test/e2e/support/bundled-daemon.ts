import { basename, join } from 'node:path';
import { build } from 'esbuild';

/**
 * Makes one file out of a daemon that tests put something around, from the same sources: it starts more than twice as fast.
 *
 * @param folder - exists
 * @param entry - the module, absolute
 * @returns the path of the file, for node
 */
export async function bundledDaemon(folder: string, entry: string): Promise<string> {
  const outfile = join(folder, basename(entry).replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'esm',
    // Some of the libraries are CommonJS, and require what Node has.
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
    },
  });
  return outfile;
}
