/** The built-in sidecar service: the workload that is run unless another is configured. */
import type { AddressInfo } from 'node:net';
import type { ListenOn } from './address.ts';
import { createGrpcConnections } from './grpc-connections.ts';
import { openGrpcPort } from './grpc-port.ts';
import type { GrpcLimits } from './grpc-server.ts';
import { openHttpPort } from './http-port.ts';
import { createReadiness } from './readiness.ts';

/** How long requests in flight may take once the service is stopping, ms. */
const DRAIN_MS = 5_000;

/** Long enough for who sends often to send once more; short enough for who waits. */
const LINGER_MS = 200;

/** What {@link startSidecar} needs. */
export interface SidecarOptions {
  /** A port 0 is a free one. */
  readonly http: ListenOn;
  /** Absent or null: no gRPC. */
  readonly grpc?: ListenOn | null;
  /** The check address: what both ports answer, it answers too, to whoever speaks HTTP/1.1 or gRPC, and from the first moment on. */
  readonly check?: ListenOn | null;
  /** What is waited for, once the check address answers, before clients are taken; when it rejects, none are. */
  readonly promoted?: Promise<void>;
  readonly version: string;
  /** Shown by `/version`. */
  readonly tenant?: string | undefined;
  /** Told what people may want to know, one line each. */
  readonly log?: (line: string) => void;
  /** How long requests in flight may take once it is closed, ms; 5000 unless told. */
  readonly drainMs?: number;
  /**
   * How long idle HTTP connections are left open once it is closed, ms; unless told, 200 on a socket that was given, where new connections
   * wait meanwhile, and else 0.
   */
  readonly lingerMs?: number;
  readonly grpcLimits?: GrpcLimits;
}

/** A service that runs. */
export interface Sidecar {
  readonly address: AddressInfo;
  /** Of the gRPC port; null where there is none. */
  readonly grpcAddress: AddressInfo | null;
  /**
   * Says on both ports that it is not healthy any more, accepts nothing new, closes idle connections (on a socket that it was given,
   * after `lingerMs`), lets what is in flight finish for 5 s, then closes what is left. Again: the same promise.
   */
  close(): Promise<void>;
}

/**
 * Starts the service: HTTP (`openHttpPort`) and gRPC (`openGrpcPort`), whose health is the same.
 *
 * @returns once it accepts connections
 * @throws UpdateError `CONFIG_INVALID` when it cannot listen; Node's own error is its `cause`
 * @example
 * const sidecar = await startSidecar({ http: { host: '127.0.0.1', port: 7701 }, version: '1.0.0' });
 * await sidecar.close();
 */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { version, tenant, drainMs = DRAIN_MS, log = () => undefined, grpcLimits: limits } = options;
  const readiness = createReadiness();
  const common = { readiness, log };
  const { lingerMs = 'fd' in options.http ? LINGER_MS : 0 } = options;
  const check = options.check
    ? await openHttpPort({
        ...common,
        listen: options.check,
        version,
        tenant,
        lingerMs: 0,
        grpc: createGrpcConnections({ ...common, limits }),
      })
    : null;
  let http;
  try {
    await options.promoted;
    http = await openHttpPort({ ...common, listen: options.http, version, tenant, lingerMs });
  } catch (error) {
    await check?.close(0);
    throw error;
  }
  let grpc;
  try {
    grpc = options.grpc ? await openGrpcPort({ ...common, listen: options.grpc, limits }) : null;
  } catch (error) {
    await http.close(0);
    await check?.close(0);
    throw error;
  }
  let closing: Promise<unknown> | null = null;
  return {
    address: http.address,
    grpcAddress: grpc?.address ?? null,
    close: async () => {
      readiness.drain();
      await (closing ??= Promise.all([http.close(drainMs), grpc?.close(drainMs), check?.close(drainMs)]));
    },
  };
}
