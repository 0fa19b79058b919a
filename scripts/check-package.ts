/**
 * `npm run check:package`: builds the library, packs it as npm would, and looks at the package as those who install it: publint (is what
 * package.json says there, and right), attw (do the types resolve as the code does), and Node itself (does it load, without a key in it; do
 * its two programs run).
 *
 * CI runs it; it takes longer than a test may.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { buildLibrary } from './build-library.ts';

const ROOT = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** What an installed package must do. */
const USE = `
  import { createUpdater, UpdateChannel, UpdateError } from '@coresdk/sidecar-updater';
  const { embedded } = await import(import.meta.resolve('@coresdk/sidecar-updater').replace(/index.js$/, 'embedded.js'));
  if (embedded.trust !== null) throw new Error('expected a library without keys');
  if (UpdateChannel.parse('edge') !== 'edge') throw new Error('expected UpdateChannel to work');
  const error = await createUpdater({ update: { channel: 'none' } }, { trust: null, version: '1.0.0' }).catch((it) => it);
  if (!(error instanceof UpdateError) || error.code !== 'CONFIG_INVALID') throw error;
  console.log('loads');
`;

/** What TypeScript must say of an installed package: each line that is wrong is marked, so a type that is lost (`any`) is found too. */
const TYPED = `
import { createUpdater, services, type Adapters, type Config, type Ports, type TrustFile } from '@coresdk/sidecar-updater';
declare const trust: TrustFile;
declare const adapters: Pick<Adapters, 'workload'>;
const updater = await createUpdater({ update: { channel: 'edge' } }, { trust, version: '1.0.0', adapters });
updater.on('progress', ({ progress }) => progress.kind satisfies 'download' | 'probe');
// @ts-expect-error no such channel
await createUpdater({ update: { channel: 'none' } }, { trust, version: '1.0.0' });
// @ts-expect-error a state is a text
const state: number = (await updater.status()).state;
// @ts-expect-error not a port
type Wrong = Ports['nothing'];
// @ts-expect-error a number
const interval: string = (null as unknown as Config).update.checkIntervalMs;
// @ts-expect-error needs ports
services({});
`;

/** Compiles a program that uses the package, as its author would. */
async function compileAgainst(folder: string): Promise<void> {
  await writeFile(join(folder, 'use.ts'), TYPED);
  const guide = await readFile(join(ROOT, 'docs', 'library.md'), 'utf8');
  await writeFile(join(folder, 'guide.ts'), /```ts\n(.*?)```/s.exec(guide)?.[1] ?? '');
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const options =
    '--noEmit --strict --module nodenext --target es2024 --lib es2025,esnext.disposable --types node --skipLibCheck';
  await run(process.execPath, [tsc, ...options.split(' '), 'use.ts', 'guide.ts'], { cwd: folder });
}

/** Runs the programs of an installed package as npm links them: what they say, or what is wrong. */
async function tryPrograms(folder: string): Promise<string[]> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const name of ['core', 'coresdk-sidecar'])
    await symlink(join(folder, 'package', 'dist', 'lib', 'main.js'), join(bin, name));
  const env = { ...process.env, PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin` };
  const calls: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      'coresdk-sidecar',
      ['--version'],
      /^coresdk-sidecar \d+\.\d+\.\d+ .*NO KEYS: every update is refused[^]* script$/m,
    ],
    ['coresdk-sidecar', ['--help'], /run the daemon in the foreground/],
    ['core', ['keys', 'generate', '--dir', join(folder, 'keys')], /wrote the keys to/],
    ['core', ['keys', 'inspect', join(folder, 'keys', 'trust.json')], /RS256/],
    ['core', ['statechart', 'export', '--format', 'svg'], /<svg/],
  ];
  const problems: string[] = [];
  for (const [program, args, expected] of calls) {
    const said = await run(program, args, { cwd: folder, env }).then(
      ({ stdout }) => stdout,
      (error: unknown) => (error as { stderr?: string }).stderr ?? String(error),
    );
    if (!expected.test(said))
      problems.push(`${program} ${args.join(' ')}: expected ${String(expected)}, found ${said}`);
  }
  return problems;
}

async function main(): Promise<void> {
  const problems: string[] = [];
  await buildLibrary();
  const { version, pkg } = await readPackage();
  const { messages } = await publint({ pkgDir: ROOT, strict: true, pack: 'npm' });
  // Not for a registry yet: what it says of that is known.
  for (const message of messages) {
    const text = formatMessage(message, pkg, { color: false });
    if (text !== undefined) problems.push(`publint: ${text}`);
  }

  const folder = await mkdtemp(join(tmpdir(), 'coresdk-package-'));
  try {
    await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT });
    const [tarball = ''] = await readdir(folder);
    const attw = join(ROOT, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
    await run(process.execPath, [attw, join(folder, tarball), '--profile', 'esm-only', '--no-color']).catch(
      (error: unknown) => {
        const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
        problems.push(`attw: ${stdout}${stderr}`);
      },
    );
    await run('tar', ['-xzf', join(folder, tarball), '-C', folder]);
    const files = await readdir(join(folder, 'package'), { recursive: true });
    // Its dependencies are those that are installed here.
    await symlink(join(ROOT, 'node_modules'), join(folder, 'package', 'node_modules'));
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', USE], {
      cwd: join(folder, 'package'),
    });
    problems.push(...(await tryPrograms(folder)));
    await compileAgainst(join(folder, 'package')).catch((error: unknown) => {
      problems.push(`types: ${(error as { stdout?: string }).stdout ?? String(error)}`);
    });
    console.log(
      `package ${version}: ${String(files.length)} files, ${stdout.trim()}, publint, attw, both programs and tsc ran`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

async function readPackage(): Promise<{ version: string; pkg: Record<string, unknown> }> {
  const pkg = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;
  return { version: String(pkg['version']), pkg };
}

await main();
