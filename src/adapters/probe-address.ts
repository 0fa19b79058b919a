/** Where a probe connects to, and whether anybody is there. */
import { connect, type Socket } from 'node:net';
import { UpdateError, hasErrno } from '../errors.ts';
import { throwIfCancelled } from './disk-errors.ts';

/** How long {@link answersAt} waits for a connection, ms. */
const CONNECT_MS = 500;

/** Nobody can be listening there, as far as this host can tell. */
const NOBODY = [
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  // A unix socket whose file is not there.
  'ENOENT',
  'ENOTDIR',
] as const;

/** The end of a connection: TCP, or a unix socket. */
export type ProbeTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/** The ports that a URL means when it names none. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/**
 * Where a probe's URL leads.
 *
 * @param socket - a unix socket to use instead, absolute path
 * @throws UpdateError `CONFIG_INVALID` where the URL names no port and has none by itself
 */
export function targetOf(url: URL, socket: string | null): ProbeTarget {
  if (socket !== null) return { path: socket };
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port);
  if (port === undefined)
    throw new UpdateError('CONFIG_INVALID', `expected a port in probe.url, found ${url.href}`);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

/**
 * Opens a connection.
 *
 * @param signal - ends the attempt
 * @returns a socket that is the caller's to destroy; rejects with Node's own errors
 */
export function openConnection(target: ProbeTarget, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(target);
    const onAbort = (): void => {
      socket.destroy();
      reject(new UpdateError('CANCELLED', 'the work was cancelled', { cause: signal.reason }));
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', reject).on('error', () => socket.destroy());
      resolve(socket);
    });
    socket.once('error', (error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
  });
}

/**
 * Whether somebody accepts connections at an address. A listener that lets the connection hang for 500 ms counts as one, since it
 * holds the address: its queue is full, so that its SYN is dropped and not refused. So does one that may not be asked.
 *
 * @throws UpdateError `CANCELLED`
 */
export async function answersAt(target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
  throwIfCancelled(signal);
  const timeout = AbortSignal.timeout(CONNECT_MS);
  try {
    const socket = await openConnection(target, AbortSignal.any([signal, timeout]));
    socket.destroy();
    throwIfCancelled(signal);
    return true;
  } catch (error) {
    throwIfCancelled(signal);
    return !hasErrno(error, ...NOBODY);
  }
}
