/**
 * Where a passphrase comes from: a private file, or a person at a terminal. Never the command line or the environment, which
 * other processes and logs can see.
 *
 * Invariant: nothing of a passphrase is ever shown, and no message holds any of it.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { UpdateError } from '../errors.ts';
import { MAX_PASSPHRASE_BYTES } from './encrypted-pkcs8.ts';
import { openTerminal, type Terminal } from './terminal.ts';

/** Where to read a passphrase. */
export interface PassphraseOptions {
  /** A file that holds it and only its owner can read; one line end at its end is not part of it. Else a person is asked. */
  readonly file?: string | undefined;
  /** What to ask, without the colon; `Passphrase` unless told. */
  readonly prompt?: string | undefined;
  /** Asks twice, for a passphrase that is new. */
  readonly confirm?: boolean | undefined;
  /** Opens the terminal; `/dev/tty` unless told. */
  readonly terminal?: (() => Terminal) | undefined;
}

const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const INTERRUPT = 0x03;
const END = 0x04;
const BACKSPACE = 0x08;
const DELETE = 0x7f;
const KILL_LINE = 0x15;

/**
 * Reads a passphrase.
 *
 * @returns 1 to {@link MAX_PASSPHRASE_BYTES} bytes of UTF-8, as text
 * @throws UpdateError `SIGNING_FAILED` when the file cannot be read, when others can read it too, when there is no terminal, when
 * nothing is typed or the two differ; `CANCELLED` for Ctrl-C
 * @example
 * const passphrase = await readPassphrase({ prompt: 'Passphrase of keys/bundle.pem' });
 */
export async function readPassphrase(options: PassphraseOptions = {}): Promise<string> {
  if (options.file !== undefined) return readFromFile(options.file);
  await using terminal = (options.terminal ?? openTerminal)();
  const lines = typedLines(terminal);
  const prompt = options.prompt ?? 'Passphrase';
  const passphrase = decode(await ask(terminal, lines, prompt), 'the passphrase');
  if (options.confirm === true) {
    const again = await ask(terminal, lines, `${prompt}, again`);
    if (again.toString('utf8') !== passphrase)
      throw new UpdateError('SIGNING_FAILED', 'expected the same passphrase twice, found two');
  }
  return passphrase;
}

async function readFromFile(path: string): Promise<string> {
  const what = `the passphrase file ${path}`;
  try {
    // A pipe without a writer must not hold this up.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode } = await file.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG)
      throw new UpdateError('SIGNING_FAILED', `${what}: expected a file, found something else`);
    if ((mode & 0o077) !== 0)
      throw new UpdateError(
        'SIGNING_FAILED',
        `${what}: expected mode 0600 or 0400, found 0${(mode & 0o777).toString(8)}, by which others can use it`,
      );
    return decode(withoutLineEnd(await readBounded(file)), what);
  } catch (error) {
    throw UpdateError.from(error, 'SIGNING_FAILED', `${what} cannot be read`);
  }
}

/** The file's bytes, but not many more than a passphrase may have. */
async function readBounded(file: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(MAX_PASSPHRASE_BYTES + 3);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== LINE_FEED) return bytes;
  return bytes.subarray(0, bytes.at(-2) === RETURN ? -2 : -1);
}

function decode(bytes: Buffer, what: string): string {
  if (bytes.length === 0) throw new UpdateError('SIGNING_FAILED', `${what}: expected one, found nothing`);
  if (bytes.length > MAX_PASSPHRASE_BYTES)
    throw new UpdateError(
      'SIGNING_FAILED',
      `${what}: expected at most ${String(MAX_PASSPHRASE_BYTES)} bytes, found more`,
    );
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes))
    throw new UpdateError('SIGNING_FAILED', `${what}: expected UTF-8, found other bytes`);
  return text;
}

async function ask(terminal: Terminal, lines: AsyncGenerator<Buffer>, prompt: string): Promise<Buffer> {
  terminal.write(`${prompt}: `);
  try {
    const line = await lines.next();
    if (line.done === true)
      throw new UpdateError('SIGNING_FAILED', 'expected a passphrase, found the terminal’s end');
    return line.value;
  } finally {
    terminal.write('\r\n');
  }
}

/**
 * The lines that are typed. In raw mode the terminal's driver edits no lines, so its usual keys are done here: backspace, Ctrl-U,
 * Ctrl-D on an empty line, and Ctrl-C.
 */
async function* typedLines(terminal: Terminal): AsyncGenerator<Buffer, void, undefined> {
  let line: number[] = [];
  for await (const chunk of terminal.typed) {
    for (const byte of chunk) {
      if (byte === INTERRUPT)
        throw new UpdateError('CANCELLED', 'the question for the passphrase was cancelled');
      else if (byte === END && line.length === 0) return;
      else if (byte === RETURN || byte === LINE_FEED) {
        yield Buffer.from(line);
        line = [];
      } else if (byte === BACKSPACE || byte === DELETE) eraseCharacter(line);
      else if (byte === KILL_LINE) line = [];
      else if (line.length <= MAX_PASSPHRASE_BYTES) line.push(byte);
    }
  }
}

/** Takes the last character off, which in UTF-8 is one lead byte and what continues it (`10xxxxxx`). */
function eraseCharacter(line: number[]): void {
  let byte: number | undefined;
  do byte = line.pop();
  while (byte !== undefined && (byte & 0xc0) === 0x80);
}
