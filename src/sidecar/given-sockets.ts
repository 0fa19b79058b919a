import { parseListen } from '../sockets/listen-address.ts';
import { takeInheritedSockets } from '../sockets/inherited-sockets.ts';
import { inodeOf, readNetSockets } from '../sockets/net-sockets.ts';
import { CHECK_SOCKET_NAME } from '../sockets/check-socket-name.ts';
import type { ListenAddress, ListenOn } from './address.ts';

/** Where each port listens. */
export interface Ports {
  readonly http: ListenOn;
  readonly grpc: ListenOn | null;
  /** The check address, where two versions may run at once; null where there is none. */
  readonly check: { readonly fd: number } | null;
}

interface Given {
  readonly fd: number;
  readonly name: string | null;
  /** Null where it is no listening TCP socket. */
  readonly port: number | null;
}

async function given(env: NodeJS.ProcessEnv): Promise<Given[]> {
  const inherited = takeInheritedSockets(env, process.pid);
  // Nothing of /proc is read where nothing was given.
  if (inherited.length === 0) return [];
  const listening = (await readNetSockets()).filter(({ state }) => state === 'listening');
  return inherited.map(({ fd, name }) => {
    const inode = inodeOf(fd);
    const local = listening.find((socket) => socket.inode === inode)?.local;
    const address = local === undefined ? null : parseListen(local);
    return { fd, name, port: address?.kind === 'tcp' ? address.port : null };
  });
}

/**
 * The sockets that this process was given (sd_listen_fds(3)), in place of the addresses that it would listen on by itself: one that is
 * called `http` or `grpc`, else one with the port's own number, TCP only; and the one that is called `check`.
 *
 * @param env - `process.env`; what is about descriptors is removed from it
 * @param own - where the ports listen when they are given nothing
 * @param log - told of a socket that no port takes: whoever connects to it is never answered
 */
export async function portsOf(
  env: NodeJS.ProcessEnv,
  own: { readonly http: ListenAddress; readonly grpc: ListenAddress | null },
  log: (line: string) => void,
): Promise<Ports> {
  const sockets = await given(env);
  const taken = new Set<Given>();
  const take = (name: string, address: ListenAddress): ListenOn => {
    const free = sockets.filter((socket) => socket.port !== null && !taken.has(socket));
    const found =
      free.find((socket) => socket.name === name) ?? free.find(({ port }) => port === address.port);
    if (found === undefined) return address;
    taken.add(found);
    return { fd: found.fd };
  };
  const http = take('http', own.http);
  const grpc = own.grpc === null ? null : take('grpc', own.grpc);
  // The last: an operator's own may be called so, too.
  const check = sockets.findLast(({ name }) => name === CHECK_SOCKET_NAME);
  if (check !== undefined) taken.add(check);
  for (const socket of sockets)
    if (!taken.has(socket))
      log(
        `was given a socket that it has no use for: descriptor ${String(socket.fd)}, ${socket.name ?? 'unnamed'}`,
      );
  return { http, grpc, check: check === undefined ? null : { fd: check.fd } };
}
