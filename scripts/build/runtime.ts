/**
 * The Node that goes into an executable: the one that the repository pins, for each processor.
 *
 * Invariant: no Node is used whose SHA-256 is not the one in `scripts/node-checksums.json`. For this machine it is the one that
 * `npm ci` installed; another processor's is fetched from the npm registry once, and kept in the user's cache folder (XDG Base Directory
 * Specification).
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { ARCHS, BuildError, type Arch } from './options.ts';
import { ROOT } from './root.ts';

const run = promisify(execFile);

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

/** The SHA-256 that a Node must have, in hex. @throws BuildError where none is pinned */
export async function pinnedSha256(version: string, arch: Arch): Promise<string> {
  const text = await readFile(join(ROOT, 'scripts', 'node-checksums.json'), 'utf8');
  const sums = JSON.parse(text) as Partial<Record<string, Partial<Record<string, string>>>>;
  const expected = sums[version]?.[`linux-${arch}`];
  if (expected === undefined)
    throw new BuildError(`scripts/node-checksums.json pins no Node ${version} for linux-${arch}`);
  return expected;
}

async function requirePinned(path: string, version: string, arch: Arch): Promise<void> {
  const expected = await pinnedSha256(version, arch);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const found = hash.digest('hex');
  if (found !== expected)
    throw new BuildError(
      `${path}: expected Node ${version} for linux-${arch} with SHA-256 ${expected}, found ${found}`,
    );
}

/** Fetches the package of another processor's Node, and keeps the program alone. */
async function fetchNode(path: string, version: string, arch: Arch): Promise<void> {
  const kept = dirname(path);
  await mkdir(kept, { recursive: true });
  const folder = await mkdtemp(join(kept, '.fetch-'));
  try {
    await run('npm', ['pack', '--silent', '--pack-destination', folder, `node-linux-${arch}@${version}`], {
      cwd: folder,
    });
    const archive = (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? '';
    await run('tar', ['-xzf', join(folder, archive), '-C', folder, 'package/bin/node']);
    const fetched = join(folder, 'package', 'bin', 'node');
    await requirePinned(fetched, version, arch);
    await rename(fetched, path);
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError(
      `cannot fetch Node ${version} for linux-${arch} (npm package node-linux-${arch}): ${String(error)}`,
      { cause: error },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The path of the pinned Node for a processor.
 *
 * @param cache - where another processor's is kept; the user's cache folder unless given
 * @throws BuildError where it is not there, cannot be fetched, or is not the pinned one
 */
export async function runtimeFor(
  arch: Arch,
  cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'coresdk-sidecar-build'),
): Promise<string> {
  const version = await pinnedVersion();
  const own = arch === hostArch();
  const path = own
    ? join(ROOT, 'node_modules', 'node', 'bin', 'node')
    : join(cache, `node-${version}-linux-${arch}`);
  if (!own && !existsSync(path)) await fetchNode(path, version, arch);
  await requirePinned(path, version, arch);
  return path;
}
