/**
 * The workload's listening sockets, held by the daemon for whichever version runs.
 *
 * Invariants:
 * - The daemon never accepts: a connection waits in the kernel's queue until a version of the workload takes it.
 * - A socket that is held is never closed and bound again while this object is open: what waits in its queue would be lost.
 * - A path is unlinked only when nobody answers there, or when this object made it, or that of the daemon which became this one.
 */
import { closeSync, unlinkSync } from 'node:fs';
import { UpdateError, hasErrno } from '../errors.ts';
import {
  HELD_SOCKETS_VARIABLE,
  heldSocketsText,
  type InheritedSocket,
} from '../sockets/inherited-sockets.ts';
import { bindSocket } from './bind-socket.ts';
import { openLibc, type Libc } from './libc.ts';
import { listenName, listenText, parseListen } from '../sockets/listen-address.ts';
import { inodeOf, readNetSockets } from '../sockets/net-sockets.ts';

/** A socket that listens. */
export interface HeldSocket {
  readonly fd: number;
  /** As it is handed on in `LISTEN_FDNAMES`. */
  readonly name: string;
  /** In the words of `workload.listen`. */
  readonly address: string;
  /** What tells it from every other (`/proc/<pid>/fd`). */
  readonly inode: string;
  /** Whether its file was made by this daemon, or by the one that it was before: then it goes with the socket. */
  readonly made: boolean;
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
  /** Hears of an inherited socket that is not wanted, and is closed, or that is of a kind which is not passed on. */
  readonly warn: (error: UpdateError) => void;
}

function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw UpdateError.from(error, 'LISTEN_FAILED', `cannot remove ${path}`);
  }
}

interface Identified {
  readonly held: readonly HeldSocket[];
  /** What is no listening socket of TCP, nor one at a path: it is somebody else's, or of a kind that is not passed on. */
  readonly strange: readonly InheritedSocket[];
}

/** What was inherited, with its address. */
async function identify(inherited: readonly InheritedSocket[]): Promise<Identified> {
  if (inherited.length === 0) return { held: [], strange: [] };
  const listening = (await readNetSockets()).filter(({ state }) => state === 'listening');
  const held: HeldSocket[] = [];
  const strange: InheritedSocket[] = [];
  for (const socket of inherited) {
    const { fd, name, made = false } = socket;
    const inode = inodeOf(fd);
    const found = listening.find((each) => each.inode === inode);
    if (inode === null || found === undefined) strange.push(socket);
    else
      held.push({
        fd,
        name: name ?? listenName(parseListen(found.local)),
        address: found.local,
        inode,
        made,
      });
  }
  return { held, strange };
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
  const warn = (message: string): void => {
    options.warn(new UpdateError('LISTEN_FAILED', message));
  };
  const { held: given, strange } = await identify(options.inherited);
  for (const { fd, name } of strange)
    warn(
      `expected listening sockets of TCP or at a path, was given descriptor ${String(fd)} (${name ?? 'unnamed'}), which is none; it is not passed on`,
    );
  // More than one may have the same address (SO_REUSEPORT): each has a queue of its own, that somebody must accept from.
  let held: readonly HeldSocket[] = [];
  for (const socket of given) {
    if (wanted.length === 0 || wanted.some((address) => listenText(address) === socket.address))
      held = [...held, socket];
    else {
      closeSync(socket.fd);
      warn(
        `expected no socket but those of workload.listen, was given one that listens on ${socket.address}; it was closed`,
      );
    }
  }
  let libc: Libc | null = null;
  const getLibc = (): Libc => (libc ??= openLibc());
  // Node does so only with the lowest numbers.
  for (const { fd } of held) getLibc().setInherited(fd, false);
  const all = (): readonly HeldSocket[] =>
    wanted.length === 0
      ? held
      : wanted.flatMap((address) => held.filter((socket) => socket.address === listenText(address)));
  let opening: Promise<unknown> = Promise.resolve();
  const openAll = async (): Promise<void> => {
    for (const address of wanted) {
      const text = listenText(address);
      if (held.some((socket) => socket.address === text)) continue;
      const fd = await bindSocket(getLibc(), address, wanted);
      const made = address.kind === 'unix';
      held = [...held, { fd, name: listenName(address), address: text, inode: inodeOf(fd) ?? '', made }];
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
      for (const { fd } of held) getLibc().setBlocking(fd);
    },
    carry: () => {
      const sockets = all();
      if (sockets.length === 0) return {};
      for (const { fd } of sockets) getLibc().setInherited(fd, true);
      return { [HELD_SOCKETS_VARIABLE]: heldSocketsText(process.pid, sockets) };
    },
    close: () => {
      const closing = held;
      held = [];
      try {
        // While it still answers there: who starts now cannot have put a file of its own in the place of ours.
        for (const { address, made } of closing) if (made) unlink(address.slice('unix:'.length));
      } finally {
        for (const { fd } of closing) closeSync(fd);
      }
    },
  };
}
