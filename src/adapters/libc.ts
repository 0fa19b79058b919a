/**
 * The few system calls that Node has no words for: a socket that listens and is not accepted on, the flags of a descriptor, and waiting
 * for a child that Node does not know. Called
 * through `node:ffi`, which Node 26.10 has without a flag (docs/decisions/0018-holding-the-listening-sockets.md).
 *
 * Invariant: nothing but whole numbers, and buffers of this file's own making, is handed to a function of the C library.
 */
import { chmodSync, closeSync, unlinkSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { UpdateError } from '../errors.ts';
import { sockaddrOf, type ListenAddress } from '../sockets/listen-address.ts';

// The same on every Linux that Node's ffi is built for (x64, arm64, arm, riscv64, loong64).
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0o4000;
const WNOHANG = 1;

/** Connections that wait until somebody accepts them; the kernel takes `net.core.somaxconn` where that is less. */
const BACKLOG = 4096;

const FUNCTIONS = {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  setsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'u32'], return: 'i32' },
  bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  listen: { arguments: ['i32', 'i32'], return: 'i32' },
  fcntl: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  waitpid: { arguments: ['i32', 'buffer', 'i32'], return: 'i32' },
  __errno_location: { arguments: [], return: 'pointer' },
} as const;

/** How {@link Libc.listen} makes a socket. */
export interface ListenOptions {
  /** Of the file of a unix socket; as the umask has it unless told. */
  readonly mode?: number;
  /** Whether an IPv6 socket leaves IPv4 to another one (ipv6(7), `IPV6_V6ONLY`); as the system has it unless told. */
  readonly v6Only?: boolean;
}

/** What this program asks of the C library. */
export interface Libc {
  /**
   * A socket that is bound and listens, and on which nobody accepts; blocking, and closed by `exec`. Where it fails, no file is left.
   *
   * @throws an error with an errno `code` (`EADDRINUSE`, `EACCES`, …); UpdateError `LISTEN_FAILED` for a path that is too long
   */
  listen(address: ListenAddress, options?: ListenOptions): number;
  /** Takes `O_NONBLOCK` off the open file description, so for everybody who shares it. */
  setBlocking(fd: number): void;
  /** Whether the descriptor outlasts an `exec`. */
  setInherited(fd: number, inherited: boolean): void;
  /**
   * Waits for a child that has ended, which frees its entry in the table of processes. Never for one that Node started itself: Node
   * would wait for it for ever.
   *
   * @returns whether there was one; false for a process that runs, or is nobody of ours
   */
  reap(pid: number): boolean;
}

type Ffi = ReturnType<typeof process.getBuiltinModule<'node:ffi'>>;

/** Loads the module without its warning on stderr: that it is experimental is weighed in the decision, not by each operator. */
function loadFfi(): Ffi {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule('node:ffi');
  } finally {
    process.emitWarning = emitWarning;
  }
}

/**
 * Finds the functions in the program itself, to which the C library is linked.
 *
 * @throws UpdateError `LISTEN_FAILED` where this runtime has no `node:ffi`, or not these functions
 */
export function openLibc(): Libc {
  try {
    const ffi = loadFfi();
    const { functions } = ffi.dlopen(null, FUNCTIONS);
    const done = (result: number, call: string): number => {
      if (result >= 0) return result;
      const errno = ffi.getInt32(functions.__errno_location(), 0);
      const code = getSystemErrorName(-errno);
      throw Object.assign(new Error(`${call}: ${code}`), { code, syscall: call });
    };
    return {
      listen: (address, { mode, v6Only = false } = {}) => {
        const { family, bytes } = sockaddrOf(address);
        const fd = done(functions.socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket');
        const set = (level: number, option: number): void => {
          const yes = Buffer.from(new Int32Array([1]).buffer);
          done(functions.setsockopt(fd, level, option, yes, yes.length), 'setsockopt');
        };
        let made: string | null = null;
        try {
          if (address.kind === 'tcp') set(SOL_SOCKET, SO_REUSEADDR);
          if (v6Only) set(IPPROTO_IPV6, IPV6_V6ONLY);
          done(functions.bind(fd, bytes, bytes.length), 'bind');
          if (address.kind === 'unix') made = address.path;
          // Before it listens: until then nobody can connect, whatever the umask says.
          if (made !== null && mode !== undefined) chmodSync(made, mode);
          done(functions.listen(fd, BACKLOG), 'listen');
          return fd;
        } catch (error) {
          closeSync(fd);
          if (made !== null) unlinkSync(made);
          throw error;
        }
      },
      setBlocking: (fd) => {
        const flags = done(functions.fcntl(fd, F_GETFL, 0), 'fcntl');
        done(functions.fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 'fcntl');
      },
      setInherited: (fd, inherited) => {
        done(functions.fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC), 'fcntl');
      },
      // A pid, and never -1 or a group: those are other processes as well.
      reap: (pid) => pid > 0 && functions.waitpid(pid, Buffer.alloc(4), WNOHANG) === pid,
    };
  } catch (error) {
    throw UpdateError.from(
      error,
      'LISTEN_FAILED',
      'expected a runtime with node:ffi (Node 26.10), which holding sockets needs',
    );
  }
}
