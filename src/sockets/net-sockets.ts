/** The sockets of this network namespace, as Linux tells of them in `/proc/net` (proc(5)), and who has which open. */
import { readdirSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UpdateError, hasErrno } from '../errors.ts';
import { canonicalIpv6, listenText } from './listen-address.ts';

/** A socket. */
export interface NetSocket {
  /** What tells it from every other, as in `/proc/<pid>/fd`. */
  readonly inode: string;
  /** Its own address, in the words of `workload.listen`. */
  readonly local: string;
  readonly state: 'listening' | 'connected' | 'other';
}

// include/net/tcp_states.h and include/linux/net.h. A client in CLOSE_WAIT (08) sends no more, and may wait for its answer.
const TCP_STATES: Readonly<Record<string, NetSocket['state']>> = {
  '0A': 'listening',
  '01': 'connected',
  '08': 'connected',
};
const UNIX_ACCEPTS = 0x1_0000;
const UNIX_CONNECTED = '03';

/** The bytes of an address are written as words of the host's own order. */
function hostOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return canonicalIpv6(words.join(':')) ?? hex;
}

/** Reads `/proc/net/tcp` or `/proc/net/tcp6`. */
export function parseTcpSockets(text: string, family: 4 | 6): NetSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local, , state = '', , , , , , inode] = line.trim().split(/\s+/);
      const [hex, port] = local?.split(':') ?? [];
      if (hex === undefined || port === undefined || inode === undefined) return [];
      const host = hostOf(hex);
      const text = listenText({ kind: 'tcp', family, host, port: Number.parseInt(port, 16) });
      return [{ inode, local: text, state: TCP_STATES[state] ?? 'other' }];
    });
}

/** Reads `/proc/net/unix`: stream sockets with a path. */
export function parseUnixSockets(text: string): NetSocket[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\S+: \S+ \S+ (\S+) 0001 (\S+)\s+(\d+) (\/.*)$/.exec(line);
    const [, flags = '', state, inode = '', path = ''] = match ?? [];
    if (match === null) return [];
    const accepts = (Number.parseInt(flags, 16) & UNIX_ACCEPTS) !== 0;
    return [
      {
        inode,
        local: `unix:${path}`,
        state: accepts ? ('listening' as const) : state === UNIX_CONNECTED ? 'connected' : 'other',
      },
    ];
  });
}

async function readNet(name: string): Promise<string> {
  try {
    return await readFile(`/proc/net/${name}`, 'utf8');
  } catch (error) {
    // A kernel without IPv6 has no tcp6.
    if (hasErrno(error, 'ENOENT')) return '';
    throw UpdateError.from(error, 'INTERNAL', `cannot read /proc/net/${name}`);
  }
}

/** All TCP and unix stream sockets of this network namespace. */
export async function readNetSockets(): Promise<NetSocket[]> {
  const [tcp, tcp6, unix] = await Promise.all(['tcp', 'tcp6', 'unix'].map(readNet));
  return [
    ...parseTcpSockets(tcp ?? '', 4),
    ...parseTcpSockets(tcp6 ?? '', 6),
    ...parseUnixSockets(unix ?? ''),
  ];
}

/** The inode of the socket that a link in `/proc/<pid>/fd` leads to; null when it is none, or gone. */
function inodeAt(link: string): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1] ?? null;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EBADF')) return null;
    throw UpdateError.from(error, 'INTERNAL', `cannot read ${link}`);
  }
}

/** The inode of a socket of this process; null when the descriptor is none. */
export function inodeOf(fd: number): string | null {
  return inodeAt(`/proc/self/fd/${String(fd)}`);
}

/** The inodes of the sockets that a process has open; null when it has gone, or we may not look. */
export function socketsOf(pid: number): Set<string> | null {
  const folder = `/proc/${String(pid)}/fd`;
  try {
    const links = readdirSync(folder);
    return new Set(links.map((fd) => inodeAt(`${folder}/${fd}`)).filter((inode) => inode !== null));
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return null;
    throw UpdateError.from(error, 'INTERNAL', `cannot read ${folder}`);
  }
}

/** The processes, other than those of `except`, that have one of the sockets open, as far as we may look. */
export async function holdersOf(inodes: ReadonlySet<string>, except: ReadonlySet<number>): Promise<number[]> {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const holders: number[] = [];
  for (const [index, pid] of pids.entries()) {
    // Reading links one by one through the thread pool takes ten times as long; a breath now and then keeps the rest alive.
    if (index % 64 === 63) await new Promise(setImmediate);
    if (except.has(pid)) continue;
    const open = socketsOf(pid);
    if (open !== null && !inodes.isDisjointFrom(open)) holders.push(pid);
  }
  return holders;
}
