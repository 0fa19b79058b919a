/** A stream that text is written to; `process.stdout` is one. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Width of the terminal. */
  readonly columns?: number | undefined;
  /** Height of the terminal. */
  readonly rows?: number | undefined;
  /** Where faults of the stream are heard; absent where it has none. */
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Where the size of a terminal is not known; a pseudo-terminal that nobody gave a size has 0. */
const SIZE_UNKNOWN = { columns: 80, rows: 24 } as const;

/** The size of the terminal behind a stream. */
export function sizeOf({ columns = 0, rows = 0 }: Output): {
  readonly columns: number;
  readonly rows: number;
} {
  return {
    columns: columns > 0 ? columns : SIZE_UNKNOWN.columns,
    rows: rows > 0 ? rows : SIZE_UNKNOWN.rows,
  };
}
