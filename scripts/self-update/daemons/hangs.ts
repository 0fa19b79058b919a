/** A daemon that does nothing, for ever. */
export function runDaemon(): Promise<number> {
  setInterval(() => undefined, 60_000);
  return new Promise(() => undefined);
}
