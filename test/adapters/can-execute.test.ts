import { chmod, copyFile, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canExecute } from '../../src/adapters/can-execute.ts';
import { inFolder } from './state-fixture.ts';

/** Writes `content` as an executable file. */
const withFile = (content: string | Uint8Array, body: (path: string) => Promise<void>): Promise<void> =>
  inFolder(async (folder) => {
    const path = join(folder, 'app');
    await writeFile(path, content, { mode: 0o755 });
    await body(path);
  });

/** An ELF header that says what it is told. */
function elf({ kind = 2, order = 1, type = 3, machine = 0x3e } = {}): Buffer {
  const head = Buffer.alloc(64);
  head.write('\x7fELF', 0, 'latin1');
  head.set([kind, order, 1], 4);
  head.writeUInt16LE(type, 16);
  head.writeUInt16LE(machine, 18);
  return head;
}

/** An ELF head with one PT_INTERP entry. */
function elfWithLoader(loader: string): Buffer {
  const head = elf();
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  const entry = Buffer.alloc(56);
  entry.writeUInt32LE(3, 0);
  entry.writeBigUInt64LE(120n, 8);
  return Buffer.concat([head, entry, Buffer.from(`${loader}\0`)]);
}

const linux = { platform: 'linux', arch: 'x64' };
const no = (found: string): object => ({
  code: 'STAGE_NOT_EXECUTABLE',
  message: expect.stringContaining(found) as string,
});

describe('canExecute', () => {
  it('takes programs of this machine', async () => {
    await canExecute(process.execPath);
    await canExecute('/bin/sh');
  });

  it('wants the execute permission', () =>
    withFile('#!/bin/sh\n', async (path) => {
      await canExecute(path);
      await chmod(path, 0o644);
      await expect(canExecute(path)).rejects.toMatchObject(no('execute permission'));
    }));

  it('wants a file', async () => {
    await expect(canExecute('/nowhere/app')).rejects.toMatchObject(no('/nowhere/app'));
    await expect(canExecute('/tmp')).rejects.toMatchObject(no('/tmp'));
  });

  it.each([
    ['another machine', elf({ machine: 0xb7 }), '0xb7'],
    ['32 bits', elf({ kind: 1 }), '64-bit'],
    ['big-endian', elf({ order: 2 }), '64-bit'],
    ['an object file', elf({ type: 1 }), 'e_type'],
    ['a cut header', elf().subarray(0, 20), '20'],
    ['a missing loader', elfWithLoader('/lib/ld-nowhere.so.1'), '/lib/ld-nowhere.so.1'],
    ['Mach-O', Buffer.from('cffaedfe0c000001', 'hex'), 'ELF'],
    ['text', 'hello', 'hell'],
    ['nothing', '', '""'],
  ])('refuses %s on linux/x64', (_, content, found) =>
    withFile(content, async (path) => {
      await expect(canExecute(path, linux)).rejects.toMatchObject(no(found));
    }),
  );

  it('takes each architecture for its own', async () => {
    await withFile(elf(), (path) => canExecute(path, linux));
    await withFile(elf({ machine: 0xb7 }), (path) => canExecute(path, { platform: 'linux', arch: 'arm64' }));
    await withFile(elfWithLoader('/bin/sh'), (path) => canExecute(path, linux));
    await withFile(Buffer.from('cffaedfe0c000001', 'hex'), async (path) => {
      await canExecute(path, { platform: 'darwin', arch: 'arm64' });
      await expect(canExecute(path, { platform: 'darwin', arch: 'x64' })).rejects.toMatchObject(
        no('0x100000c'),
      );
    });
  });

  it.each([
    ['#!/nowhere/sh\n', '/nowhere/sh'],
    ['#!\n', 'absolute'],
    ['#!sh\n', 'absolute'],
    ['#!/usr/bin/env\n', 'found none'],
    ['#!/usr/bin/env no-such-program-here\n', 'no-such-program-here'],
  ])('refuses the script %j', (content, found) =>
    withFile(content, async (path) => {
      await expect(canExecute(path)).rejects.toMatchObject(no(found));
    }),
  );

  it('finds the program that env would find', () =>
    inFolder(async (folder) => {
      await copyFile('/bin/sh', join(folder, 'my-sh'));
      const path = join(folder, 'app');
      for (const line of ['my-sh', '-S my-sh -e', 'LANG=C my-sh']) {
        await writeFile(path, `#! /usr/bin/env ${line}\n`, { mode: 0o755 });
        await canExecute(path, { searchPath: `/nowhere:${folder}` });
        await expect(canExecute(path, { searchPath: '/nowhere' })).rejects.toMatchObject(no('my-sh'));
      }
    }));

  it('reads only the head of a large file', () =>
    withFile('#!/bin/sh\n', async (path) => {
      const file = await open(path, 'r+');
      await file.truncate(4 * 1024 ** 3);
      await file.close();
      await canExecute(path);
    }));
});
