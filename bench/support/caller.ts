/** A client that notices who answers: one new connection a request, one after the other, as fast as they are answered. */
import { connect } from 'node:net';

/** One 200 that was seen. */
export interface Seen {
  /** What the body was: the version of whoever answered. */
  readonly version: string;
  /** When its last byte came, ms on the monotonic clock. */
  readonly at: number;
}

const REQUEST = 'GET /version HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n';

/** Asks once; null where nobody answers with 200. */
function ask(port: number): Promise<Seen | null> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setEncoding('latin1');
    socket.once('connect', () => socket.write(REQUEST));
    socket.on('data', (text: string) => (answer += text));
    // Refused, reset: nobody is there, which `close` tells of as well.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      const at = performance.now();
      const [, status, body = ''] = /^HTTP\/1\.1 (\d+)[^]*?\r\n\r\n([^]*)$/.exec(answer) ?? [];
      resolve(status === '200' ? { version: body, at } : null);
    });
  });
}

/**
 * Asks again and again until a wanted version answers.
 *
 * @param port - on loopback
 * @param wanted - the version whose first 200 ends it, or what the body of that looks like
 * @returns the last 200 of anybody else (null if there was none), and the first of the wanted one
 * @throws Error when it did not answer in 30 s
 */
export async function watchFor(
  port: number,
  wanted: string | RegExp,
): Promise<{ last: Seen | null; first: Seen }> {
  const deadline = performance.now() + 30_000;
  let last: Seen | null = null;
  while (performance.now() < deadline) {
    const seen = await ask(port);
    if (seen !== null && (typeof wanted === 'string' ? seen.version === wanted : wanted.test(seen.version)))
      return { last, first: seen };
    last = seen ?? last;
    // Leaves the cores to those who are measured.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`expected ${String(wanted)} to answer on port ${String(port)} within 30 s`);
}
