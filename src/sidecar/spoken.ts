import type { Socket } from 'node:net';

/** With this a client of HTTP/2 begins that knows what it talks to, as every client of gRPC does (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');

/** Whether a connection begins as one of HTTP/2; null while that cannot be told yet. */
export function beginsHttp2(head: Uint8Array): boolean | null {
  const length = Math.min(head.length, PREFACE.length);
  if (!PREFACE.subarray(0, length).equals(head.subarray(0, length))) return false;
  return length === PREFACE.length ? true : null;
}

/**
 * Looks at the first bytes of a connection, and puts them back.
 *
 * @param withinMs - a client that has not said enough by then is cut off
 * @returns what it speaks; null when the connection has gone
 */
export function spokenOn(socket: Socket, withinMs: number): Promise<'http1' | 'http2' | null> {
  return new Promise((resolve) => {
    let head = Buffer.alloc(0);
    const late = setTimeout(() => socket.destroy(), withinMs);
    const told = (spoken: 'http1' | 'http2' | null): void => {
      clearTimeout(late);
      socket.off('readable', look).off('end', look).off('close', gone).off('error', broken);
      if (spoken !== null) socket.unshift(head);
      resolve(spoken);
    };
    const gone = (): void => {
      told(null);
    };
    const broken = (): void => {
      socket.destroy();
    };
    const look = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) {
        // It ends before it has said anything.
        if (socket.readableEnded) socket.destroy();
        return;
      }
      head = Buffer.concat([head, chunk]);
      const isHttp2 = beginsHttp2(head);
      if (isHttp2 !== null) told(isHttp2 ? 'http2' : 'http1');
    };
    socket.on('readable', look).once('end', look).once('close', gone).on('error', broken);
  });
}
