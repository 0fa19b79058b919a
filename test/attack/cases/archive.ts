/** Attacks in the payload, by whoever has stolen the keys of bundles and of edge heads: everything is rightly signed. */
import { zstdCompressSync, constants } from 'node:zlib';
import type { ErrorCode } from '../../../src/error-codes.ts';
import { releaseDigest } from '../../../src/bundle/manifest.ts';
import type { AttackRow, Defence } from '../support/attack.ts';
import { archive, fill, storedFile, type Member, type StoredFile } from '../support/craft.ts';
import { json, manifestOf, membersOf, release } from '../support/makers.ts';

/** An attack inside the archive of a bundle. */
export interface ArchiveAttack extends AttackRow {
  readonly payload: () => Promise<{ archive: Buffer; digest: string }>;
}

const PROGRAM = release().files;
const EVIL = Buffer.from('#!/bin/sh\necho evil\n');
const extra = (path = 'lib/extra', change: Record<string, unknown> = {}): StoredFile =>
  storedFile(path, EVIL, change);

const digestOf = (files: readonly StoredFile[]): string => releaseDigest(files.map(({ entry }) => entry));

const attack = (
  name: string,
  code: ErrorCode,
  defence: Defence,
  make: () => Promise<Buffer> | Buffer,
  files: readonly StoredFile[] = PROGRAM,
): ArchiveAttack => ({
  name,
  code,
  defence,
  payload: async () => ({ archive: await make(), digest: digestOf(files) }),
});

/** Right but for the manifest. */
const manifest = (
  name: string,
  files: readonly StoredFile[],
  change: Record<string, unknown> = {},
  code: ErrorCode = 'MANIFEST_INVALID',
  defence: Defence = 'paths',
): ArchiveAttack =>
  attack(name, code, defence, () => archive(membersOf(files, json(manifestOf(files, change)))), files);

/** The manifest is right and lists the program and `lib/extra`; the members are what `edit` makes of the right ones. */
const members = (
  name: string,
  edit: (right: readonly [Member, Member, Member]) => readonly Member[],
  code: ErrorCode = 'BUNDLE_ARCHIVE_INVALID',
  defence: Defence = 'archive',
): ArchiveAttack => {
  const files = [...PROGRAM, extra()];
  return attack(
    name,
    code,
    defence,
    () => archive(edit(membersOf(files, json(manifestOf(files))) as [Member, Member, Member])),
    files,
  );
};

/** One file of which the manifest or the stored bytes lie. */
const lie = (
  name: string,
  file: () => StoredFile,
  code: ErrorCode = 'BUNDLE_CHECKSUM_MISMATCH',
  defence: Defence = 'content',
): ArchiveAttack => {
  const files = (): StoredFile[] => [...PROGRAM, file()];
  return {
    name,
    code,
    defence,
    payload: async () => {
      const all = files();
      return { archive: await archive(membersOf(all, json(manifestOf(all)))), digest: digestOf(all) };
    },
  };
};

const PATHS: readonly (readonly [string, string])[] = [
  ['that leaves the folder', '../escaped'],
  ['that leaves the folder from its middle', 'lib/../../escaped'],
  ['that is absolute', '/tmp/escaped'],
  ['with an empty segment', 'lib//extra'],
  ['that ends with a slash', 'lib/'],
  ['that is the folder itself', '.'],
  ['that is a dot-file', '.profile'],
  ['that is an option', '-rf'],
  ['with a backslash', 'lib\\extra'],
  ['with a NUL', 'lib/extra\0.txt'],
  ['with a line feed', 'lib/extra\n'],
  ['that is not ASCII', 'lib/\u202eartxe'],
  ['that is the manifest', 'manifest.json'],
  ['that is the manifest in other case', 'Manifest.JSON'],
  ['of more than 100 characters', 'a/'.repeat(60) + 'a'],
];

const paths: ArchiveAttack[] = [
  ...PATHS.map(([what, path]) => {
    const file = extra('placeholder', { path });
    // The member has a right name: what is in the manifest alone must be enough.
    return attack(`traversal: a path in the manifest ${what}`, 'MANIFEST_INVALID', 'paths', () =>
      archive([
        { name: 'manifest.json', body: json(manifestOf([...PROGRAM, file])) },
        ...membersOf(PROGRAM, Buffer.alloc(0)).slice(1),
        { name: 'lib/extra', body: file.stored },
      ]),
    );
  }),
  manifest('a path twice in the manifest', [...PROGRAM, extra(), extra()]),
  manifest('two paths that differ in case', [...PROGRAM, extra('lib/extra'), extra('LIB/extra')]),
  manifest('a path that is a file and a folder', [...PROGRAM, extra('lib'), extra('lib/extra')]),
  manifest('an entry point that is no file of the release', PROGRAM, { entrypoint: 'lib/other' }),
  manifest('an entry point outside', PROGRAM, { entrypoint: '../../../bin/sh' }),
  manifest('a file that is set-user-id', [...PROGRAM, extra('lib/extra', { mode: 0o4755 })]),
  manifest('a file that others can write', [...PROGRAM, extra('lib/extra', { mode: 0o777 })]),
  manifest('no file at all', [], {}, 'MANIFEST_INVALID', 'schema'),
  manifest('a version that is a path', PROGRAM, { version: '../../9.0.0' }, 'MANIFEST_INVALID', 'schema'),
  manifest('a schema of the future', PROGRAM, { schema: 2 }, 'MANIFEST_INVALID', 'schema'),
  manifest(
    'both audiences at once',
    PROGRAM,
    { audience: ['stable', 'edge', 'airgap'] },
    'MANIFEST_INVALID',
    'schema',
  ),
  manifest(
    'an encoding that nobody knows',
    [...PROGRAM, extra('lib/extra', { encoding: 'gzip' })],
    {},
    'MANIFEST_INVALID',
    'schema',
  ),
];

const link = (type: 'symlink' | 'link', name: string, linkname: string): Member => ({ name, type, linkname });

const right = (): Promise<Buffer> => archive(membersOf(PROGRAM, json(manifestOf(PROGRAM))));

/** Changes the header of the program’s member. */
function patchHeader(bytes: Buffer, patch: (header: Buffer) => void): Buffer {
  let at = 0;
  while (bytes.toString('latin1', at, at + 16) !== 'coresdk-sidecar\0') at += 512;
  patch(bytes.subarray(at, at + 512));
  return bytes;
}

function rightChecksum(header: Buffer): void {
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

const structure: ArchiveAttack[] = [
  members('traversal: a member that leaves the folder', ([first, program, file]) => [
    first,
    program,
    { ...file, name: '../escaped' },
  ]),
  members('traversal: an absolute member', ([first, program, file]) => [
    first,
    program,
    { ...file, name: '/tmp/escaped' },
  ]),
  members('a symbolic link, then a file written through it', ([first, program, file]) => [
    first,
    program,
    link('symlink', 'lib', '/tmp'),
    file,
  ]),
  members('a symbolic link in the place of a file', ([first, program]) => [
    first,
    program,
    link('symlink', 'lib/extra', '/etc/passwd'),
  ]),
  members('a hard link in the place of a file', ([first, program]) => [
    first,
    program,
    link('link', 'lib/extra', '/etc/passwd'),
  ]),
  ...(['character-device', 'block-device', 'fifo', 'directory'] as const).map((type) =>
    members(`a ${type} in the place of a file`, ([first, program]) => [
      first,
      program,
      { name: 'lib/extra', type, devmajor: 1, devminor: 5 },
    ]),
  ),
  members('a member twice', ([first, program, file]) => [first, program, file, file]),
  members('a member twice, other bytes first', ([first, program, file]) => [
    first,
    { ...program, body: zstdCompressSync(EVIL) },
    program,
    file,
  ]),
  members('members in another order', ([first, program, file]) => [first, file, program]),
  members('a member that the manifest does not list', ([first, program, file]) => [
    first,
    program,
    file,
    { ...file, name: 'lib/other' },
  ]),
  members('a member that is missing', ([first, program]) => [first, program]),
  members('the manifest not first', ([first, program, file]) => [program, first, file]),
  members('no manifest', ([, program, file]) => [program, file]),
  members('two manifests', ([first, program, file]) => [first, first, program, file]),
  members('the manifest under another name', ([first, program, file]) => [
    { ...first, name: './manifest.json' },
    program,
    file,
  ]),
  members('a manifest that is a symbolic link', ([, program, file]) => [
    link('symlink', 'manifest.json', '/etc/passwd'),
    program,
    file,
  ]),
  members('an extended header that renames a member', ([first, program, file]) => [
    first,
    program,
    { ...file, pax: { path: 'lib/extra' } },
  ]),
  members('an extended header that says another size', ([first, program, file]) => [
    first,
    program,
    { ...file, pax: { comment: 'x', size: '1' } },
  ]),
  members('a member with a long name by GNU’s extension', ([first, program, file]) => [
    first,
    program,
    { ...file, name: `lib/${'x'.repeat(150)}` },
  ]),
  members('a manifest of more than 1 MiB', ([first, program, file]) => [
    { ...first, body: Buffer.concat([Buffer.from(first.body ?? []), Buffer.alloc(1024 * 1024 + 1, 0x20)]) },
    program,
    file,
  ]),
  ...(
    [
      ['a sparse file by GNU’s extension', 'S'],
      ['a contiguous file', '7'],
      ['a volume header by GNU’s extension', 'V'],
    ] as const
  ).map(([name, type]) =>
    attack(name, 'BUNDLE_ARCHIVE_INVALID', 'archive', async () =>
      patchHeader(await right(), (header) => {
        header.write(type, 156, 'latin1');
        rightChecksum(header);
      }),
    ),
  ),
  attack('a member whose checksum is wrong', 'BUNDLE_ARCHIVE_INVALID', 'archive', async () =>
    patchHeader(await right(), (header) => {
      header.write('9', 136, 'latin1');
    }),
  ),
  attack('something after the end of the archive', 'BUNDLE_ARCHIVE_INVALID', 'archive', async () => {
    const bytes = await right();
    return fill(Buffer.concat([bytes, EVIL]));
  }),
  attack('a second archive after the first', 'BUNDLE_ARCHIVE_INVALID', 'archive', async () => {
    const bytes = await right();
    return Buffer.concat([bytes, bytes]);
  }),
  attack('an archive of another length', 'BUNDLE_ARCHIVE_INVALID', 'archive', async () => {
    const bytes = await right();
    return Buffer.concat([bytes, Buffer.alloc(513)]);
  }),
  attack('an archive that breaks off', 'BUNDLE_ARCHIVE_INVALID', 'archive', async () => {
    const bytes = await right();
    return bytes.subarray(0, Math.floor(bytes.length / 3 / 1536) * 1536);
  }),
  attack('an archive of nothing but zeros', 'BUNDLE_ARCHIVE_INVALID', 'archive', () => Buffer.alloc(1536)),
  attack('a zip file in the place of the archive', 'BUNDLE_ARCHIVE_INVALID', 'archive', () =>
    fill(Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(3000, 7)])),
  ),
];

const HUGE: readonly StoredFile[] = [
  ...PROGRAM,
  ...Array.from({ length: 4095 }, (_, n) => extra(`lib/${String(n)}`, { size: 8 * 1024 ** 3 })),
];

const BOMB = 64 * 1024 * 1024;

const contents: ArchiveAttack[] = [
  lie('a decompression bomb', () => storedFile('lib/extra', EVIL, {}, zstdCompressSync(Buffer.alloc(BOMB)))),
  lie('a decompression bomb with a window of 128 MiB', () => {
    const content = Buffer.alloc(BOMB);
    const stored = zstdCompressSync(content, {
      params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_enableLongDistanceMatching]: 1 },
    });
    return storedFile('lib/extra', content, {}, stored);
  }),
  attack(
    'a release of 32 TiB',
    'DISK_FULL',
    'space',
    () => archive(membersOf(HUGE, json(manifestOf(HUGE)))),
    HUGE,
  ),
  lie('a size that is too small', () => extra('lib/extra', { size: EVIL.length - 1 })),
  lie('a size that is too large', () => extra('lib/extra', { size: EVIL.length + 1 })),
  lie('another SHA-256', () => extra('lib/extra', { sha256: 'a'.repeat(64) })),
  lie('a negative size', () => extra('lib/extra', { size: -1 }), 'MANIFEST_INVALID', 'schema'),
  lie(
    'a stored size that is too small',
    () => extra('lib/extra', { stored_size: 1 }),
    'BUNDLE_ARCHIVE_INVALID',
    'archive',
  ),
  lie('bytes that are not compressed', () => storedFile('lib/extra', EVIL, {}, EVIL)),
  lie('a compressed stream that breaks off', () => {
    const { stored } = extra();
    return storedFile('lib/extra', EVIL, {}, stored.subarray(0, -1));
  }),
  lie('a second compressed stream after the first', () => {
    const { stored } = extra();
    return storedFile('lib/extra', EVIL, {}, Buffer.concat([stored, stored]));
  }),
  lie('bytes after the compressed stream', () => {
    const { stored } = extra();
    return storedFile('lib/extra', EVIL, {}, Buffer.concat([stored, Buffer.from('evil')]));
  }),
];

/** Every attack inside an archive. */
export const ARCHIVE_ATTACKS: readonly ArchiveAttack[] = [...paths, ...structure, ...contents];
