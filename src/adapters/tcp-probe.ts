import { UpdateError } from '../errors.ts';
import type { HealthProbe } from '../services/ports.ts';
import { answersAt, openConnection, targetOf } from './probe-address.ts';
import { boundedLook } from './probe-look.ts';

/** What {@link createTcpProbe} needs. */
export interface TcpProbeOptions {
  /** `tcp://host:port`. */
  readonly url: string;
  /** The time that one look may take, ms. */
  readonly timeoutMs: number;
  /** A unix socket to connect to, instead of the URL's host. */
  readonly socket?: string | null;
}

/**
 * The health check that only opens a TCP connection, and closes it. A program that hangs, but still listens, is healthy to it.
 *
 * @throws UpdateError `CONFIG_INVALID` where the URL names no port, or anything after it
 * @example
 * await createTcpProbe({ url: 'tcp://127.0.0.1:5432', timeoutMs: 2_000 }).look(signal); // { healthy: true, detail: 'connection opened' }
 */
export function createTcpProbe({ url, timeoutMs, socket = null }: TcpProbeOptions): HealthProbe {
  const { pathname, search } = new URL(url);
  const target = targetOf(new URL(url), socket);
  if (!['', '/'].includes(pathname) || search !== '')
    throw new UpdateError('CONFIG_INVALID', `expected probe.url to be tcp://host:port, found ${url}`);
  return {
    address: socket === null ? url : `${url} at ${socket}`,
    look: (signal) =>
      boundedLook({ timeoutMs, signal }, async (stop) => {
        (await openConnection(target, stop)).destroy();
        return { healthy: true, detail: 'connection opened' };
      }),
    answered: (signal) => answersAt(target, signal),
  };
}
