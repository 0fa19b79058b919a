/**
 * `npm run build -- --trust FILE`: makes one program out of `src`, with the publisher's public keys in it.
 *
 * Invariant: `src/embedded.ts` is replaced as a whole, so that the keys of a built program are exactly the trust file's. The
 * bytes depend on nothing but the sources, the locked dependencies and the options.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { build as esbuild, type Plugin } from 'esbuild';
import semver from 'semver';
import { trustSetSchema, type TrustFile } from '../src/bundle/trust.ts';
import { importTrustSet } from '../src/bundle/trust-set.ts';
import { feedUrlSchema } from '../src/config/index.ts';
import type { Embedded } from '../src/embedded.ts';
import { packModule, UNPACKER } from './pack.ts';
import { buildPage, readPictures } from './page.ts';

const ROOT = join(import.meta.dirname, '..');
const PROGRAM = 'coresdk-sidecar';
const CLI = 'core';

/** What {@link build} makes, and out of what. */
export interface BuildOptions {
  /** The folder that the program is written to; made if it is not there. */
  readonly out: string;
  /** The trust file's path or its content; null for a program that refuses every update. */
  readonly trust: string | TrustFile | null;
  /** SemVer version of the program; package.json's unless given. */
  readonly version?: string | undefined;
  /** Unless given, from git; `unknown` where there is none. */
  readonly commit?: string | undefined;
  /** Time of the commit, ms since 1970; unless given, from git; 0 where there is none. */
  readonly builtFrom?: number | undefined;
  /** Default of `update.feed_url`; none unless given. */
  readonly feedUrl?: string | null | undefined;
  /** Modules that are replaced, by the end of their path: for releases that are broken on purpose, in the demo and tests. */
  readonly replace?: Readonly<Record<string, string>> | undefined;
  /** The entry module; `src/main.ts` unless given. */
  readonly entry?: string | undefined;
}

/** What was built. */
export interface Built {
  /** The program's path. */
  readonly program: string;
  readonly size: number;
  readonly embedded: Embedded;
}

/** A mistake of whoever builds; the message is for people. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/**
 * The head of the program. It lets one file run both as CommonJS and, under a package.json that says `"type": "module"`, as
 * an ES module; and it says clearly what is missing on an older Node.
 */
const HEAD = `#!/usr/bin/env node
if (!(parseInt(process.versions.node, 10) >= 26)) {
  console.error('coresdk-sidecar: expected Node.js 26 or later, found ' + process.versions.node);
  process.exit(1);
}
var __filename = typeof __filename === 'string' ? __filename : process.getBuiltinModule('node:fs').realpathSync(process.argv[1]);
var __dirname = typeof __dirname === 'string' ? __dirname : process.getBuiltinModule('node:path').dirname(__filename);
var require = typeof require === 'function' ? require : process.getBuiltinModule('node:module').createRequire(__filename);
var module = typeof module === 'object' ? module : { exports: {} };
var __module_url = process.getBuiltinModule('node:url').pathToFileURL(__filename).href;
${UNPACKER}`;

/** `import.meta` does not exist in CommonJS; the program is one file, so there is one answer for all modules. */
const IMPORT_META = {
  'import.meta.url': '__module_url',
  'import.meta.filename': '__filename',
  'import.meta.dirname': '__dirname',
  'import.meta.main': 'true',
};

async function readTrust(trust: BuildOptions['trust']): Promise<TrustFile | null> {
  if (trust === null) return null;
  let content: unknown = trust;
  try {
    if (typeof trust === 'string') content = JSON.parse(await readFile(trust, 'utf8'));
    importTrustSet(content);
    return trustSetSchema.parse(content);
  } catch (error) {
    const place = typeof trust === 'string' ? `${trust}: ` : '';
    throw new BuildError(
      `${place}expected a trust file: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function git(...args: string[]): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT });
    return stdout.trim();
  } catch {
    // No git, no repository or no commit yet: a build from a source archive is legal.
    return null;
  }
}

async function factsOf(options: BuildOptions): Promise<Embedded> {
  const { version: own } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  const version = options.version ?? own;
  if (semver.valid(version) !== version) throw new BuildError(`expected a SemVer version, found ${version}`);
  const feedUrl = options.feedUrl ?? null;
  if (feedUrl !== null && !feedUrlSchema.safeParse(feedUrl).success)
    throw new BuildError(`expected as feed URL ${feedUrlSchema.description ?? 'a URL'}`);
  return {
    version,
    commit:
      options.commit ??
      (await git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*')) ??
      'unknown',
    builtFrom: options.builtFrom ?? Number((await git('log', '-1', '--format=%ct')) ?? 0) * 1000,
    trust: await readTrust(options.trust),
    feedUrl,
  };
}

/** Modules that are replaced by content, and which of them were met. */
class Replacements {
  readonly #contents: ReadonlyMap<string, { readonly text: string; readonly folder: string | null }>;
  readonly #unused: Set<string>;

  constructor(contents: ReadonlyMap<string, { readonly text: string; readonly folder: string | null }>) {
    this.#contents = contents;
    this.#unused = new Set(contents.keys());
  }

  /** Every replacement must be used, or the build would not be what was asked for. */
  requireAllUsed(): void {
    const [suffix] = this.#unused;
    if (suffix !== undefined)
      throw new BuildError(`the program has no module ${suffix}, so it cannot be replaced`);
  }

  readonly plugin: Plugin = {
    name: 'replacing',
    setup: (builder) => {
      builder.onLoad({ filter: /\.[cm]?[jt]s$/ }, ({ path }) => {
        const place = relative(ROOT, path).split(sep).join('/');
        const suffix = [...this.#contents.keys()].find((end) => place === end || place.endsWith(`/${end}`));
        const found = suffix === undefined ? undefined : this.#contents.get(suffix);
        if (suffix === undefined || found === undefined) return null;
        this.#unused.delete(suffix);
        return { contents: found.text, loader: 'ts', resolveDir: found.folder ?? dirname(path) };
      });
    },
  };
}

/** The modules that are packed, each a bundle of its own, and the one name that each exports. */
const PACKED: Readonly<Record<string, string>> = {
  'src/cli/run.ts': 'runCli',
  'src/daemon/run.ts': 'runDaemon',
  'src/sidecar/serve.ts': 'runServe',
  // Within `serve`: with the gRPC library, which is needed only once somebody connects.
  'src/sidecar/grpc-server.ts': 'createGrpcServer',
  // Within the daemon: few want OpenTelemetry, and it is a tenth of the program.
  'src/daemon/trace-export.ts': 'openExport',
};

/** What the gRPC library loads only for channelz, which is not switched on: a third of its size. */
const NOT_PACKED = ['@grpc/proto-loader'];

/** Puts the roles into the program packed, so that a call reads no more of it than its role. */
function packing(bundle: (entry: string) => Promise<string>, within?: string): Plugin {
  return {
    name: 'packing',
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const exported = path === within ? undefined : PACKED[relative(ROOT, path).split(sep).join('/')];
        return exported === undefined
          ? null
          : { contents: packModule(await bundle(path), exported), loader: 'js' };
      });
    },
  };
}

/** One bundle of an entry and all that it imports, as CommonJS. */
async function bundled(entry: string, banner: string, plugins: Plugin[]): Promise<string> {
  try {
    const { outputFiles } = await esbuild({
      absWorkingDir: ROOT,
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      target: 'node26',
      format: 'cjs',
      // Packed code is compiled without a loader: `import('http')` of a library becomes a `require`.
      supported: { 'dynamic-import': false },
      write: false,
      keepNames: true,
      minifySyntax: true,
      minifyWhitespace: true,
      legalComments: 'eof',
      charset: 'ascii',
      banner: { js: banner },
      define: IMPORT_META,
      external: NOT_PACKED,
      plugins,
      logLevel: 'silent',
    });
    const [file] = outputFiles;
    if (file === undefined) throw new BuildError('expected one file from esbuild, found none');
    return file.text;
  } catch (error) {
    throw new BuildError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/**
 * Builds the program: one executable file `coresdk-sidecar`, and `core` as a symbolic link to it.
 *
 * @throws BuildError where the trust file, the version or the feed URL is not valid, or the sources do not build
 * @example
 * await build({ out: 'dist', trust: 'trust.json', version: '1.2.0' });
 */
export async function build(options: BuildOptions): Promise<Built> {
  const embedded = await factsOf(options);
  const contents = new Map([
    [
      'src/embedded.ts',
      { text: `export const embedded = ${JSON.stringify(embedded)};`, folder: null as string | null },
    ],
  ]);
  const drawn = await readPictures();
  for (const [module, text] of [
    [
      'src/control/page/files.ts',
      `const files = ${JSON.stringify(await buildPage(drawn.update))}; export const pageFiles = async () => files;`,
    ],
    ['src/cli/pictures.ts', `const all = ${JSON.stringify(drawn)}; export const pictures = async () => all;`],
  ] as const)
    if (options.entry === undefined) contents.set(module, { text, folder: null });
  for (const [suffix, file] of Object.entries(options.replace ?? {}))
    contents.set(suffix, { text: await readFile(file, 'utf8'), folder: dirname(file) });
  const replacements = new Replacements(contents);
  const packed = (entry: string): Promise<string> =>
    bundled(entry, '', [packing(packed, entry), replacements.plugin]);
  const text = await bundled(options.entry ?? 'src/main.ts', HEAD, [packing(packed), replacements.plugin]);
  replacements.requireAllUsed();
  const program = join(options.out, PROGRAM);
  await mkdir(options.out, { recursive: true });
  // A running program's file is not written over: the old one keeps its inode.
  await rm(program, { force: true });
  await writeFile(program, text);
  await chmod(program, 0o755);
  await rm(join(options.out, CLI), { force: true });
  await symlink(PROGRAM, join(options.out, CLI));
  return { program, size: Buffer.byteLength(text), embedded };
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
