/** Binds the addresses of `workload.listen`. */
import { lstatSync, unlinkSync } from 'node:fs';
import { UpdateError, hasErrno } from '../errors.ts';
import { listenText, type ListenAddress } from '../sockets/listen-address.ts';
import type { Libc } from './libc.ts';
import { answersAt } from './probe-address.ts';

/** Who may connect to a unix socket that was made here: the daemon's user and group. */
const UNIX_MODE = 0o660;

/** The error of an address that could not be had, with what is known of who has it. */
function failed(address: ListenAddress, error: unknown): UpdateError {
  const where = listenText(address);
  if (hasErrno(error, 'EADDRINUSE'))
    return new UpdateError(
      'LISTEN_FAILED',
      `expected ${where} to be free, found that it is in use: by another program, or by a workload that binds it itself`,
      { cause: error },
    );
  if (hasErrno(error, 'EADDRNOTAVAIL'))
    return new UpdateError('LISTEN_FAILED', `expected ${where} to be an address of this host`, {
      cause: error,
    });
  const why = hasErrno(error, 'EACCES', 'EPERM') ? ' (ports under 1024 need CAP_NET_BIND_SERVICE)' : '';
  return UpdateError.from(
    error,
    'LISTEN_FAILED',
    `cannot listen on ${where}${address.kind === 'tcp' ? why : ''}`,
  );
}

/** Removes what a program left behind that did not clean up; what answers stays, and then cannot be bound. */
async function removeStale(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) return;
    if (!(await answersAt({ path }, new AbortController().signal))) unlinkSync(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}

/** Whether the address takes IPv4 in, too, where the system does not have it otherwise (ipv6(7)). */
const isEverywhere = (address: ListenAddress): boolean => address.kind === 'tcp' && address.host === '::';

/**
 * A socket that listens on an address, and on which nobody accepts.
 *
 * @param all - every address that is wanted: `[::]` leaves IPv4 to another one of them that has its port
 * @throws UpdateError `LISTEN_FAILED`
 */
export async function bindSocket(
  libc: Libc,
  address: ListenAddress,
  all: readonly ListenAddress[],
): Promise<number> {
  try {
    if (address.kind === 'unix') {
      await removeStale(address.path);
      return libc.listen(address, { mode: UNIX_MODE });
    }
    const shares = all.some((it) => it.kind === 'tcp' && it.family === 4 && it.port === address.port);
    return libc.listen(address, { v6Only: isEverywhere(address) && shares });
  } catch (error) {
    throw failed(address, error);
  }
}
