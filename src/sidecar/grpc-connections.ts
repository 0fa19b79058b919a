import type { Socket } from 'node:net';
import type { GrpcLimits, GrpcServer } from './grpc-server.ts';
import type { Readiness } from './readiness.ts';

/** Serves gRPC on connections that somebody else accepts. */
export interface GrpcConnections {
  serve(socket: Socket): void;
  /** Tells clients to go, and lets their calls finish. Whoever was accepted has been told when it resolves. */
  drain(): Promise<void>;
  /** Closes what is left. */
  cut(): void;
  /** Frees the server; to be called when no connection is left. */
  end(): Promise<void>;
}

/** What {@link createGrpcConnections} needs. */
export interface GrpcConnectionsOptions {
  readonly readiness: Readiness;
  readonly log: (line: string) => void;
  readonly limits?: GrpcLimits | undefined;
}

/** The library is loaded with the first connection, so that a start without one is as quick as before. */
export function createGrpcConnections({ readiness, log, limits }: GrpcConnectionsOptions): GrpcConnections {
  const sockets = new Set<Socket>();
  /** Connections that were accepted, and wait for the library. */
  const waiting = new Set<Promise<void>>();
  let loading: Promise<GrpcServer> | null = null;
  const load = async (): Promise<GrpcServer> => {
    const { createGrpcServer } = await import('./grpc-server.ts');
    return createGrpcServer(readiness, limits);
  };
  // What cannot be loaded has no calls to finish.
  const loaded = (): Promise<GrpcServer | null> => (loading ?? Promise.resolve(null)).catch(() => null);
  const hand = async (socket: Socket): Promise<void> => {
    try {
      const server = await (loading ??= load());
      if (!socket.destroyed) server.serve(socket);
    } catch (error) {
      log(`grpc: ${error instanceof Error ? error.message : String(error)}`);
      socket.destroy();
    }
  };
  return {
    serve: (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      // A connection that breaks is its client's affair.
      socket.on('error', () => socket.destroy());
      const handed = hand(socket);
      waiting.add(handed);
      void handed.then(() => waiting.delete(handed));
    },
    drain: async () => {
      // Who was accepted is told that it is over, rather than cut off: a client that is told tries again by itself.
      await Promise.all(waiting);
      (await loaded())?.drain();
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    end: async () => {
      (await loaded())?.destroy();
    },
  };
}
