import { readFile } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import type { Plugin } from 'esbuild';
import type { Embedded } from '../../src/embedded.ts';
import { buildPage, readPictures } from '../page.ts';
import { BuildError, type BuildOptions } from './options.ts';
import { ROOT } from './root.ts';

interface Content {
  readonly text: string;
  /** Where its imports are looked up; null for where the replaced module lies. */
  readonly folder: string | null;
}

/** Modules that are replaced by content, and which of them were met. */
export class Replacements {
  readonly #contents: ReadonlyMap<string, Content>;
  readonly #unused: Set<string>;

  constructor(contents: ReadonlyMap<string, Content>) {
    this.#contents = contents;
    this.#unused = new Set(contents.keys());
  }

  /**
   * Every replacement must be used, or the build would not be what was asked for.
   *
   * @throws BuildError that names the module that is not there
   */
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

/** The replacements of a build: what is built in, the page, the drawn statecharts, and what was asked for. */
export async function replacementsFor(embedded: Embedded, options: BuildOptions): Promise<Replacements> {
  const contents = new Map<string, Content>();
  const put = (module: string, text: string): void => void contents.set(module, { text, folder: null });
  put('src/embedded.ts', `export const embedded = ${JSON.stringify(embedded)};`);
  if (options.entry === undefined) {
    const drawn = await readPictures();
    const page = JSON.stringify(await buildPage(drawn.update));
    put('src/control/page/files.ts', `const files = ${page}; export const pageFiles = async () => files;`);
    const all = JSON.stringify(drawn);
    put('src/cli/pictures.ts', `const all = ${all}; export const pictures = async () => all;`);
  }
  for (const [suffix, file] of Object.entries(options.replace ?? {}))
    contents.set(suffix, { text: await readFile(file, 'utf8'), folder: dirname(file) });
  return new Replacements(contents);
}
