import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Transform } from 'node:stream';

/** The demo's feed: a folder over HTTP on loopback, as any web server would show it. */
export interface DemoFeed {
  readonly url: string;
  /** From now on every bundle whose path holds this text arrives with one byte changed on its way. */
  tamper(part: string): void;
  close(): Promise<void>;
}

/** Changes the byte at `at` into another letter of base64url. */
function flip(at: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const index = at - seen;
      seen += chunk.length;
      const byte = chunk[index];
      if (byte !== undefined) chunk[index] = byte === 0x41 ? 0x42 : 0x41;
      done(null, chunk);
    },
  });
}

/** Starts the feed's server on a free port. */
export async function serveFeed(folder: string): Promise<DemoFeed> {
  let tampered: string | null = null;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://feed');
    const file = join(folder, pathname);
    stat(file).then(
      ({ size }) => {
        response.writeHead(200, { 'content-length': size });
        const bytes = createReadStream(file);
        if (tampered !== null && pathname.includes(tampered))
          bytes.pipe(flip(Math.floor(size / 2))).pipe(response);
        else bytes.pipe(response);
      },
      () => {
        response.writeHead(404).end();
      },
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    tamper: (part) => {
      tampered = part;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
