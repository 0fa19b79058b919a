import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { select } from '../../../src/publish/http-conditions.ts';

/** Answers a request in some bad way; false leaves it to the ordinary answer. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A request as the server saw it, and what it answered. */
export interface FeedRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** When it came, ms on the test's monotonic clock. */
  readonly at: number;
  /** Of the answer; 200 until there is one. */
  readonly status: number;
}

/** A static feed over HTTP on loopback, with faults on demand. */
export interface FeedServer {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[];
  /** The same requests, in full. */
  readonly log: readonly FeedRequest[];
  /** Sets or (null) takes away the fault. */
  fault(fault: Fault | null): void;
  /** Whether answers carry entity tags; they do not unless told. */
  tag(on: boolean): void;
  close(): Promise<void>;
}

/** A strong tag of a file that is written once. */
export const tagOf = (size: number, modified: number): string =>
  `"${size.toString(16)}-${Math.floor(modified).toString(16)}"`;

/** Serves a folder. */
export async function serveFeed(folder: string): Promise<FeedServer> {
  const requests: string[] = [];
  const log: FeedRequest[] = [];
  let fault: Fault | null = null;
  let tagged = false;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://feed').pathname;
    requests.push(path);
    const { headers } = request;
    log.push({
      path,
      range: headers.range,
      ifRange: headers['if-range']?.toString(),
      ifNoneMatch: headers['if-none-match'],
      at: performance.now(),
      get status() {
        return response.statusCode;
      },
    });
    if (fault?.(request, response) === true) return;
    const file = join(folder, path);
    stat(file).then(
      ({ size, mtimeMs }) => {
        const etag = tagOf(size, mtimeMs);
        if (tagged) response.setHeader('etag', etag);
        const { range, ...rest } = headers;
        const asked = tagged ? headers : range === undefined ? rest : { range };
        const chosen = select('GET', asked, { size, etag, modified: 0 });
        if (chosen.status === 304 || chosen.status === 416) {
          response.writeHead(chosen.status).end();
          return;
        }
        const [start, end] = chosen.status === 206 ? [chosen.start, chosen.end] : [0, size - 1];
        response.writeHead(chosen.status, {
          'content-length': end - start + 1,
          ...(chosen.status === 206
            ? { 'content-range': `bytes ${String(start)}-${String(end)}/${String(size)}` }
            : {}),
        });
        createReadStream(file, { start, end }).pipe(response);
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
    log,
    fault: (next) => {
      fault = next;
    },
    tag: (on) => {
      tagged = on;
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
