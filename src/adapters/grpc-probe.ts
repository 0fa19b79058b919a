/**
 * The health check by `grpc.health.v1.Health/Check` (github.com/grpc/grpc/blob/master/doc/health-checking.md). Loaded only where
 * it is configured: the library is large.
 */
import { Client, Metadata, credentials, status, type ClientOptions, type ServiceError } from '@grpc/grpc-js';
import { UpdateError } from '../errors.ts';
import { CHECK_PATH, healthRequest, healthResponse, type ServingStatus } from '../grpc/health-messages.ts';
import type { HealthProbe, ProbeResult } from '../services/ports.ts';
import { answersAt, targetOf } from './probe-address.ts';
import { boundedLook, oneLine } from './probe-look.ts';
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

const MESSAGE_BYTES = 16 * 1024;

/** Each look is a connection of its own, straight to its target. */
const OPTIONS: ClientOptions = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.max_receive_message_length': MESSAGE_BYTES,
  'grpc.max_send_message_length': MESSAGE_BYTES,
  'grpc.enable_channelz': 0,
};

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

function describe({ code, details }: ServiceError): string {
  if (details.includes('ECONNREFUSED')) return 'connection refused';
  return oneLine(`gRPC ${status[code]}: ${details}`);
}

function check(client: Client, service: string, deadline: number, stop: AbortSignal): Promise<ServingStatus> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      CHECK_PATH,
      healthRequest.encode,
      healthResponse.decode,
      { service },
      new Metadata(),
      { deadline },
      (error, value) => {
        stop.removeEventListener('abort', cancel);
        if (error !== null) reject(error.code === status.CANCELLED ? error : new Error(describe(error)));
        else resolve(value ?? 'UNKNOWN');
      },
    );
    const cancel = (): void => {
      call.cancel();
      reject(new UpdateError('CANCELLED', 'the work was cancelled', { cause: stop.reason }));
    };
    if (stop.aborted) cancel();
    else stop.addEventListener('abort', cancel, { once: true });
  });
}

/**
 * Makes the check: `SERVING` is healthy.
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
  const look = async (stop: AbortSignal): Promise<ProbeResult> => {
    const ca = (await tls?.refresh())?.ca ?? null;
    const client = new Client(
      'path' in target ? `unix:${target.path}` : url.host,
      url.protocol === 'grpcs:'
        ? credentials.createSsl(ca === null ? null : Buffer.from(ca))
        : credentials.createInsecure(),
      { ...OPTIONS, 'grpc.default_authority': url.host },
    );
    try {
      const found = await check(client, service, Date.now() + timeoutMs, stop);
      return { healthy: found === 'SERVING', detail: found };
    } finally {
      client.close();
    }
  };
  return {
    address: socket === null ? address : `${address} at ${socket}`,
    look: (signal) => boundedLook({ timeoutMs, signal }, look),
    answered: (signal) => answersAt(target, signal),
  };
}
