import { createServer, type AddressInfo } from 'node:net';
import { listenOn, type ListenOn } from './address.ts';
import { createGrpcConnections, type GrpcConnectionsOptions } from './grpc-connections.ts';

/** Connections at once; more are closed at once. */
const MAX_CONNECTIONS = 256;

/** A port that accepts gRPC connections. */
export interface GrpcPort {
  readonly address: AddressInfo;
  /** Stops accepting, tells clients to go, and lets their calls finish for `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** What {@link openGrpcPort} needs. */
export interface GrpcPortOptions extends GrpcConnectionsOptions {
  readonly listen: ListenOn;
}

/**
 * Listens for gRPC: the listener is Node's own, and hands its connections over.
 *
 * @returns once it accepts connections
 * @throws UpdateError `CONFIG_INVALID` when it cannot listen there
 */
export async function openGrpcPort({ listen, ...options }: GrpcPortOptions): Promise<GrpcPort> {
  const { log } = options;
  const connections = createGrpcConnections(options);
  const listener = createServer({ noDelay: true }, (socket) => {
    connections.serve(socket);
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
      await connections.drain();
      const timer = setTimeout(() => {
        log('closing gRPC connections whose calls did not finish in time');
        connections.cut();
      }, drainMs);
      await closed;
      clearTimeout(timer);
      await connections.end();
    },
  };
}
