import { createServer, type AddressInfo, type Socket } from 'node:net';
import { listenOn, type ListenOn } from './address.ts';
import type { GrpcLimits, GrpcServer } from './grpc-server.ts';
import type { Readiness } from './readiness.ts';

/** Connections at once; more are closed at once. */
const MAX_CONNECTIONS = 256;

/** A port that accepts gRPC connections. */
export interface GrpcPort {
  readonly address: AddressInfo;
  /** Stops accepting, tells clients to go, and lets their calls finish for `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** What {@link openGrpcPort} needs. */
export interface GrpcPortOptions {
  readonly listen: ListenOn;
  readonly readiness: Readiness;
  readonly log: (line: string) => void;
  readonly limits?: GrpcLimits | undefined;
}

/**
 * Listens for gRPC. The library is loaded with the first connection, so that a start without one is as quick as before: the
 * listener is Node's own, and hands its connections over.
 *
 * @returns once it accepts connections
 * @throws UpdateError `CONFIG_INVALID` when it cannot listen there
 */
export async function openGrpcPort({ listen, readiness, log, limits }: GrpcPortOptions): Promise<GrpcPort> {
  const sockets = new Set<Socket>();
  /** Connections that were accepted, and wait for the library. */
  const waiting = new Set<Promise<void>>();
  let loading: Promise<GrpcServer> | null = null;
  const load = async (): Promise<GrpcServer> => {
    const { createGrpcServer } = await import('./grpc-server.ts');
    return createGrpcServer(readiness, limits);
  };
  const serve = async (socket: Socket): Promise<void> => {
    try {
      const server = await (loading ??= load());
      if (!socket.destroyed) server.serve(socket);
    } catch (error) {
      log(`grpc: ${error instanceof Error ? error.message : String(error)}`);
      socket.destroy();
    }
  };
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A connection that breaks is its client's affair.
    socket.on('error', () => socket.destroy());
    const served = serve(socket);
    waiting.add(served);
    void served.then(() => waiting.delete(served));
  });
  listener.maxConnections = MAX_CONNECTIONS;
  const address = await listenOn(listener, listen);
  listener.on('error', (error) => {
    log(`grpc: ${error.message}`);
  });

  return {
    address,
    close: async (drainMs) => {
      const closed = new Promise<void>((resolve) => {
        listener.close(() => {
          resolve();
        });
      });
      // Who was accepted is told that it is over, rather than cut off: a client that is told tries again by itself.
      await Promise.all(waiting);
      // What cannot be loaded has no calls to finish.
      const server = await (loading ?? Promise.resolve(null)).catch(() => null);
      server?.drain();
      const timer = setTimeout(() => {
        log('closing gRPC connections whose calls did not finish in time');
        for (const socket of sockets) socket.destroy();
      }, drainMs);
      await closed;
      clearTimeout(timer);
      server?.destroy();
    },
  };
}
