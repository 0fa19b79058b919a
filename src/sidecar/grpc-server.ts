/**
 * The gRPC server of the sidecar service. It is loaded with the first connection (`grpc-port.ts`): loading it takes longer than
 * all else that the service does at its start.
 *
 * Invariant: no client can hold it up. Messages, streams, headers, the time that a request may take to arrive, and idle and old
 * connections have limits.
 */
import type { Socket } from 'node:net';
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  status,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { healthMethods } from './grpc-health.ts';
import { reflectionMethods } from './grpc-reflection.ts';
import { HEALTH_SERVICE, reflectionService } from './grpc-services.ts';
import type { Readiness } from './readiness.ts';

/** Limits, ms; the defaults unless told. */
export interface GrpcLimits {
  /** How long a request may take to arrive whole; 60 000. */
  readonly requestMs?: number;
  /** How long a connection may be without a call; 60 000. */
  readonly idleMs?: number;
}

/** A server without a listener. */
export interface GrpcServer {
  /** Serves a connection that was accepted. */
  serve(socket: Socket): void;
  /** Tells every connection that it is over (GOAWAY), and lets its calls finish. */
  drain(): void;
  /** Ends what is left. */
  destroy(): void;
}

const MESSAGE_BYTES = 16 * 1024;
const MAX_STREAMS = 100;
const MINUTE_MS = 60_000;

/** Ends calls whose request does not arrive in time; HTTP/2 has no such limit of its own. */
function requestWithin(ms: number): ServerInterceptor {
  return (_method, call) => {
    const timer = setTimeout(() => {
      bounded.sendStatus({ code: status.DEADLINE_EXCEEDED, details: 'the request did not arrive in time' });
    }, ms);
    timer.unref();
    const arrived = (): void => {
      clearTimeout(timer);
    };
    const bounded = new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveHalfClose: (then) => {
            arrived();
            then();
          },
          onCancel: arrived,
        });
      },
      sendStatus: (status, next) => {
        arrived();
        next(status);
      },
    });
    return bounded;
  };
}

/** Makes the server: `grpc.health.v1` and server reflection. */
export function createGrpcServer(readiness: Readiness, limits: GrpcLimits = {}): GrpcServer {
  const { requestMs = MINUTE_MS, idleMs = MINUTE_MS } = limits;
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_STREAMS,
    'grpc-node.max_session_memory': 1,
    'grpc.max_connection_idle_ms': idleMs,
    'grpc.max_connection_age_ms': 60 * MINUTE_MS,
    'grpc.max_connection_age_grace_ms': MINUTE_MS,
    'grpc.keepalive_time_ms': MINUTE_MS,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.enable_channelz': 0,
    interceptors: [requestWithin(requestMs)],
  });
  server.addService(HEALTH_SERVICE, healthMethods(readiness));
  const reflection = reflectionMethods();
  for (const edition of ['v1', 'v1alpha'] as const) server.addService(reflectionService(edition), reflection);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    serve: (socket) => {
      injector.injectConnection(socket);
    },
    drain: () => {
      server.tryShutdown(() => undefined);
    },
    destroy: () => {
      server.forceShutdown();
    },
  };
}
