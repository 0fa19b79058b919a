/** The files of a release, as they lie on the publisher's disk. */
import { lstat, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UpdateError } from '../errors.ts';
import type { BundleFile } from '../publish/bundle-writer.ts';

/**
 * Collects the files of a release: a folder gives everything in it, by its path in the folder; a file gives itself, by its
 * name. What its owner may execute gets mode 0755, anything else 0644.
 *
 * @param inputs - files and folders
 * @returns sorted by path
 * @throws UpdateError `BUNDLE_NOT_FOUND` when one cannot be read; `USAGE` for links and other things that are no file, and
 *   when two have the same path
 */
export async function collectFiles(inputs: readonly string[]): Promise<BundleFile[]> {
  const found: BundleFile[] = [];
  for (const input of inputs) {
    try {
      await collect(input, null, found);
    } catch (error) {
      throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', `${input} cannot be read`);
    }
  }
  const paths = found.map(({ path }) => path);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw new UpdateError('USAGE', `expected every path once, found ${twice} twice`);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** `path` is where it stands in the release; null for what was named itself. */
async function collect(source: string, path: string | null, found: BundleFile[]): Promise<void> {
  const stat = await lstat(source);
  if (stat.isDirectory()) {
    for (const name of (await readdir(source)).sort())
      await collect(join(source, name), path === null ? name : `${path}/${name}`, found);
    return;
  }
  if (!stat.isFile())
    throw new UpdateError('USAGE', `expected files and folders only, found something else at ${source}`);
  found.push({ path: path ?? basename(source), source, mode: (stat.mode & 0o100) === 0 ? 0o644 : 0o755 });
}
