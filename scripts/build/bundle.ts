import { build as esbuild, type Metafile, type Plugin } from 'esbuild';
import { BuildError } from './options.ts';
import { ROOT } from './root.ts';

/** `import.meta` does not exist in CommonJS; the program is one file, so there is one answer for all modules. */
const IMPORT_META = {
  'import.meta.url': '__module_url',
  'import.meta.filename': '__filename',
  'import.meta.dirname': '__dirname',
  'import.meta.main': 'true',
};

/** What the gRPC library loads only for channelz, which is not switched on: a third of its size. */
const NOT_INSIDE = ['@grpc/proto-loader'];

/** A bundle, and what is in it. */
export interface Bundle {
  readonly text: string;
  readonly metafile: Metafile;
}

/**
 * One file out of an entry and all that it imports, as CommonJS: what a single executable runs.
 *
 * @param entry - the entry module, from the repository or absolute
 * @param banner - put before it
 * @throws BuildError where the sources do not build
 */
export async function bundled(entry: string, banner: string, plugins: Plugin[]): Promise<Bundle> {
  try {
    const { outputFiles, metafile } = await esbuild({
      absWorkingDir: ROOT,
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      target: 'node26',
      format: 'cjs',
      // A single executable has no loader of modules: `import('http')` of a library becomes a `require`.
      supported: { 'dynamic-import': false },
      write: false,
      keepNames: true,
      minifySyntax: true,
      minifyWhitespace: true,
      legalComments: 'none',
      charset: 'ascii',
      banner: { js: banner },
      define: IMPORT_META,
      external: NOT_INSIDE,
      metafile: true,
      // Names of modules are in the bundle: they are to be the same wherever `node_modules` lies.
      preserveSymlinks: true,
      plugins,
      logLevel: 'silent',
    });
    const [file] = outputFiles;
    if (file === undefined) throw new BuildError('expected one file from esbuild, found none');
    return { text: file.text, metafile };
  } catch (error) {
    throw new BuildError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** What is in several bundles together. */
export function merged(bundles: readonly Bundle[]): Metafile {
  return {
    inputs: Object.assign({}, ...bundles.map(({ metafile }) => metafile.inputs)) as Metafile['inputs'],
    outputs: Object.fromEntries(
      bundles.flatMap(({ metafile }, index) =>
        Object.values(metafile.outputs).map((output) => [`${String(index)}.js`, output]),
      ),
    ),
  };
}
