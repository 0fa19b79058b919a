/**
 * `npm run build -- --trust FILE`: makes one program out of `src`, with the publisher's public keys in it.
 *
 * Invariant: `src/embedded.ts` is replaced as a whole, so that the keys of a built program are exactly the trust file's. The
 * bytes depend on nothing but the sources, the locked dependencies, the pinned Node and the options.
 */
import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundled, merged, type Bundle } from './build/bundle.ts';
import { writeDocuments } from './build/documents.ts';
import { writeExecutable } from './build/executable.ts';
import { factsOf } from './build/facts.ts';
import { EXECUTABLE_HEAD, SCRIPT_HEAD } from './build/heads.ts';
import { ARCHS, BuildError, type Arch, type BuildOptions, type Built } from './build/options.ts';
import { Parts } from './build/parts.ts';
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
  const { plugin } = replacements;
  const entry = options.entry ?? 'src/main.ts';
  await mkdir(out, { recursive: true });
  const program = join(out, PROGRAM);
  const bundles: Bundle[] = [];
  if (form === 'executable') {
    const parts = new Parts([plugin]);
    const main = await bundled(entry, EXECUTABLE_HEAD, [parts.plugin(), plugin]);
    replacements.requireAllUsed();
    await writeExecutable(program, main.text, parts.made, options.arch ?? hostArch());
    bundles.push(main, ...parts.made.values());
  } else {
    const whole = await bundled(entry, SCRIPT_HEAD, [plugin]);
    replacements.requireAllUsed();
    // A running program's file is not written over: the old one keeps its inode.
    await rm(program, { force: true });
    await writeFile(program, whole.text, { mode: 0o755 });
    bundles.push(whole);
  }
  await rm(join(out, CLI), { force: true });
  await symlink(PROGRAM, join(out, CLI));
  return { program, size: (await stat(program)).size, embedded, metafile: merged(bundles) };
}
const USAGE =
  'usage: npm run build -- --trust FILE [--arch x64|arm64] [--out DIR] [--version X.Y.Z] [--feed-url URL]';

function archOf(name: string | undefined): Arch {
  const arch = name === undefined ? hostArch() : ARCHS.find((one) => one === name);
  if (arch === undefined)
    throw new BuildError(`expected as --arch ${ARCHS.join(' or ')}, found ${String(name)}`);
  return arch;
}

async function main(args: string[]): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        trust: { type: 'string' },
        arch: { type: 'string' },
        out: { type: 'string' },
        version: { type: 'string' },
        'feed-url': { type: 'string' },
      },
    }));
  } catch (error) {
    console.error(`build: ${error instanceof Error ? error.message : String(error)}; ${USAGE}`);
    return 2;
  }
  const { trust, version, 'feed-url': feedUrl } = values;
  if (trust === undefined) {
    console.error(
      `build: expected --trust FILE, the public keys to build in (core keys generate makes one); ${USAGE}`,
    );
    return 2;
  }
  try {
    const arch = archOf(values.arch);
    const out = values.out ?? (arch === hostArch() ? 'dist' : join('dist', `linux-${arch}`));
    const built = await build({ out, trust, arch, version, feedUrl });
    const { program, size, embedded } = built;
    const { sbom, licences, checksum } = await writeDocuments(built, arch);
    const keys = embedded.trust?.keys.length ?? 0;
    const development = embedded.trust?.development === true ? ' DEVELOPMENT' : '';
    console.log(
      `${program}: ${embedded.version} (${embedded.commit}) for linux-${arch}, ${String(size)} bytes, ${String(keys)}${development} public keys`,
    );
    console.log(`beside it: ${[sbom, licences, checksum].map((file) => basename(file)).join(', ')}`);
    return 0;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`build: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
