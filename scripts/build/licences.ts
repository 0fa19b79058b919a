/** The licences of everything inside of the program, in one text. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from './options.ts';
import { nodePackage, type InnerPackage } from './packages.ts';
import { ROOT } from './root.ts';

const LICENCE_FILE = /^(licen[cs]e|copying|notice|third[-_]?party)/i;
const RULE = '='.repeat(100);

/** The licence files of a folder, by name. */
async function textsIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map(({ name }) => name)
    .sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.map((text) => text.replaceAll('\r\n', '\n').trim());
}

function section(title: string, texts: readonly string[]): string {
  return [RULE, title, RULE, '', ...texts.map((text) => `${text}\n`)].join('\n');
}

/**
 * The licences: the program's own, Node's with all that it bundles, and each package's.
 *
 * @param packages - those that are inside
 * @param nodeVersion - of the Node that is inside
 * @throws BuildError that names a package of which no licence is known
 */
export async function licencesOf(packages: readonly InnerPackage[], nodeVersion: string): Promise<string> {
  const node = nodePackage();
  if (node === null) throw new BuildError('expected the npm package of the pinned Node, with its LICENSE');
  const own = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    name: string;
    license: string;
  };
  const sections = [
    section(`${own.name}: ${own.license}`, await textsIn(ROOT)),
    section(`Node.js ${nodeVersion}, and what it bundles`, await textsIn(node)),
  ];
  for (const { name, version, licence, folder } of packages) {
    const texts = await textsIn(folder);
    if (texts.length === 0 && licence === null)
      throw new BuildError(`${name} ${version} is inside of the program, and has no licence`);
    const stated = texts.length > 0 ? texts : ['The package holds no text of its licence.'];
    sections.push(section(`${name} ${version}: ${licence ?? 'see the text'}`, stated));
  }
  return sections.join('\n');
}
