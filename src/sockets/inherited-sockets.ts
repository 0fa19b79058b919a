/**
 * Descriptors that this process was started with: from systemd (sd_listen_fds(3)), or from the daemon that it was a moment ago, which
 * became this one by `execve`.
 */

/** A descriptor, and what it was called. */
export interface InheritedSocket {
  readonly fd: number;
  /** Null where nobody named it. */
  readonly name: string | null;
  /** Whether the daemon before made its file. */
  readonly made?: boolean;
}

/**
 * Names the sockets that outlast an `execve`: `PID:FD=NAME:FD=NAME…`, then `FD!` for each whose file the daemon made (which the first daemons
 * pass over); the pid stays the same, so no child takes them for its own.
 */
export const HELD_SOCKETS_VARIABLE = 'CORESDK_HELD_SOCKETS';

/** The first descriptor of the convention (`SD_LISTEN_FDS_START`). */
export const LISTEN_FDS_START = 3;

const OF_SYSTEMD = ['LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;

/** Says which descriptors a process of this pid has when it is started again; see {@link takeInheritedSockets}. */
export function heldSocketsText(pid: number, sockets: readonly InheritedSocket[]): string {
  const named = sockets.map(({ fd, name }) => `${String(fd)}=${name ?? ''}`);
  const made = sockets.filter((socket) => socket.made === true).map(({ fd }) => `${String(fd)}!`);
  return [String(pid), ...named, ...made].join(':');
}

function ofPredecessor(text: string, pid: number): InheritedSocket[] {
  const [owner, ...entries] = text.split(':');
  if (owner !== String(pid)) return [];
  return entries.flatMap((entry) => {
    const [, fd, name = ''] = /^(\d+)=(.*)$/.exec(entry) ?? [];
    if (fd === undefined) return [];
    const made = entries.includes(`${fd}!`) ? { made: true } : {};
    return [{ fd: Number(fd), name: name === '' ? null : name, ...made }];
  });
}

function ofSystemd(env: Readonly<NodeJS.ProcessEnv>, pid: number): InheritedSocket[] {
  const count = Number(env['LISTEN_FDS'] ?? '0');
  if (env['LISTEN_PID'] !== String(pid) || !Number.isSafeInteger(count)) return [];
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  return Array.from({ length: count }, (_, index) => {
    const name = names[index] ?? '';
    return { fd: LISTEN_FDS_START + index, name: name === '' || name === 'unknown' ? null : name };
  });
}

/**
 * The descriptors that this process was given, taken out of the environment: no child may take them for its own.
 *
 * @param env - `process.env`; what is about descriptors is removed from it
 * @param pid - this process
 * @example
 * const inherited = takeInheritedSockets(process.env, process.pid);
 */
export function takeInheritedSockets(env: NodeJS.ProcessEnv, pid: number): InheritedSocket[] {
  const carried = env[HELD_SOCKETS_VARIABLE];
  const taken = carried === undefined ? ofSystemd(env, pid) : ofPredecessor(carried, pid);
  for (const name of [HELD_SOCKETS_VARIABLE, ...OF_SYSTEMD]) Reflect.deleteProperty(env, name);
  return taken;
}
