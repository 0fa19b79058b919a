/**
 * The check addresses of versions that overlap: each launch gets a listening socket of its own, so that a version can be asked how it
 * is while another one runs on the same listening sockets.
 *
 * Invariants:
 * - The path follows from the id of the launch: whoever finds the record of a process knows what to remove with it.
 * - The daemon keeps no descriptor of one behind the launch: when the program has gone, nobody answers there.
 */
import { chmodSync, closeSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { UpdateError, hasErrno } from '../errors.ts';
import type { Place } from '../services/ports.ts';
import { openLibc } from './libc.ts';

/** By this name the program finds it among its sockets (`LISTEN_FDNAMES`). */
export const CHECK_SOCKET_NAME = 'check';

/** The daemon's user alone. */
const MODE = 0o600;
/** As much of a launch id as tells launches apart; a path of a socket is at most 107 bytes (unix(7)). */
const ID_LENGTH = 12;
const PATTERN = /^check-[0-9a-f]{12}\.sock$/;

/** A socket that was just made. */
export interface CheckSocket {
  readonly fd: number;
  readonly path: string;
  /** Closes the daemon's descriptor; the program has its own by then. */
  release(): void;
}

/** Makes and removes check addresses. */
export interface CheckSockets {
  /** The address of what was last launched beside the workload, while it is there. */
  beside(): string | null;
  /** Makes it, and listens. `LISTEN_FAILED` */
  open(launchId: string, place: Place): CheckSocket;
  /** Not there: does nothing. `LISTEN_FAILED` */
  remove(launchId: string): void;
  /** Removes all of them: for when no workload runs. `LISTEN_FAILED` */
  removeAll(): void;
}

function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw UpdateError.from(error, 'LISTEN_FAILED', `cannot remove ${path}`);
  }
}

/**
 * The check addresses of a host; touches nothing yet.
 *
 * @param folder - the state directory: nobody else may enter it
 * @example
 * const check = checkSockets('/var/lib/coresdk').open(launchId, 'beside'); // { fd: 24, path: '/var/lib/coresdk/check-1f2e3d4c5b6a.sock', … }
 */
export function checkSockets(folder: string): CheckSockets {
  const pathOf = (launchId: string): string => join(folder, `check-${launchId.slice(0, ID_LENGTH)}.sock`);
  let beside: string | null = null;
  return {
    beside: () => beside,
    open: (launchId, place) => {
      const path = pathOf(launchId);
      unlink(path);
      try {
        const fd = openLibc().listen({ kind: 'unix', path });
        chmodSync(path, MODE);
        if (place === 'beside') beside = path;
        return {
          fd,
          path,
          release: () => {
            closeSync(fd);
          },
        };
      } catch (error) {
        throw UpdateError.from(error, 'LISTEN_FAILED', `cannot listen on ${path}`);
      }
    },
    remove: (launchId) => {
      const path = pathOf(launchId);
      if (beside === path) beside = null;
      unlink(path);
    },
    removeAll: () => {
      try {
        for (const name of readdirSync(folder)) if (PATTERN.test(name)) unlink(join(folder, name));
      } catch (error) {
        throw UpdateError.from(error, 'LISTEN_FAILED', `cannot remove check addresses in ${folder}`);
      }
    },
  };
}
