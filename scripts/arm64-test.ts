/**
 * `npm run test:arm64`: builds the executable for arm64 and runs it under qemu-user (qemu-aarch64-static), with Debian's libraries for
 * arm64 in a folder of their own. On an arm64 machine it is run as it is.
 *
 * Where qemu or the libraries cannot be had, one line says what was skipped. CI runs it; it takes longer than a test may.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../demo/free-port.ts';
import { build } from './build.ts';

const run = promisify(execFile);
/** What Node is linked with, beside what is in libc6. */
const PACKAGES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1'];

/** Fetches and unpacks Debian's libraries, with lists of its own: nothing of this system's apt changes. */
async function fetchLibraries(folder: string): Promise<string> {
  const at = (name: string): string => join(folder, name);
  for (const name of ['lists/partial', 'cache/archives/partial', 'debs', 'root'])
    await mkdir(at(name), { recursive: true });
  const options = [
    'APT::Architecture=arm64',
    'APT::Architectures::=arm64',
    `Dir::State::lists=${at('lists')}`,
    `Dir::Cache=${at('cache')}`,
    'Dir::State::status=/dev/null',
  ].flatMap((option) => ['-o', option]);
  await run('apt-get', [...options, '-qq', 'update']);
  await run('apt-get', [...options, '-qq', 'download', ...PACKAGES], { cwd: at('debs') });
  for (const deb of await readdir(at('debs')))
    await run('dpkg-deb', ['-x', join(at('debs'), deb), at('root')]);
  return at('root');
}

function expect(what: string, holds: boolean): void {
  console.log(`${holds ? '✔' : '✘'} ${what}`);
  if (!holds) process.exitCode = 1;
}

/** Asks until somebody answers, or half a minute is over. */
async function answer(url: string): Promise<number | null> {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline;) {
    const status = await fetch(url).then(
      (response) => response.status,
      // Nobody listens yet.
      () => null,
    );
    if (status !== null) return status;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return null;
}

async function tryProgram(program: string, emulator: readonly string[], folder: string): Promise<void> {
  const words = [...emulator, program];
  const file = words[0] ?? program;
  const before = words.slice(1);
  const said = async (...args: string[]): Promise<string> => (await run(file, [...before, ...args])).stdout;
  const version = await said('--version');
  expect(
    `--version: ${version.trimEnd().split('\n').at(-1) ?? ''}`,
    version.includes('linux-arm64, single executable'),
  );
  const keys = join(folder, 'keys');
  await said('core', 'keys', 'generate', '--dir', keys, '--development');
  const inspected = await said('core', 'keys', 'inspect', join(keys, 'trust.json'));
  expect('keys are made and read', /RS256[^]*ES256/.test(inspected));
  const address = `127.0.0.1:${String(await freePort())}`;
  const env = { ...process.env, CORESDK_HTTP_ADDR: address, CORESDK_GRPC_ADDR: 'none' };
  const service = spawn(file, [...before, 'serve'], { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => service.once('exit', resolve));
  try {
    expect('serve is healthy', (await answer(`http://${address}/healthz`)) === 200);
  } finally {
    service.kill('SIGTERM');
    await ended;
  }
}

async function emulatorIn(folder: string): Promise<readonly string[] | null> {
  if (process.arch === 'arm64') return [];
  try {
    await run('qemu-aarch64-static', ['--version']);
    return ['qemu-aarch64-static', '-L', await fetchLibraries(folder)];
  } catch (error) {
    console.log(
      `SKIPPED: running the arm64 program: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`,
    );
    return null;
  }
}

const folder = await mkdtemp(join(tmpdir(), 'coresdk-arm64-'));
try {
  const { program, size } = await build({ out: join(folder, 'dist'), trust: null, arch: 'arm64' });
  expect(
    `built for arm64: ${String(size)} bytes`,
    (await run('od', ['-An', '-j18', '-N2', '-tx1', program])).stdout.trim() === 'b7 00',
  );
  const emulator = await emulatorIn(folder);
  if (emulator !== null) await tryProgram(program, emulator, folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
