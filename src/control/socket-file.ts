/**
 * The file of a unix socket.
 *
 * Invariants: nobody but its owner, and the group that was asked for, can connect, from its first instant on; nothing but a dead socket
 * is ever removed.
 */
import { chmod, lchown, lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { hasErrno, UpdateError } from '../errors.ts';

/** `sun_path` less its NUL, bytes: unix(7) on Linux, and macOS. */
const PATH_MAX = process.platform === 'linux' ? 107 : 103;

/** Takes every right but the owner's to read and write. */
const OWNER_ONLY = 0o177;

/** Connections that may wait to be taken; the kernel may allow fewer (`net.core.somaxconn`). When they are too many, connect(2) fails. */
const BACKLOG = 2_048;

/** The owner's and the group's rights to read and write. */
const OWNER_AND_GROUP = 0o660;

/**
 * Sees that a socket can be made at `path`, and removes the one that a dead daemon left.
 *
 * @throws UpdateError `CONFIG_INVALID` when the path is too long, or something that is no socket is there;
 *   `ALREADY_RUNNING` when somebody answers at it
 */
export async function clearSocketPath(path: string): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_MAX)
    throw new UpdateError(
      'CONFIG_INVALID',
      `control.socket: expected a path of at most ${String(PATH_MAX)} bytes, found ${String(bytes)}: ${path}`,
    );
  try {
    const found = await lstat(path);
    if (!found.isSocket())
      throw new UpdateError(
        'CONFIG_INVALID',
        `control.socket: expected a socket or nothing, found another file: ${path}`,
      );
    // The state directory's lock keeps a second daemon away, but not one with another state directory and this socket.
    if (await answers(path)) throw new UpdateError('ALREADY_RUNNING', `another daemon answers at ${path}`);
    await unlink(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw unusable(path, error);
  }
}

/**
 * Listens at `path`, mode 0600; with a group, 0660 once it is the group's.
 *
 * The mode is right from the first instant: `listen` on a path binds before it returns, so the umask is narrowed around that
 * one synchronous call, and no other file of this process is made meanwhile.
 *
 * @param group - number of the group that may connect too; null: none
 * @throws UpdateError `CONFIG_INVALID` when the socket cannot be made there, or cannot be given to the group
 */
export async function listenPrivately(
  server: Server,
  path: string,
  group: number | null = null,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const refuse = (error: Error): void => {
    reject(unusable(path, error));
  };
  server.once('error', refuse);
  const before = process.umask(OWNER_ONLY);
  try {
    server.listen({ path, backlog: BACKLOG }, () => {
      resolve(undefined);
    });
  } finally {
    process.umask(before);
  }
  await promise;
  server.off('error', refuse);
  if (group !== null) await giveTo(group, path);
}

/** First whose it is, then what they may: in between it is the owner's alone. */
async function giveTo(group: number, path: string): Promise<void> {
  try {
    // -1: the owner stays.
    await lchown(path, -1, group);
    await chmod(path, OWNER_AND_GROUP);
  } catch (error) {
    throw UpdateError.from(
      error,
      'CONFIG_INVALID',
      `control.group: ${path} cannot be given to group ${String(group)}, of which the daemon’s user has to be a member`,
    );
  }
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  // Whatever keeps us from connecting, nobody is served there.
  socket.once('error', () => {
    resolve(false);
  });
  return promise;
}

function unusable(path: string, error: unknown): UpdateError {
  return UpdateError.from(error, 'CONFIG_INVALID', `control.socket: no socket can be made at ${path}`);
}
