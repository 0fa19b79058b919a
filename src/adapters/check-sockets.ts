/**
 * The check addresses of versions that overlap: each launch gets a listening socket of its own, so that a version can be asked how it
 * is while another one runs on the same listening sockets.
 *
 * Invariants:
 * - The path follows from the id of the launch: whoever finds the record of a process knows what to remove with it.
 * - The daemon keeps no descriptor of one behind the launch: when the program has gone, nobody answers there.
 */
import { closeSync, existsSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { UpdateError, hasErrno } from '../errors.ts';
import type { Place } from '../services/ports.ts';
import { openLibc, type Libc } from './libc.ts';

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
  /** The address of what was last launched in a place, while it is there. */
  pathOf(place: Place): string | null;
  /** What was launched beside is in the place `main` now. */
  relieve(): void;
  /** Makes it, and listens. `LISTEN_FAILED` */
  open(launchId: string, place: Place): CheckSocket;
  /** That of a launch which an earlier daemon made is the one in the place `main`; nothing where that had none. */
  adopt(launchId: string): void;
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
  const nameOf = (launchId: string): string => join(folder, `check-${launchId.slice(0, ID_LENGTH)}.sock`);
  const latest = new Map<Place, string>();
  let libc: Libc | null = null;
  return {
    pathOf: (place) => latest.get(place) ?? null,
    relieve: () => {
      const path = latest.get('beside');
      latest.delete('beside');
      if (path !== undefined) latest.set('main', path);
    },
    open: (launchId, place) => {
      const path = nameOf(launchId);
      unlink(path);
      try {
        libc ??= openLibc();
        const fd = libc.listen({ kind: 'unix', path }, { mode: MODE });
        latest.set(place, path);
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
    adopt: (launchId) => {
      const path = nameOf(launchId);
      if (existsSync(path)) latest.set('main', path);
    },
    remove: (launchId) => {
      const path = nameOf(launchId);
      for (const [place, its] of latest) if (its === path) latest.delete(place);
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
