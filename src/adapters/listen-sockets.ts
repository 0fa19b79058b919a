/**
 * The workload's listening sockets, held by the daemon for whichever version runs.
 *
 * Invariants:
 * - The daemon never accepts: a connection waits in the kernel's queue until a version of the workload takes it.
 * - A socket that is held is never closed and bound again while this object is open: what waits in its queue would be lost.
 * - A path is unlinked only when nobody answers there, or when this object made it.
 */
import { chmodSync, closeSync, lstatSync, unlinkSync } from 'node:fs';
import { UpdateError, hasErrno } from '../errors.ts';
import {
  HELD_SOCKETS_VARIABLE,
  heldSocketsText,
  type InheritedSocket,
} from '../sockets/inherited-sockets.ts';
import { openLibc, type Libc } from './libc.ts';
import { listenName, listenText, parseListen, type ListenAddress } from '../sockets/listen-address.ts';
import { inodeOf, readNetSockets } from '../sockets/net-sockets.ts';
import { answersAt } from './probe-address.ts';

/** Who may connect to a unix socket that was made here: the daemon's user and group. */
const UNIX_MODE = 0o660;

/** A socket that listens. */
export interface HeldSocket {
  readonly fd: number;
  /** As it is handed on in `LISTEN_FDNAMES`. */
  readonly name: string;
  /** In the words of `workload.listen`. */
  readonly address: string;
  /** What tells it from every other (`/proc/<pid>/fd`). */
  readonly inode: string;
}

/** The sockets; none is a configuration without `workload.listen`, where systemd gave none either. */
export interface ListenSockets {
  /**
   * Binds what is not held yet, and gives all of them in the order of `workload.listen`. Bound only now, since a workload that an
   * earlier daemon left behind may hold them until it is ended.
   *
   * @throws UpdateError `LISTEN_FAILED`
   */
  open(): Promise<readonly HeldSocket[]>;
  /** Those that are held now. */
  held(): readonly HeldSocket[];
  /**
   * Makes them blocking, as programs expect that ask only once (`accept` in a loop). The flag is everybody's who shares the socket, so
   * this must not be done while a version runs on them that has set it otherwise.
   */
  makeBlocking(): void;
  /**
   * Has them outlast an `execve` of this process, and says where they are; `takeInheritedSockets` of the new program finds them. To be
   * called last of all: a child that is started after it would keep them too.
   *
   * @returns variables for the new program's environment
   */
  carry(): Record<string, string>;
  /** Closes them, and unlinks the paths that were made here. */
  close(): void;
}

/** What {@link openListenSockets} needs. */
export interface ListenSocketsOptions {
  /** `workload.listen`; empty: whatever was inherited, as it is. */
  readonly specs: readonly string[];
  /** From `takeInheritedSockets`. */
  readonly inherited: readonly InheritedSocket[];
  /** Hears of an inherited socket that is not wanted, and is closed. */
  readonly warn: (error: UpdateError) => void;
}

/** The error of an address that could not be had, with what is known of who has it. */
function failed(address: ListenAddress, error: unknown): UpdateError {
  const where = listenText(address);
  if (hasErrno(error, 'EADDRINUSE'))
    return new UpdateError(
      'LISTEN_FAILED',
      `expected ${where} to be free, found that it is in use: by another program, or by a workload that binds it itself`,
      { cause: error },
    );
  if (hasErrno(error, 'EADDRNOTAVAIL'))
    return new UpdateError('LISTEN_FAILED', `expected ${where} to be an address of this host`, {
      cause: error,
    });
  const why = hasErrno(error, 'EACCES', 'EPERM') ? ' (ports under 1024 need CAP_NET_BIND_SERVICE)' : '';
  return UpdateError.from(
    error,
    'LISTEN_FAILED',
    `cannot listen on ${where}${address.kind === 'tcp' ? why : ''}`,
  );
}

/** Removes what a program left behind that did not clean up; what answers stays, and then cannot be bound. */
async function removeStale(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) return;
    if (!(await answersAt({ path }, new AbortController().signal))) unlinkSync(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}

async function bind(libc: Libc, address: ListenAddress): Promise<HeldSocket> {
  try {
    if (address.kind === 'unix') await removeStale(address.path);
    const fd = libc.listen(address);
    if (address.kind === 'unix') chmodSync(address.path, UNIX_MODE);
    return { fd, name: listenName(address), address: listenText(address), inode: inodeOf(fd) ?? '' };
  } catch (error) {
    throw failed(address, error);
  }
}

/** What was inherited, with its address; a descriptor that is no listening socket is left alone, since it is somebody else's. */
async function identify(inherited: readonly InheritedSocket[]): Promise<HeldSocket[]> {
  if (inherited.length === 0) return [];
  const listening = (await readNetSockets()).filter(({ state }) => state === 'listening');
  return inherited.flatMap(({ fd, name }) => {
    const inode = inodeOf(fd);
    const found = listening.find((socket) => socket.inode === inode);
    if (inode === null || found === undefined) return [];
    return [{ fd, name: name ?? listenName(parseListen(found.local)), address: found.local, inode }];
  });
}

/**
 * Takes what was inherited, and binds nothing yet.
 *
 * @throws UpdateError `CONFIG_INVALID` for an address that is not one
 * @example
 * const sockets = await openListenSockets({ specs: ['tcp://127.0.0.1:7700'], inherited: [], warn });
 * const [{ fd, name }] = await sockets.open(); // 21, tcp-127.0.0.1-7700
 */
export async function openListenSockets(options: ListenSocketsOptions): Promise<ListenSockets> {
  const wanted = options.specs.map(parseListen);
  const given = await identify(options.inherited);
  const held = new Map<string, HeldSocket>();
  const made = new Set<string>();
  for (const socket of given) {
    if (wanted.length === 0 || wanted.some((address) => listenText(address) === socket.address))
      held.set(socket.address, socket);
    else {
      closeSync(socket.fd);
      options.warn(
        new UpdateError(
          'LISTEN_FAILED',
          `expected no socket but those of workload.listen, was given one that listens on ${socket.address}; it was closed`,
        ),
      );
    }
  }
  let libc: Libc | null = null;
  const getLibc = (): Libc => (libc ??= openLibc());
  // Node does so only with the lowest numbers.
  for (const { fd } of held.values()) getLibc().setInherited(fd, false);
  const all = (): HeldSocket[] =>
    wanted.length === 0
      ? [...held.values()]
      : wanted.map((address) => held.get(listenText(address))).filter((socket) => socket !== undefined);
  let opening: Promise<unknown> = Promise.resolve();
  const openAll = async (): Promise<void> => {
    for (const address of wanted) {
      const text = listenText(address);
      if (held.has(text)) continue;
      held.set(text, await bind(getLibc(), address));
      if (address.kind === 'unix') made.add(address.path);
    }
  };
  return {
    open: async () => {
      // One at a time: two at once would bind twice.
      const turn = opening.then(openAll, openAll);
      opening = turn.catch(() => undefined);
      await turn;
      return all();
    },
    held: all,
    makeBlocking: () => {
      for (const { fd } of held.values()) getLibc().setBlocking(fd);
    },
    carry: () => {
      const sockets = all();
      if (sockets.length === 0) return {};
      for (const { fd } of sockets) getLibc().setInherited(fd, true);
      return { [HELD_SOCKETS_VARIABLE]: heldSocketsText(process.pid, sockets) };
    },
    close: () => {
      for (const { fd } of held.values()) closeSync(fd);
      held.clear();
      for (const path of made)
        try {
          unlinkSync(path);
        } catch (error) {
          if (!hasErrno(error, 'ENOENT'))
            throw UpdateError.from(error, 'LISTEN_FAILED', `cannot remove ${path}`);
        }
    },
  };
}
