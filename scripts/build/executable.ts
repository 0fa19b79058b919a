/**
 * One executable out of Node and a script, by `node --build-sea` (nodejs.org/api/single-executable-applications.html).
 *
 * Invariants: the Node inside is the one whose SHA-256 the repository pins. The bytes depend on nothing but that Node, the code and
 * the processor. No variable that Node reads brings code into it: `execArgvExtension: "none"` makes `NODE_OPTIONS` and `--node-options`
 * inert, and `OPENSSL_CONF` is overruled.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Bundle } from './bundle.ts';
import { SAME_EACH_TIME, writeParts } from './code-cache.ts';
import { BuildError, type Arch } from './options.ts';
import { hostArch, runtimeFor } from './runtime.ts';

/**
 * Writes an executable.
 *
 * @param program - its path, in a folder that exists
 * @param main - a CommonJS program with the head of an executable
 * @param parts - the code that it loads on demand, by name
 * @param arch - the processor that it is for
 * @throws BuildError where Node is not the pinned one, or cannot make it
 */
export async function writeExecutable(
  program: string,
  main: string,
  parts: ReadonlyMap<string, Bundle>,
  arch: Arch,
): Promise<void> {
  const builder = await runtimeFor(hostArch());
  // Bytecode is of one processor.
  const cached = arch === hostArch();
  const executable = cached ? builder : await runtimeFor(arch);
  // Beside its place, so that it is renamed there whole. Names within are relative: they end up in the executable.
  const folder = await mkdtemp(join(dirname(program), '.build-'));
  try {
    await writeFile(join(folder, 'main.cjs'), main);
    const config = {
      main: 'main.cjs',
      executable,
      output: 'program',
      useCodeCache: cached,
      disableExperimentalSEAWarning: true,
      execArgvExtension: 'none',
      // Wins over OPENSSL_CONF, which could name a provider to load: native code.
      execArgv: ['--openssl-config=/dev/null'],
      assets: await writeParts(folder, parts, builder, cached),
    };
    await writeFile(join(folder, 'sea.json'), JSON.stringify(config));
    const { NODE_OPTIONS: _, ...env } = process.env;
    await promisify(execFile)(builder, [SAME_EACH_TIME, '--build-sea', 'sea.json'], { cwd: folder, env });
    // A running program's file is not written over: the old one keeps its inode.
    await rename(join(folder, 'program'), program);
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError(`cannot make the executable: ${String(error)}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
