import { describe, expect, it } from 'vitest';
import type { Downloads } from '../../../src/services/ports.ts';

/** A port under test, and a way to put a file elsewhere on its disk. */
export interface DownloadsWorld {
  readonly downloads: Downloads;
  /** Makes a file outside of the downloads and returns its path. */
  readonly local: (bytes: Uint8Array) => Promise<string>;
}

async function readAll(downloads: Downloads, name: string): Promise<string> {
  const file = await downloads.read(name);
  const buffer = new Uint8Array(file.size + 5);
  const count = await file.read(buffer, 0);
  await file.close();
  expect(count).toBe(file.size);
  return Buffer.from(buffer.subarray(0, count)).toString();
}

/** What all downloads do. */
export function describeDownloads(
  name: string,
  make: (test: (world: DownloadsWorld) => Promise<void>) => Promise<void>,
): void {
  describe(`Downloads: ${name}`, () => {
    it('goes on with a partial file where it was left', () =>
      make(async ({ downloads }) => {
        const first = await downloads.append('a.jws');
        expect(first.size).toBe(0);
        await first.append(Buffer.from('hello '));
        await first.close();
        const second = await downloads.append('a.jws');
        expect(second.size).toBe(6);
        await second.append(Buffer.from('world'));
        await second.close();
        expect(await readAll(downloads, 'a.jws')).toBe('hello world');
      }));

    it('starts again after truncate', () =>
      make(async ({ downloads }) => {
        const file = await downloads.append('a');
        await file.append(Buffer.from('old bytes'));
        await file.truncate();
        expect(file.size).toBe(0);
        await file.append(Buffer.from('new'));
        await file.close();
        expect(await readAll(downloads, 'a')).toBe('new');
      }));

    it('keeps the tag of a partial file with it', () =>
      make(async ({ downloads }) => {
        const first = await downloads.append('a.jws');
        expect(first.validator).toBeNull();
        await first.truncate('"one"');
        expect(first.validator).toBe('"one"');
        await first.append(Buffer.from('1'));
        await first.close();
        await downloads.tidy(['a.jws']);
        const second = await downloads.append('a.jws');
        expect(second.validator).toBe('"one"');
        await second.truncate('"two"');
        expect(second.validator).toBe('"two"');
        await second.truncate();
        expect(second.validator).toBeNull();
        await second.append(Buffer.from('2'));
        await second.close();
        const third = await downloads.append('a.jws');
        expect(third.validator).toBeNull();
        await third.close();
      }));

    it('loses the tag with the file, and has none for an empty one', () =>
      make(async ({ downloads }) => {
        for (const lose of [() => downloads.remove('a'), () => downloads.tidy([])]) {
          const file = await downloads.append('a');
          await file.truncate('"one"');
          await file.append(Buffer.from('1'));
          await file.close();
          await lose();
          const again = await downloads.append('a');
          expect(again.validator).toBeNull();
          await again.append(Buffer.from('1'));
          await again.close();
          const full = await downloads.append('a');
          expect(full.validator).toBeNull();
          await full.truncate('"two"');
          await full.close();
          const empty = await downloads.append('a');
          expect(empty.validator).toBeNull();
          await empty.close();
          await downloads.remove('a');
        }
      }));

    it('reads anywhere, and fewer bytes only at the end', () =>
      make(async ({ downloads }) => {
        const file = await downloads.append('a');
        await file.append(Buffer.from('0123456789'));
        await file.close();
        const random = await downloads.read('a');
        const buffer = new Uint8Array(4);
        expect(await random.read(buffer, 3)).toBe(4);
        expect(Buffer.from(buffer).toString()).toBe('3456');
        expect(await random.read(buffer, 8)).toBe(2);
        expect(await random.read(buffer, 10)).toBe(0);
        await random.close();
      }));

    it('says BUNDLE_NOT_FOUND for a file that is not there', () =>
      make(async ({ downloads }) => {
        await expect(downloads.read('a')).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
        await expect(downloads.openLocal('/nowhere/at/all')).rejects.toMatchObject({
          code: 'BUNDLE_NOT_FOUND',
        });
      }));

    it.each(['', '.', '..', 'a/b', '../a', '/a', '.hidden', 'a\0b'])('refuses the name %j', (bad) =>
      make(async ({ downloads }) => {
        for (const call of ['append', 'read', 'unpack', 'remove'] as const)
          await expect(downloads[call](bad)).rejects.toMatchObject({ code: 'INTERNAL' });
      }),
    );

    it.each(['../x', '/x', 'a/../x', 'a//x', '.x', 'manifest.json'])('does not unpack to %j', (bad) =>
      make(async ({ downloads }) => {
        const target = await downloads.unpack('u');
        await expect(target.open(bad, 0o644)).rejects.toMatchObject({ code: 'BUNDLE_ARCHIVE_INVALID' });
      }),
    );

    it('does not unpack two files to one path', () =>
      make(async ({ downloads }) => {
        const target = await downloads.unpack('u');
        await (await target.open('d/x', 0o644)).close();
        await (await target.open('d/y', 0o644)).discard?.();
        await expect(target.open('d/x', 0o644)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
      }));

    it('empties the folder that it unpacks to', () =>
      make(async ({ downloads }) => {
        await (await (await downloads.unpack('u')).open('d/x', 0o644)).close();
        await (await (await downloads.unpack('u')).open('d/x', 0o644)).close();
      }));

    it('removes files and folders, and what is not there', () =>
      make(async ({ downloads }) => {
        await (await downloads.append('a')).close();
        await (await (await downloads.unpack('u')).open('d/x', 0o644)).close();
        for (const each of ['a', 'u', 'neither']) await downloads.remove(each);
        await expect(downloads.read('a')).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
      }));

    it('tidies all but what is kept', () =>
      make(async ({ downloads }) => {
        for (const each of ['a', 'b']) await (await downloads.append(each)).close();
        await downloads.unpack('u');
        await downloads.tidy(['b']);
        expect(await readAll(downloads, 'b')).toBe('');
        await expect(downloads.read('a')).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
      }));

    it('reads a file that an operator names', () =>
      make(async ({ downloads, local }) => {
        const bytes = Buffer.alloc(2_500_000, 'coresdk');
        const { size, chunks } = await downloads.openLocal(await local(bytes));
        expect(size).toBe(bytes.length);
        const parts: Uint8Array[] = [];
        for await (const chunk of chunks) parts.push(chunk);
        expect(Buffer.concat(parts).equals(bytes)).toBe(true);
      }));

    it('knows the free space', () =>
      make(async ({ downloads }) => {
        expect(await downloads.freeBytes()).toBeGreaterThan(0);
      }));
  });
}
