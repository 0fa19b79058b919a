/**
 * By which name a listener may be called. A page of somebody else can have its own name point to this host (DNS rebinding), and is then
 * of the same origin as this listener for a browser; but it cannot change the name, which the browser sends as `Host`.
 */
import type { IncomingMessage } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import { UpdateError } from '../../errors.ts';

/** A host and its port, as `Host` names them; 80 where it names none (RFC 9110, section 7.2). */
export interface HostAndPort {
  /** Lower case; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; null when it is none. */
export function parseHost(text: string, defaultPort = 80): HostAndPort | null {
  const [, six, name, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = six ?? name;
  if (host === undefined || (six !== undefined && !isIPv6(six))) return null;
  const number = port === undefined ? defaultPort : Number(port);
  return number > 65_535 ? null : { host: host.toLowerCase(), port: number };
}

/** An address without the IPv6 form of an IPv4 one (RFC 4291, section 2.5.5.2), in one spelling. */
function plainAddress(address: string): string {
  const four = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (four !== undefined) return four;
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** Whether an address is one of the host itself. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain);
}

/** Judges the name by which a request calls. */
export type HostGuard = (request: IncomingMessage) => HostAndPort;

/** Whether a name is the address that a connection came to, with its port. */
function isOwn({ host, port }: HostAndPort, { localAddress = '', localPort }: Socket, own: string): boolean {
  const address = plainAddress(localAddress);
  const names = [address, own.toLowerCase(), ...(isLoopback(address) ? ['localhost'] : [])];
  return port === localPort && names.includes(plainAddress(host));
}

/**
 * Makes the guard of a listener: it may be called by the address that the connection came to, with its port; by `localhost` where that is
 * a loopback address; by the name that it was told to listen at; and by the names that the operator gave, with any port, since a
 * proxy may stand in between.
 *
 * @param own - the host in `control.http`
 * @param names - `control.hosts`
 * @returns throws UpdateError `HOST_NOT_ALLOWED`, also where there is no `Host` at all (HTTP/1.0) or more than one
 */
export function createHostGuard(own: string, names: readonly string[]): HostGuard {
  const known = new Set(names.map((name) => parseHost(name)?.host ?? name.toLowerCase()));
  return ({ headersDistinct, socket }) => {
    const given = headersDistinct['host'] ?? [];
    const called = parseHost(given.length === 1 ? (given[0] ?? '') : '');
    if (called !== null && (known.has(called.host) || isOwn(called, socket, own))) return called;
    throw new UpdateError(
      'HOST_NOT_ALLOWED',
      `expected one Host that is this listener’s address or in control.hosts, found ${given.length === 0 ? 'none' : given.join(', ').slice(0, 200)}`,
    );
  };
}

/**
 * Whether a request comes from a page of this listener, or from no page: by its `Origin` (RFC 6454), which a browser sends with everything
 * but a plain GET. The scheme is not looked at: a proxy may have taken TLS off.
 *
 * @param origin - the header; undefined: none was sent
 * @param called - what the request's `Host` says, once it was judged
 */
export function isOwnOrigin(origin: string, called: HostAndPort): boolean {
  const url = /^https?:\/\//.test(origin) ? URL.parse(origin) : null;
  if (url?.origin !== origin) return false;
  const from = parseHost(url.host, url.protocol === 'https:' ? 443 : 80);
  if (from?.host !== called.host) return false;
  // Behind a proxy with TLS `Host` names no port, and means 443.
  return from.port === called.port || (from.port === 443 && called.port === 80);
}
