/** Addresses of listening sockets: as the configuration writes them, as the kernel takes them, and as it tells of them. */
import { UpdateError } from '../errors.ts';

/** Where a socket listens. The host is a literal address: canonical, IPv6 without brackets. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly family: 4 | 6; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

// socket.h of Linux.
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** The longest path of a unix socket, bytes: `sun_path` of unix(7), without the zero at its end. */
const PATH_MAX = 107;

/** The longest name in `LISTEN_FDNAMES` (sd_listen_fds_with_names(3)). */
const NAME_MAX = 255;

/** The shortest spelling of an IPv6 address (RFC 5952, without a dotted quad). */
export function canonicalIpv6(text: string): string | null {
  return URL.parse(`http://[${text}]`)?.hostname.slice(1, -1) ?? null;
}

/**
 * Reads `tcp://HOST:PORT`, HOST being a literal address or `localhost` (127.0.0.1), or `unix:/PATH`.
 *
 * @throws UpdateError `CONFIG_INVALID` for anything else
 * @example
 * parseListen('tcp://[::1]:7700'); // { kind: 'tcp', family: 6, host: '::1', port: 7700 }
 */
export function parseListen(spec: string): ListenAddress {
  if (spec.startsWith('unix:/')) return { kind: 'unix', path: spec.slice('unix:'.length) };
  const match = /^tcp:\/\/(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(spec);
  const [, six, four = '', digits = ''] = match ?? [];
  const port = Number(digits);
  const host = six === undefined ? (four === 'localhost' ? '127.0.0.1' : four) : canonicalIpv6(six);
  const isLiteral = six !== undefined || URL.parse(`http://${host ?? ''}`)?.hostname === host;
  if (match === null || host === null || !isLiteral || port < 1 || port > 65_535)
    throw new UpdateError(
      'CONFIG_INVALID',
      `expected workload.listen to hold tcp://ADDRESS:PORT or unix:/PATH, found ${spec}`,
    );
  return { kind: 'tcp', family: six === undefined ? 4 : 6, host, port };
}

/** The address as `parseListen` reads it. */
export function listenText(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { family, host, port } = address;
  return `tcp://${family === 6 ? `[${host}]` : host}:${String(port)}`;
}

/**
 * The name in `LISTEN_FDNAMES` of a socket to which nobody gave one: its address, each run of other characters than letters, digits,
 * `.`, `_` being one `-`. It never holds a `:`, which separates names.
 *
 * @example
 * listenName({ kind: 'tcp', family: 4, host: '127.0.0.1', port: 7700 }); // tcp-127.0.0.1-7700
 */
export function listenName(address: ListenAddress): string {
  return listenText(address)
    .replaceAll(/[^A-Za-z0-9._]+/g, '-')
    .slice(0, NAME_MAX);
}

/** The 16 bytes of a canonical IPv6 address. */
function ipv6Bytes(host: string): Buffer {
  const [head = '', tail] = host.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const before = words(head);
  const after = words(tail ?? '');
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
  const bytes = Buffer.alloc(16);
  for (const [index, word] of all.entries()) bytes.writeUInt16BE(word, index * 2);
  return bytes;
}

/**
 * The address as bind(2) takes it: ip(7), ipv6(7), unix(7).
 *
 * @throws UpdateError `LISTEN_FAILED` for a path that is too long for a socket
 */
export function sockaddrOf(address: ListenAddress): { readonly family: number; readonly bytes: Buffer } {
  const start = (family: number): Buffer => Buffer.from(new Uint16Array([family]).buffer);
  if (address.kind === 'unix') {
    const path = Buffer.from(address.path);
    if (path.length > PATH_MAX)
      throw new UpdateError(
        'LISTEN_FAILED',
        `expected a socket’s path of at most ${String(PATH_MAX)} bytes, found ${String(path.length)}: ${address.path}`,
      );
    return { family: AF_UNIX, bytes: Buffer.concat([start(AF_UNIX), path, Buffer.alloc(1)]) };
  }
  const port = Buffer.alloc(2);
  port.writeUInt16BE(address.port);
  if (address.family === 4) {
    const host = Buffer.from(address.host.split('.').map(Number));
    return { family: AF_INET, bytes: Buffer.concat([start(AF_INET), port, host, Buffer.alloc(8)]) };
  }
  const flow = Buffer.alloc(4);
  const scope = Buffer.alloc(4);
  return {
    family: AF_INET6,
    bytes: Buffer.concat([start(AF_INET6), port, flow, ipv6Bytes(address.host), scope]),
  };
}
