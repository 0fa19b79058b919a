/** The Node that goes into an executable: the one that the repository pins, for each processor. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ARCHS, BuildError, type Arch } from './options.ts';
import { ROOT } from './root.ts';

/** The processor of this machine. @throws BuildError where the program is not built for it */
export function hostArch(): Arch {
  const arch = ARCHS.find((one) => one === process.arch);
  if (arch === undefined || process.platform !== 'linux')
    throw new BuildError(
      `expected to build on Linux on ${ARCHS.join(' or ')}, found ${process.platform} on ${process.arch}`,
    );
  return arch;
}

/** The version of Node that package.json pins. */
export async function pinnedVersion(): Promise<string> {
  const text = await readFile(join(ROOT, 'package.json'), 'utf8');
  return (JSON.parse(text) as { devDependencies: { node: string } }).devDependencies.node;
}

async function requirePinned(path: string, arch: Arch): Promise<void> {
  const version = await pinnedVersion();
  const sums = JSON.parse(await readFile(join(ROOT, 'scripts', 'node-checksums.json'), 'utf8')) as Partial<
    Record<string, Partial<Record<string, string>>>
  >;
  const expected = sums[version]?.[`linux-${arch}`];
  if (expected === undefined)
    throw new BuildError(`scripts/node-checksums.json pins no Node ${version} for linux-${arch}`);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const found = hash.digest('hex');
  if (found !== expected)
    throw new BuildError(
      `${path}: expected Node ${version} for linux-${arch} with SHA-256 ${expected}, found ${found}`,
    );
}

/**
 * The path of the pinned Node for a processor.
 *
 * @throws BuildError where it is not there or not the pinned one
 */
export async function runtimeFor(arch: Arch): Promise<string> {
  if (arch !== hostArch()) throw new BuildError(`no Node for ${arch} here`);
  const path = join(ROOT, 'node_modules', 'node', 'bin', 'node');
  await requirePinned(path, arch);
  return path;
}
