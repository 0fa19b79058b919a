import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Answers a request in some bad way; false leaves it to the ordinary answer. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A static feed over HTTP on loopback, with faults on demand. */
export interface FeedServer {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[];
  /** Sets or (null) takes away the fault. */
  fault(fault: Fault | null): void;
  close(): Promise<void>;
}

/** Serves a folder. */
export async function serveFeed(folder: string): Promise<FeedServer> {
  const requests: string[] = [];
  let fault: Fault | null = null;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://feed').pathname;
    requests.push(path);
    if (fault?.(request, response) === true) return;
    const file = join(folder, path);
    stat(file).then(
      ({ size }) => {
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
        response.writeHead(from > 0 ? 206 : 200, {
          'content-length': size - from,
          ...(from > 0
            ? { 'content-range': `bytes ${String(from)}-${String(size - 1)}/${String(size)}` }
            : {}),
        });
        createReadStream(file, { start: from }).pipe(response);
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
    requests,
    fault: (next) => {
      fault = next;
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
