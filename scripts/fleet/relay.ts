/** A network that can be cut: a relay on loopback that stops forwarding, while its connections stay open. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A relay to one port. */
export interface Relay {
  readonly port: number;
  /** Nothing passes any more, in neither direction; who connects is not answered. */
  cut(): void;
  /** What was held back passes, as after TCP has sent it again. */
  heal(): void;
  close(): Promise<void>;
}

/** Starts a relay to `port` on loopback. */
export async function startRelay(port: number): Promise<Relay> {
  let isCut = false;
  const pairs = new Map<Socket, Socket>();
  const waiting = new Set<Socket>();
  const join = (near: Socket): void => {
    const far = connect(port, '127.0.0.1');
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', (bytes: Buffer) => {
        if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => {
        if (!isCut) from.resume();
      });
      // A socket that breaks takes its partner with it.
      from.on('error', () => undefined);
      from.on('close', () => {
        if (isCut) return;
        to.destroy();
        pairs.delete(near);
      });
    };
    pass(near, far);
    pass(far, near);
    pairs.set(near, far);
  };
  const server = createServer((near) => {
    if (!isCut) {
      join(near);
      return;
    }
    near.on('error', () => undefined);
    near.on('close', () => waiting.delete(near));
    waiting.add(near);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      isCut = true;
      for (const [near, far] of pairs) {
        near.pause();
        far.pause();
      }
    },
    heal: () => {
      isCut = false;
      for (const [near, far] of pairs) {
        if (near.destroyed || far.destroyed) {
          near.destroy();
          far.destroy();
          pairs.delete(near);
          continue;
        }
        near.resume();
        far.resume();
      }
      for (const near of waiting) join(near);
      waiting.clear();
    },
    close: async () => {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      for (const [near, far] of pairs) {
        near.destroy();
        far.destroy();
      }
      for (const near of waiting) near.destroy();
      await closed;
    },
  };
}
