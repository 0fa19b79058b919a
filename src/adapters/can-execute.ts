/**
 * Whether this machine can execute a file, judged without running it: permission and mount (`access(2)`, X_OK), then
 * the head of the file as `execve(2)` reads it: ELF (System V ABI, chapter 4), Mach-O, or `#!`.
 */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { UpdateError } from '../errors.ts';

/** The machine that is judged for; this one unless told. */
export interface Machine {
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.arch`. */
  readonly arch: string;
  /** As the variable `PATH`: where `#!/usr/bin/env NAME` looks. */
  readonly searchPath: string;
}

/** ELF `e_machine` and Mach-O `cputype` of each architecture that releases are built for. */
const ARCHITECTURES: Readonly<Record<string, { elf: number; mach: number }>> = {
  x64: { elf: 0x3e, mach: 0x0100_0007 },
  arm64: { elf: 0xb7, mach: 0x0100_000c },
};
const HEAD_BYTES = 4096;
const PT_INTERP = 3;

const no = (path: string, message: string, cause?: unknown): UpdateError =>
  new UpdateError('STAGE_NOT_EXECUTABLE', `${path}: ${message}`, { cause });
const hex = (value: number): string => `0x${value.toString(16)}`;

/**
 * Resolves when `path` can be executed here.
 *
 * @param path - absolute path of a regular file
 * @param machine - this machine unless told
 * @throws UpdateError `STAGE_NOT_EXECUTABLE`, saying what was expected and found
 * @example
 * await canExecute('/usr/bin/env');
 */
export async function canExecute(path: string, machine: Partial<Machine> = {}): Promise<void> {
  const {
    platform = process.platform,
    arch = process.arch,
    searchPath = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
  } = machine;
  try {
    await fs.access(path, constants.X_OK);
  } catch (error) {
    throw no(path, 'expected a file with execute permission, on a disk that is not mounted noexec', error);
  }
  const head = await readHead(path);
  const magic = head.subarray(0, 4).toString('latin1');
  if (magic.startsWith('#!')) await checkScript(path, head, searchPath);
  else if (platform === 'linux' && magic === '\x7fELF') await checkElf(path, head, arch);
  else if (platform === 'darwin' && /^(\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe)$/.test(magic))
    checkMach(path, head, arch);
  else
    throw no(
      path,
      `expected ${platform === 'darwin' ? 'a Mach-O' : 'an ELF'} program or a script that begins with #!, found ${JSON.stringify(magic)}`,
    );
}

async function readHead(path: string): Promise<Buffer> {
  try {
    await using file = await fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const buffer = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await file.read(buffer, 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw no(path, 'expected a file that can be read', error);
  }
}

async function checkScript(path: string, head: Buffer, searchPath: string): Promise<void> {
  const line = head.subarray(2).toString('latin1').split('\n', 1)[0] ?? '';
  const words = line.trim().split(/[ \t]+/);
  const interpreter = words[0] ?? '';
  if (!isAbsolute(interpreter))
    throw no(path, `expected an absolute path after #!, found ${JSON.stringify(interpreter)}`);
  await checkInterpreter(path, interpreter);
  if (!interpreter.endsWith('/env')) return;
  // `env -S node --flag`: options and settings come before the program's name.
  const name = words.slice(1).find((word) => !word.startsWith('-') && !word.includes('='));
  if (name === undefined) throw no(path, `expected a program after ${interpreter}, found none`);
  if (name.includes('/')) return checkInterpreter(path, name);
  for (const folder of searchPath.split(delimiter)) if (await isExecutable(join(folder, name))) return;
  throw no(path, `expected ${name} in PATH (${searchPath}), found none`);
}

async function checkInterpreter(path: string, interpreter: string): Promise<void> {
  if (!(await isExecutable(interpreter)))
    throw no(
      path,
      `expected its interpreter ${interpreter} to be there and executable, found that it is not`,
    );
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await fs.access(path, constants.X_OK);
    return (await fs.stat(path)).isFile();
  } catch {
    return false;
  }
}

async function checkElf(path: string, head: Buffer, arch: string): Promise<void> {
  if (head.length < 64) throw no(path, `expected an ELF header of 64 bytes, found ${String(head.length)}`);
  if (head[4] !== 2 || head[5] !== 1)
    throw no(path, 'expected a 64-bit little-endian ELF program, found another class');
  const type = head.readUInt16LE(16);
  if (type !== 2 && type !== 3)
    throw no(path, `expected an ELF program (e_type 2 or 3), found ${String(type)}`);
  const machine = head.readUInt16LE(18);
  const expected = ARCHITECTURES[arch]?.elf;
  if (expected !== undefined && machine !== expected)
    throw no(path, `expected a program for ${arch} (e_machine ${hex(expected)}), found ${hex(machine)}`);
  const loader = elfInterpreter(head);
  if (loader !== null) await checkInterpreter(path, loader);
}

/** The dynamic loader that an ELF program names (glibc's or musl's), if the head that was read says so. */
function elfInterpreter(head: Buffer): string | null {
  const table = head.readBigUInt64LE(32);
  const entrySize = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let index = 0; index < count; index += 1) {
    const at = Number(table) + index * entrySize;
    if (at + 56 > head.length) return null;
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const offset = Number(head.readBigUInt64LE(at + 8));
    const end = head.indexOf(0, offset);
    return offset < head.length && end > offset ? head.subarray(offset, end).toString('latin1') : null;
  }
  return null;
}

function checkMach(path: string, head: Buffer, arch: string): void {
  const expected = ARCHITECTURES[arch]?.mach;
  // A universal binary (0xcafebabe) holds several; the kernel picks.
  if (head.readUInt32BE(0) === 0xcafe_babe || expected === undefined || head.length < 8) return;
  const found = head.readUInt32LE(4);
  if (found !== expected)
    throw no(path, `expected a program for ${arch} (cputype ${hex(expected)}), found ${hex(found)}`);
}
