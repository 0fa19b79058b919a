/** A file that can be read anywhere; the bundle reader never opens anything itself. */
export interface RandomAccess {
  /** Size in bytes. */
  readonly size: number;
  /** Fills `buffer` from `position` on and returns how many bytes were read; fewer only at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
}

/** The files of a base, for a delta. */
export interface BaseFiles {
  /** Opens one of its files; the caller closes it. `DELTA_BASE_MISSING` if it is not there. */
  open(path: string): Promise<RandomAccess & { close(): Promise<void> }>;
}
