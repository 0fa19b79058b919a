/**
 * `npm run build -- --trust FILE`: makes one program out of `src`, with the publisher's public keys in it.
 *
 * Invariant: `src/embedded.ts` is replaced as a whole, so that the keys of a built program are exactly the trust file's. The
 * bytes depend on nothing but the sources, the locked dependencies, the pinned Node and the options.
 */
import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundled } from './build/bundle.ts';
import { writeExecutable } from './build/executable.ts';
import { factsOf } from './build/facts.ts';
import { HEADS } from './build/heads.ts';
import { BuildError, type BuildOptions, type Built } from './build/options.ts';
import { replacementsFor } from './build/replacements.ts';
import { hostArch } from './build/runtime.ts';

export { BuildError, type Arch, type BuildOptions, type Built, type Form } from './build/options.ts';

const PROGRAM = 'coresdk-sidecar';
const CLI = 'core';

/**
 * Builds the program: one executable file `coresdk-sidecar`, and `core` as a symbolic link to it.
 *
 * @throws BuildError where the trust file, the version or the feed URL is not valid, the sources do not build, or the Node that goes
 *   into it is not the pinned one
 * @example
 * await build({ out: 'dist', trust: 'trust.json', version: '1.2.0' });
 */
export async function build(options: BuildOptions): Promise<Built> {
  const { out, form = 'executable' } = options;
  const embedded = await factsOf(options);
  const replacements = await replacementsFor(embedded, options);
  const text = await bundled(options.entry ?? 'src/main.ts', HEADS[form], [replacements.plugin]);
  replacements.requireAllUsed();
  await mkdir(out, { recursive: true });
  let program = join(out, PROGRAM);
  if (form === 'executable') program = await writeExecutable(text, options.arch ?? hostArch(), out, PROGRAM);
  else {
    // A running program's file is not written over: the old one keeps its inode.
    await rm(program, { force: true });
    await writeFile(program, text, { mode: 0o755 });
  }
  await rm(join(out, CLI), { force: true });
  await symlink(PROGRAM, join(out, CLI));
  return { program, size: (await stat(program)).size, embedded };
}
const USAGE = 'usage: npm run build -- --trust FILE [--out dist] [--version X.Y.Z] [--feed-url URL]';

async function main(args: string[]): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        trust: { type: 'string' },
        out: { type: 'string', default: 'dist' },
        version: { type: 'string' },
        'feed-url': { type: 'string' },
      },
    }));
  } catch (error) {
    console.error(`build: ${error instanceof Error ? error.message : String(error)}; ${USAGE}`);
    return 2;
  }
  const { trust, out, version, 'feed-url': feedUrl } = values;
  if (trust === undefined) {
    console.error(
      `build: expected --trust FILE, the public keys to build in (core keys generate makes one); ${USAGE}`,
    );
    return 2;
  }
  try {
    const { program, size, embedded } = await build({ out, trust, version, feedUrl });
    const keys = embedded.trust?.keys.length ?? 0;
    const development = embedded.trust?.development === true ? ' DEVELOPMENT' : '';
    console.log(
      `${program}: ${embedded.version} (${embedded.commit}), ${String(size)} bytes, ${String(keys)}${development} public keys`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`build: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
