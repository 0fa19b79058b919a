import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { ROOT } from './root.ts';

/** An npm package that is inside of the program, in whole or in part. */
export interface InnerPackage {
  readonly name: string;
  readonly version: string;
  /** What its package.json says; null where it says nothing. */
  readonly licence: string | null;
  /** Its folder. */
  readonly folder: string;
}

/** The packages that modules of a bundle came from, by name and version. */
export async function packagesIn(metafile: Metafile): Promise<InnerPackage[]> {
  const folders = new Set<string>();
  for (const input of Object.keys(metafile.inputs)) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  const packages = await Promise.all(
    [...folders].map(async (folder): Promise<InnerPackage> => {
      const text = await readFile(join(ROOT, folder, 'package.json'), 'utf8');
      const { name, version, license } = JSON.parse(text) as {
        name: string;
        version: string;
        license?: unknown;
      };
      return {
        name,
        version,
        licence: typeof license === 'string' ? license : null,
        folder: join(ROOT, folder),
      };
    }),
  );
  const key = ({ name, version, folder }: InnerPackage): string => `${name}@${version} ${folder}`;
  return packages.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The folder of the npm package that the pinned Node of this machine came in: its licence is there. */
export function nodePackage(): string | null {
  const name = `node-linux-${process.arch}`;
  const places = [join(ROOT, 'node_modules', 'node', 'node_modules', name), join(ROOT, 'node_modules', name)];
  return places.find((place) => existsSync(place)) ?? null;
}
