import type { RandomAccess } from '../../bundle/random-access.ts';

/** A private file that grows, for a bundle that is on its way. */
export interface PartialFile {
  /** Bytes that are there already, from an earlier try. */
  readonly size: number;
  /** The strong entity tag of the file that these bytes are of; null where it is not known. */
  readonly validator: string | null;
  /** Adds bytes at the end. They belong to the caller again when it resolves. */
  append(chunk: Uint8Array): Promise<void>;
  /**
   * Throws away what is there, so that it starts at 0 again with bytes of the file that `validator` stands for (none unless told).
   * That is durable when it resolves: no byte is ever kept with the tag of another file.
   */
  truncate(validator?: string | null): Promise<void>;
  /** Flushes to disk and closes. */
  close(): Promise<void>;
}

/** Receives the files of a bundle while they are decoded; each is checked by the caller before `close`. */
export interface UnpackTarget {
  open(
    path: string,
    mode: number,
  ): Promise<{
    write(chunk: Uint8Array): Promise<void>;
    close(): Promise<void>;
    /** Called instead of `close` when the file is refused: frees what is open. */
    discard?(): Promise<void>;
  }>;
}

/** `downloads/`: private (0700) and temporary. Names are plain file names. What is kept beside a file goes and stays with it. */
export interface Downloads {
  /** Opens or creates `name` for appending, mode 0600. */
  append(name: string): Promise<PartialFile>;
  /** Opens `name` for reading through one descriptor. */
  read(name: string): Promise<RandomAccess & { close(): Promise<void> }>;
  /** Makes an empty folder `name` (deleting what was there), and returns where files of a bundle are written to. */
  unpack(name: string): Promise<UnpackTarget>;
  /** Deletes a file or folder; no error if it is not there. */
  remove(name: string): Promise<void>;
  /** Deletes everything except the names in `keep`. */
  tidy(keep: readonly string[]): Promise<void>;
  /** Free bytes for this user on the disk that holds the state directory. */
  freeBytes(): Promise<number>;
  /** The bytes of a file that an operator names, anywhere on disk; `BUNDLE_NOT_FOUND` if it cannot be read. */
  openLocal(path: string): Promise<{ size: number; chunks: AsyncIterable<Uint8Array> }>;
}
