import { UpdateError } from '../errors.ts';
import { CHECK_PATH, healthRequest, healthResponse } from '../grpc/health-messages.ts';
import type { HealthProbe, ProbeResult } from '../services/ports.ts';
import { callGrpc } from './grpc-call.ts';
import { answersAt, targetOf } from './probe-address.ts';
import { boundedLook } from './probe-look.ts';
import type { TlsFiles } from './tls-files.ts';

/** What {@link createGrpcProbe} needs. */
export interface GrpcProbeOptions {
  /** `grpc://host:port/service` or `grpcs://…`; the path is the service's name, and none is the server as a whole. */
  readonly url: string;
  /** The time that one look may take, ms. */
  readonly timeoutMs: number;
  /** A unix socket to connect to, instead of the URL's host. */
  readonly socket?: string | null;
  /** The authorities for `grpcs:`, instead of the built-in ones. */
  readonly tls?: TlsFiles | undefined;
}

function serviceOf(url: URL): string {
  try {
    return decodeURIComponent(url.pathname.replace(/^\//, ''));
  } catch (error) {
    throw new UpdateError(
      'CONFIG_INVALID',
      `expected the name of a service in probe.url, found ${url.href}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * The health check by `grpc.health.v1.Health/Check` (github.com/grpc/grpc/blob/master/doc/health-checking.md): `SERVING` is healthy.
 *
 * - `look` never takes longer than `timeoutMs`, and rejects only with `CANCELLED`.
 * - `answered`: see `answersAt`.
 *
 * @throws UpdateError `CONFIG_INVALID` where the URL names no port, or no service that can be read
 * @example
 * await createGrpcProbe({ url: 'grpc://127.0.0.1:7700', timeoutMs: 2_000 }).look(signal); // { healthy: true, detail: 'SERVING' }
 */
export function createGrpcProbe({
  url: address,
  timeoutMs,
  socket = null,
  tls,
}: GrpcProbeOptions): HealthProbe {
  const url = new URL(address);
  const service = serviceOf(url);
  const target = targetOf(url, socket);
  if (url.search !== '')
    throw new UpdateError('CONFIG_INVALID', `expected no query in probe.url, found ${address}`);
  const message = healthRequest.encode({ service });
  const call = { target, authority: url.host, path: CHECK_PATH, message, timeoutMs };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const look = async (stop: AbortSignal): Promise<ProbeResult> => {
    const ca = (await tls?.refresh())?.ca ?? null;
    const secure = url.protocol === 'grpcs:' ? { host, ca } : null;
    const found = healthResponse.decode(await callGrpc({ ...call, tls: secure }, stop));
    return { healthy: found === 'SERVING', detail: found };
  };
  return {
    address: socket === null ? address : `${address} at ${socket}`,
    look: (signal) => boundedLook({ timeoutMs, signal }, look),
    answered: (signal) => answersAt(target, signal),
  };
}
