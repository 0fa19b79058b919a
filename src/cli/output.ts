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
