import { pathSchema } from '../../src/bundle/manifest.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Downloads } from '../../src/services/ports.ts';

/** A file of an unpacked folder. */
export interface MemoryFile {
  readonly mode: number;
  bytes: Uint8Array;
}

/** Downloads in memory, with a view for the fake version store and for tests. */
export interface MemoryDownloads extends Downloads {
  readonly files: Map<string, Uint8Array>;
  /** The entity tags of the files. */
  readonly validators: Map<string, string>;
  readonly folders: Map<string, Map<string, MemoryFile>>;
  /** Files "anywhere on disk", for `openLocal`. */
  readonly local: Map<string, Uint8Array>;
}

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => new Uint8Array(Buffer.concat([a, b]));

/** Downloads in memory; `freeBytes` is what they say is free. */
export function memoryDownloads(freeBytes = 1024 ** 3): MemoryDownloads {
  const files = new Map<string, Uint8Array>();
  const folders = new Map<string, Map<string, MemoryFile>>();
  const local = new Map<string, Uint8Array>();
  const validators = new Map<string, string>();
  const check = async (name: string): Promise<void> => {
    await Promise.resolve();
    if (!/^[A-Za-z0-9_][A-Za-z0-9._+@-]*$/.test(name))
      throw new UpdateError('INTERNAL', `expected a plain file name, found ${name}`);
  };
  const remove = (name: string): void => {
    files.delete(name);
    validators.delete(name);
    folders.delete(name);
  };
  return {
    files,
    folders,
    local,
    validators,
    append: async (name) => {
      await check(name);
      let size = files.get(name)?.length ?? 0;
      files.set(name, files.get(name) ?? new Uint8Array());
      if (size === 0) validators.delete(name);
      return {
        get size() {
          return size;
        },
        get validator() {
          return validators.get(name) ?? null;
        },
        append: (chunk) => {
          files.set(name, join(files.get(name) ?? new Uint8Array(), chunk));
          return Promise.resolve();
        },
        truncate: (validator = null) => {
          files.set(name, new Uint8Array());
          size = 0;
          if (validator === null) validators.delete(name);
          else validators.set(name, validator);
          return Promise.resolve();
        },
        close: () => Promise.resolve(),
      };
    },
    read: async (name) => {
      await check(name);
      const bytes = files.get(name);
      if (bytes === undefined) throw new UpdateError('BUNDLE_NOT_FOUND', `expected ${name}, found nothing`);
      return {
        size: bytes.length,
        read: (buffer, position) => {
          const part = bytes.subarray(position, position + buffer.length);
          buffer.set(part);
          return Promise.resolve(part.length);
        },
        close: () => Promise.resolve(),
      };
    },
    unpack: async (name) => {
      await check(name);
      const folder = new Map<string, MemoryFile>();
      remove(name);
      folders.set(name, folder);
      return {
        open: async (path, mode) => {
          if (!pathSchema.safeParse(path).success)
            throw new UpdateError('BUNDLE_ARCHIVE_INVALID', `expected a plain relative path, found ${path}`);
          if (folder.has(path))
            throw new UpdateError('STATE_DIR_UNUSABLE', `expected nothing at ${path}, found a file`);
          const file: MemoryFile = { mode, bytes: new Uint8Array() };
          folder.set(path, file);
          return Promise.resolve({
            write: (chunk: Uint8Array) => {
              file.bytes = join(file.bytes, chunk);
              return Promise.resolve();
            },
            close: () => Promise.resolve(),
            discard: () => Promise.resolve(),
          });
        },
      };
    },
    remove: async (name) => {
      await check(name);
      remove(name);
    },
    tidy: (keep) => {
      for (const name of [...files.keys(), ...folders.keys()]) if (!keep.includes(name)) remove(name);
      return Promise.resolve();
    },
    freeBytes: () => Promise.resolve(freeBytes),
    openLocal: (path) => {
      const bytes = local.get(path);
      if (bytes === undefined)
        return Promise.reject(
          new UpdateError('BUNDLE_NOT_FOUND', `expected a file at ${path}, found nothing`),
        );
      async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
        if (bytes !== undefined && bytes.length > 0) yield await Promise.resolve(bytes);
      }
      return Promise.resolve({ size: bytes.length, chunks: chunks() });
    },
  };
}
