/**
 * One unary gRPC call on a connection of its own, by the protocol as it is written
 * (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). docs/decisions/0012 says why not by the library.
 *
 * Invariant: when the promise settles, the connection is closed, whatever the other side does.
 */
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { UpdateError } from '../errors.ts';
import { openConnection, type ProbeTarget } from './probe-address.ts';

/** An answer may not be larger than this, bytes. */
const MESSAGE_CAP = 16 * 1024;
const FRAME_HEAD = 5;

/** Names of statuses by number (github.com/grpc/grpc/blob/master/doc/statuscodes.md). */
const STATUSES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** What to call. */
export interface GrpcCall {
  readonly target: ProbeTarget;
  /** The name by which the server is called, `host:port`. */
  readonly authority: string;
  /** null: no TLS. `ca` null: the built-in authorities. */
  readonly tls: { readonly host: string; readonly ca: string | null } | null;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The encoded request. */
  readonly message: Buffer;
  /** What the server is told of the time that it has, ms. */
  readonly timeoutMs: number;
}

/** An answer that is none, or says no; the message is for people. */
class CallError extends Error {
  override readonly name = 'CallError';
}

function secured(
  socket: Socket,
  { host, ca }: NonNullable<GrpcCall['tls']>,
  stop: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const tls = connectTls({
      socket,
      ALPNProtocols: ['h2'],
      // What an address may not be (RFC 6066 section 3); the certificate is compared with `host` either way.
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      ...(ca === null ? {} : { ca }),
    });
    stop.addEventListener('abort', () => tls.destroy(), { once: true });
    tls.on('error', reject);
    tls.once('close', () => {
      reject(new CallError('connection closed without an answer'));
    });
    tls.once('secureConnect', () => {
      if (tls.alpnProtocol === 'h2') resolve(tls);
      else reject(new CallError('not an HTTP/2 server'));
    });
  });
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function unframed(body: Buffer): Buffer {
  if (body.length < FRAME_HEAD || body[0] !== 0 || body.readUInt32BE(1) !== body.length - FRAME_HEAD)
    throw new CallError('expected one uncompressed gRPC message, found something else');
  return body.subarray(FRAME_HEAD);
}

/** What the status says, if it is not OK. */
function requireOk(headers: IncomingHttpHeaders, trailers: IncomingHttpHeaders): void {
  const code = trailers['grpc-status'] ?? headers['grpc-status'];
  if (code === '0') return;
  if (typeof code !== 'string') throw new CallError('expected a gRPC status, found none');
  const said = trailers['grpc-message'] ?? headers['grpc-message'];
  const name = STATUSES[Number(code)] ?? code;
  throw new CallError(typeof said === 'string' ? `gRPC ${name}: ${decoded(said)}` : `gRPC ${name}`);
}

/** A status message is percent-encoded; one that is not well-formed is shown as it is. */
function decoded(said: string): string {
  try {
    return decodeURIComponent(said);
  } catch {
    return said;
  }
}

function requireGrpc(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
  const status = headers[':status'];
  if (status !== 200) throw new CallError(`HTTP ${String(status ?? 'without a status')}`);
  if (headers['content-type']?.startsWith('application/grpc') !== true)
    throw new CallError('not a gRPC answer');
}

function exchange(session: ClientHttp2Session, { path, message, timeoutMs }: GrpcCall): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      reject(error instanceof Error ? error : new CallError(String(error)));
    };
    session.once('error', (error) => {
      fail(
        'code' in error && error.code === 'ERR_HTTP2_ERROR' ? new CallError('not an HTTP/2 answer') : error,
      );
    });
    session.once('close', () => {
      fail(new CallError('connection closed without an answer'));
    });
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${String(Math.ceil(timeoutMs))}m`,
    });
    let headers: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    let received = 0;
    stream.once('error', fail);
    stream.once('response', (found) => {
      headers = found;
    });
    stream.once('trailers', (found) => {
      trailers = found;
    });
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received > MESSAGE_CAP)
        fail(new CallError(`expected at most ${String(MESSAGE_CAP)} bytes, found more`));
    });
    stream.once('end', () => {
      try {
        requireGrpc(headers);
        requireOk(headers, trailers);
        resolve(unframed(Buffer.concat(chunks)));
      } catch (error) {
        fail(error);
      }
    });
    stream.end(framed(message));
  });
}

/** Rejects when the signal fires. */
function stopped(stop: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => {
      reject(new UpdateError('CANCELLED', 'the work was cancelled', { cause: stop.reason }));
    };
    if (stop.aborted) end();
    else stop.addEventListener('abort', end, { once: true });
  });
}

/**
 * Makes the call.
 *
 * @param stop - ends it
 * @returns the encoded answer; rejects with an error whose message is for people, and with Node's own
 */
export async function callGrpc(call: GrpcCall, stop: AbortSignal): Promise<Buffer> {
  const { target, authority, tls } = call;
  const raw = await openConnection(target, stop);
  let session: ClientHttp2Session | null = null;
  try {
    const socket = tls === null ? raw : await Promise.race([secured(raw, tls, stop), stopped(stop)]);
    session = connectHttp2(`${tls === null ? 'http' : 'https'}://${authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false },
      maxSessionMemory: 1,
    });
    return await Promise.race([exchange(session, call), stopped(stop)]);
  } finally {
    // What it still says to itself is of no interest any more.
    session?.on('error', () => undefined).destroy();
    raw.destroy();
  }
}
