/**
 * A small static server for a feed: for trials, demos and closed networks. In the open, put the folder behind a web server with
 * TLS; nothing in a feed is secret, and clients believe only signatures.
 *
 * Invariants: only files of the folder are shown, never a listing (`feed-file.ts`); nothing is ever written.
 */
import { createServer, type Server } from 'node:http';
import { realpath, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { hasErrno, UpdateError } from '../errors.ts';
import { answer, type ServedRequest } from './feed-answer.ts';

/** What is served, and where. */
export interface ServeFeedOptions {
  /** The feed's folder. */
  readonly dir: string;
  /** The address to listen at; `127.0.0.1` unless told. */
  readonly host?: string | undefined;
  /** 0 for any that is free, which is what it is unless told. */
  readonly port?: number | undefined;
  /** Called after each request. */
  readonly onRequest?: ((request: ServedRequest) => void) | undefined;
}

/** A feed that is served. */
export interface FeedServer extends AsyncDisposable {
  /** `http://127.0.0.1:8080/`, ready for `update.feed_url`. */
  readonly url: string;
  readonly port: number;
  /**
   * Stops: takes no new requests, lets those under way finish for a while, then breaks them off.
   *
   * @param graceMs - for how long, ms; 3000 unless told
   */
  close(graceMs?: number): Promise<void>;
}

/** A connection on which nothing moves for so long is closed, ms. */
const IDLE_MS = 120_000;

/**
 * Serves a feed over HTTP: GET and HEAD, single byte ranges, validators. Bundles may be cached for ever, heads must be asked for
 * again each time.
 *
 * @throws UpdateError `SERVE_FAILED` when the folder is none, or when it cannot listen
 * @example
 * const server = await serveFeed({ dir: 'feed', port: 8080 });
 */
export async function serveFeed(options: ServeFeedOptions): Promise<FeedServer> {
  const root = await realFolder(options.dir);
  const { host = '127.0.0.1', port = 0, onRequest } = options;
  const server = createServer((request, response) => {
    // `answer` never rejects.
    void answer(root, request, response).then(onRequest);
  });
  server.timeout = IDLE_MS;
  await listen(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  const close = (graceMs = 3000): Promise<void> => stop(server, graceMs);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${String(bound)}/`,
    port: bound,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

async function realFolder(dir: string): Promise<string> {
  try {
    const root = await realpath(dir);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    throw UpdateError.from(error, 'SERVE_FAILED', `the feed ${dir} cannot be read`);
  }
  throw new UpdateError('SERVE_FAILED', `expected a folder at ${dir}, found something else`);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const refuse = (cause: Error): void => {
    const why = hasErrno(cause, 'EADDRINUSE') ? 'another program listens there' : cause.message;
    reject(
      new UpdateError('SERVE_FAILED', `cannot listen at ${host}, port ${String(port)}: ${why}`, { cause }),
    );
  };
  server.once('error', refuse);
  try {
    server.listen({ host, port }, () => {
      resolve(undefined);
    });
  } catch (error) {
    // A port out of range.
    refuse(error instanceof Error ? error : new Error(String(error)));
  }
  await promise;
  server.off('error', refuse);
}

async function stop(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.close(() => {
    resolve(undefined);
  });
  const timer = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await promise;
  clearTimeout(timer);
}
