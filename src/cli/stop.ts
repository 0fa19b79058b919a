/**
 * Waits until a command that runs on is told to end: by SIGINT or SIGTERM, or by a signal that the caller of the CLI gave.
 *
 * @param signal - instead of the process's signals
 */
export async function untilStopped(signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const stop = (): void => {
    resolve(undefined);
  };
  if (signal !== undefined) {
    if (signal.aborted) return;
    signal.addEventListener('abort', stop, { once: true });
    return promise;
  }
  process.once('SIGINT', stop).once('SIGTERM', stop);
  await promise;
  process.off('SIGINT', stop).off('SIGTERM', stop);
}
