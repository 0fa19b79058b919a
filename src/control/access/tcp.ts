/** The address of the TCP listener. */
import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { UpdateError } from '../../errors.ts';
import { isLoopback, parseHost, type HostAndPort } from './host.ts';

/** Where a listener is. */
export interface ListeningAt {
  /** The address that was bound. */
  readonly address: string;
  readonly port: number;
  readonly url: string;
}

/**
 * Reads `control.http`.
 *
 * @throws UpdateError `CONFIG_INVALID`
 */
export function parseListenAddress(text: string): HostAndPort {
  const parsed = parseHost(text, NaN);
  if (parsed !== null && !Number.isNaN(parsed.port)) return parsed;
  throw new UpdateError('CONFIG_INVALID', `control.http: expected host:port, found ${text}`);
}

/**
 * Listens on TCP.
 *
 * @throws UpdateError `CONFIG_INVALID` when that address cannot be listened at
 */
export async function listenTcp(server: Server, { host, port }: HostAndPort): Promise<ListeningAt> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const refuse = (error: Error): void => {
    reject(
      UpdateError.from(error, 'CONFIG_INVALID', `control.http: cannot listen at ${host}:${String(port)}`),
    );
  };
  server.once('error', refuse);
  server.listen({ host, port }, () => {
    resolve(undefined);
  });
  await promise;
  server.off('error', refuse);
  const bound = server.address();
  if (bound === null || typeof bound === 'string')
    throw new UpdateError('INTERNAL', 'expected an address of the TCP listener, found none');
  const { address, port: taken } = bound;
  const name = isIPv6(address) ? `[${address}]` : address;
  return { address, port: taken, url: `http://${name}:${String(taken)}` };
}

/** What an operator should know of where a listener is; null when nobody but this host can reach it. */
export function exposure({ address, url }: ListeningAt): string | null {
  if (isLoopback(address)) return null;
  return `control.http: ${url} can be reached from other hosts, and the token goes over the network in clear; put a proxy with TLS before it, or listen at 127.0.0.1`;
}
