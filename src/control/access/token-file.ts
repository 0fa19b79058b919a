/** The file that holds the token of the TCP listener. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { UpdateError } from '../../errors.ts';

const KEY = 'control.token_file';

/** The fewest characters of a token: `openssl rand -hex 32` makes 64. */
export const TOKEN_MIN = 32;
const TOKEN_MAX = 4096;

/** What any but the owner may do, and what nobody may do to a file that is only read. */
const TOO_WIDE = 0o177;

/** What may stand in a bearer token (RFC 6750, section 2.1: `b64token`). */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

const makeOne = (path: string): string => `make one with: (umask 077; openssl rand -hex 32 > ${path})`;

function refuse(path: string, found: string, cause?: unknown): UpdateError {
  return new UpdateError('CONFIG_INVALID', `${KEY}: ${found}: ${path}; ${makeOne(path)}`, { cause });
}

async function read(file: FileHandle, path: string): Promise<string> {
  const { mode, uid, size } = await file.stat();
  if ((mode & constants.S_IFMT) !== constants.S_IFREG)
    throw refuse(path, 'expected a regular file, found another kind');
  const own = process.geteuid?.() ?? uid;
  if (uid !== own && uid !== 0)
    throw refuse(path, `expected a file of user ${String(own)} or root, found one of ${String(uid)}`);
  if ((mode & TOO_WIDE) !== 0)
    throw refuse(path, `expected mode 0600 or less, found 0${(mode & 0o777).toString(8)}`);
  if (size > TOKEN_MAX)
    throw refuse(path, `expected at most ${String(TOKEN_MAX)} bytes, found ${String(size)}`);
  const token = (await file.readFile('latin1')).replace(/\r?\n$/, '');
  // What was found is never told: it may be the token.
  if (token.length < TOKEN_MIN)
    throw refuse(path, `expected at least ${String(TOKEN_MIN)} characters, found ${String(token.length)}`);
  if (!TOKEN.test(token))
    throw refuse(path, 'expected one line of letters, digits and - . _ ~ + / =, found others');
  return token;
}

/**
 * Reads the token. The file is looked at through the descriptor that it is read by, so that it cannot be another one by then.
 *
 * @param path - absolute; a link is followed, and what it leads to is judged
 * @returns the token, without the line's end
 * @throws UpdateError `CONFIG_INVALID` when it cannot be read, is no regular file, belongs to somebody else than this user or root, may be
 *   read by others, or holds no token of at least 32 characters; the message says how to make one
 */
export async function readTokenFile(path: string): Promise<string> {
  let file: FileHandle;
  try {
    // Without O_NONBLOCK a FIFO would be waited for.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw refuse(path, `cannot be read (${error instanceof Error ? error.message : String(error)})`, error);
  }
  try {
    return await read(file, path);
  } finally {
    await file.close();
  }
}
