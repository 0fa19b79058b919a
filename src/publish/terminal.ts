import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { hasErrno, UpdateError } from '../errors.ts';

/** A terminal that shows nothing of what is typed. */
export interface Terminal extends AsyncDisposable {
  /** Writes text for the person at it. */
  write(text: string): void;
  /** What is typed, as it comes. Its end means that the terminal is gone. */
  readonly typed: AsyncIterable<Uint8Array>;
}

/**
 * Opens the terminal that this process belongs to, whatever its standard streams are, with echo off (raw mode). Disposing of it
 * puts the mode back; so does Node when a signal ends the process.
 *
 * @throws UpdateError `SIGNING_FAILED` when the process has no terminal
 */
export function openTerminal(): Terminal {
  const fd = openTty();
  let input: ReadStream;
  try {
    input = new ReadStream(fd);
    input.setRawMode(true);
  } catch (cause) {
    closeSync(fd);
    throw new UpdateError('SIGNING_FAILED', 'the terminal cannot be used', { cause });
  }
  return {
    write: (text) => {
      writeSync(fd, text);
    },
    // A reader that leaves must not close the stream: its mode could not be put back any more.
    typed: input.iterator({ destroyOnReturn: false }),
    async [Symbol.asyncDispose]() {
      if (!input.destroyed) input.setRawMode(false);
      if (!input.closed) {
        const { promise, resolve } = Promise.withResolvers<undefined>();
        input.once('close', () => {
          resolve(undefined);
        });
        input.destroy();
        await promise;
      }
      closeOnce(fd);
    },
  };
}

function openTty(): number {
  try {
    return openSync('/dev/tty', 'r+');
  } catch (cause) {
    throw new UpdateError(
      'SIGNING_FAILED',
      'expected a terminal to ask for the passphrase on, found none: give a file with it',
      { cause },
    );
  }
}

/** libuv opens the terminal once more for itself, but where it may not (after `su`), it takes and closes the one it was given. */
function closeOnce(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (!hasErrno(error, 'EBADF')) throw error;
  }
}
