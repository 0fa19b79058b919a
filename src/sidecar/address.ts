import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { UpdateError, hasErrno } from '../errors.ts';

/** Where the service listens; no host means every address of this machine. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** An address to listen on, or a socket that listens already. */
export type ListenOn = ListenAddress | { readonly fd: number };

/**
 * Reads `host:port`, `[v6]:port` or `:port`.
 *
 * @param name - the variable that it comes from, for the message
 * @throws UpdateError `CONFIG_INVALID` for anything else
 * @example
 * parseAddress('CORESDK_HTTP_ADDR', ':7701'); // { host: undefined, port: 7701 }
 */
export function parseAddress(name: string, value: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || !(port <= 65_535))
    throw new UpdateError(
      'CONFIG_INVALID',
      `expected ${name} to be host:port or :port with a port up to 65535, found ${JSON.stringify(value)}`,
    );
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? undefined : host, port };
}

/**
 * Has a server listen.
 *
 * @returns the address, once it accepts connections
 * @throws UpdateError `CONFIG_INVALID` when it cannot; Node's own error is its `cause`
 */
export async function listenOn(server: Server, on: ListenOn): Promise<AddressInfo> {
  server.listen('fd' in on ? { fd: on.fd } : { host: on.host, port: on.port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const where = 'fd' in on ? `descriptor ${String(on.fd)}` : `${on.host ?? '*'}:${String(on.port)}`;
    if (!hasErrno(error, 'EADDRINUSE'))
      throw UpdateError.from(error, 'CONFIG_INVALID', `cannot listen on ${where}`);
    const message = `expected ${where} to be free, found that it is in use`;
    throw new UpdateError('CONFIG_INVALID', message, { cause: error });
  }
  // A TCP server that listens has an address of this kind.
  return server.address() as AddressInfo;
}

/** How a listening address is written in a URL: `127.0.0.1:7701`, `[::1]:7701`. */
export function hostAndPort({ address, family, port }: AddressInfo): string {
  return `${family === 'IPv6' ? `[${address}]` : address}:${String(port)}`;
}
