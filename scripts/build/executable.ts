/**
 * One executable out of Node and a script, by `node --build-sea` (nodejs.org/api/single-executable-applications.html).
 *
 * Invariants: the Node inside is the one whose SHA-256 the repository pins. The bytes depend on nothing but that Node, the script and
 * the processor: V8's code cache holds hashes that start from a random seed, so the seed is fixed (V8 leaves `--random-seed` out of what
 * a cache must match, so the cache is taken by a program that runs without it). Nothing of the environment changes how it runs:
 * `execArgvExtension: "none"` makes `NODE_OPTIONS` and `--node-options` inert.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BuildError, type Arch } from './options.ts';
import { hostArch, runtimeFor } from './runtime.ts';

/**
 * Writes an executable.
 *
 * @param script - a CommonJS program without imports of its own
 * @param arch - the processor that it is for
 * @param out - the folder that it is written to, which exists
 * @param name - its name there
 * @returns its path
 * @throws BuildError where Node is not the pinned one, or cannot make it
 */
export async function writeExecutable(
  script: string,
  arch: Arch,
  out: string,
  name: string,
): Promise<string> {
  const builder = await runtimeFor(hostArch());
  const executable = arch === hostArch() ? builder : await runtimeFor(arch);
  const program = join(out, name);
  // Beside its place, so that it is renamed there whole. Names within are relative: they end up in the executable.
  const folder = await mkdtemp(join(out, '.build-'));
  try {
    await writeFile(join(folder, 'main.cjs'), script);
    const config = {
      main: 'main.cjs',
      executable,
      output: 'program',
      // Bytecode is of one processor.
      useCodeCache: arch === hostArch(),
      disableExperimentalSEAWarning: true,
      execArgvExtension: 'none',
    };
    await writeFile(join(folder, 'sea.json'), JSON.stringify(config));
    const { NODE_OPTIONS: _, ...env } = process.env;
    await promisify(execFile)(builder, ['--random-seed=1', '--build-sea', 'sea.json'], { cwd: folder, env });
    // A running program's file is not written over: the old one keeps its inode.
    await rename(join(folder, 'program'), program);
  } catch (error) {
    throw new BuildError(`cannot make the executable: ${String(error)}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return program;
}
