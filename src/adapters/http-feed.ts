/**
 * A feed over HTTP (RFC 9110), by undici.
 *
 * Invariants:
 * - Every request goes to the feed's own origin and path; a redirect is an error.
 * - Nothing is sent but by a call of `head` or `bundle`, and each call is a connection of its own.
 * - No more than the cap is handed on, whatever the server's headers say.
 * - User name and password of the URL travel only in the `authorization` header.
 */
import { Agent, type Dispatcher } from 'undici';
import { UpdateError } from '../errors.ts';
import type { ErrorCode } from '../error-codes.ts';
import type { Feed, FeedBody } from '../services/ports.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { capped, gather, tooLarge, unstalled } from './feed-limits.ts';
import { displayUrl, headPath, joinFeedPath } from './feed-path.ts';
import { requestFault, bodyFault, statusFault } from './http-feed-errors.ts';

/** Limits of a feed over HTTP. */
export interface HttpFeedLimits {
  /** How long an answer's start may take, and how long 1 KiB of its body may take, ms. */
  readonly stallMs: number;
  /** How long a connection (with TLS) may take, ms. */
  readonly connectMs: number;
}

interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** The answer's start; its body is not read yet. */
interface Answer {
  readonly url: string;
  readonly status: number;
  header(name: string): string | undefined;
  /** The bytes, watched for stalls and breaks. Whoever does not read them calls `drop`. */
  body(): AsyncIterable<Uint8Array>;
  drop(): void;
}

/** A feed that holds connections. */
export type HttpFeed = Feed & { close(): Promise<void> };

function authorization(base: URL): Record<string, string> {
  if (base.username === '' && base.password === '') return {};
  const pair = `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Reads what `send` answered; a break of the connection becomes `DOWNLOAD_TRUNCATED`. */
async function* faithful(
  answer: Dispatcher.ResponseData,
  url: string,
  signals: { readonly caller: AbortSignal; readonly stall: AbortSignal },
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of answer.body) yield chunk as Uint8Array;
  } catch (error) {
    throwIfCancelled(signals.caller);
    throw bodyFault(signals.stall.aborted ? signals.stall.reason : error, url);
  }
}

function sender(base: URL, agent: Agent, { stallMs }: HttpFeedLimits): (request: Request) => Promise<Answer> {
  const common = { 'accept-encoding': 'identity', 'user-agent': 'coresdk-sidecar', ...authorization(base) };
  return async ({ path, headers, signal }) => {
    const url = joinFeedPath(base, path);
    const shown = displayUrl(url);
    throwIfCancelled(signal);
    const stall = new AbortController();
    const abort = (reason: UpdateError): void => {
      stall.abort(reason);
    };
    const timer = setTimeout(() => {
      abort(
        new UpdateError('FEED_STALLED', `expected an answer from ${shown} in ${String(stallMs / 1000)} s`),
      );
    }, stallMs);
    let data: Dispatcher.ResponseData;
    try {
      data = await agent.request({
        origin: url.origin,
        path: url.pathname,
        method: 'GET',
        headers: { ...common, ...headers },
        signal: AbortSignal.any([signal, stall.signal]),
      });
    } catch (error) {
      throwIfCancelled(signal);
      throw requestFault(stall.signal.aborted ? stall.signal.reason : error, shown);
    } finally {
      clearTimeout(timer);
    }
    // Destroying a body that nobody reads raises an error that nobody waits for.
    data.body.on('error', () => undefined);
    return {
      url: shown,
      status: data.statusCode,
      header: (name) => {
        const value = data.headers[name];
        return typeof value === 'string' ? value : value?.join(', ');
      },
      body: () =>
        unstalled(faithful(data, shown, { caller: signal, stall: stall.signal }), stallMs, shown, abort),
      drop: () => {
        data.body.destroy();
      },
    };
  };
}

/** The offset that an answer starts at; throws unless it is one that can be used. */
function startOf(answer: Answer, asked: number): number {
  if (answer.status === 200) return 0;
  if (answer.status !== 206 || asked === 0)
    throw statusFault(answer.status, answer.url, answer.header('location'));
  const range = answer.header('content-range');
  if (Number(/^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(range ?? '')?.[1]) !== asked)
    throw new UpdateError(
      'FEED_REFUSED',
      `expected ${answer.url} from byte ${String(asked)} on, found content-range ${JSON.stringify(range ?? null)}`,
    );
  return asked;
}

/** Checks an answer's headers, and returns its body within the cap. Drops the body when it throws. */
function accept(answer: Answer, asked: number, maxBytes: number, code: ErrorCode): FeedBody {
  try {
    const offset = startOf(answer, asked);
    const coding = answer.header('content-encoding') ?? 'identity';
    if (coding.toLowerCase() !== 'identity')
      throw new UpdateError(
        'FEED_REFUSED',
        `expected ${answer.url} as it is, found content-encoding ${coding}`,
      );
    const cap = maxBytes - offset;
    const length = answer.header('content-length');
    if (Number(length ?? 0) > cap) throw tooLarge(code, cap, length ?? '', answer.url);
    return { offset, chunks: capped(answer.body(), cap, code, answer.url) };
  } catch (error) {
    answer.drop();
    throw error;
  }
}

/**
 * A feed at an `https:` or `http:` URL. See `createFeed` for what it rejects with.
 *
 * @param base - as `parseFeedUrl` returns it
 */
export function createHttpFeed(base: URL, limits: HttpFeedLimits): HttpFeed {
  const agent = new Agent({
    // A new connection a request: none is ever used that the server has closed meanwhile.
    pipelining: 0,
    allowH2: false,
    // Both are watched here instead, by bytes a time.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: limits.connectMs, rejectUnauthorized: true },
  });
  const send = sender(base, agent, limits);
  return {
    head: async (channel, maxBytes, signal, kid) => {
      // A cache on the way must ask the feed (RFC 9111, 5.2.1.4): a head is only good when it is fresh.
      const path = headPath(channel, kid);
      const answer = await send({ path, headers: { 'cache-control': 'no-cache' }, signal });
      return gather(accept(answer, 0, maxBytes, 'JWS_TOO_LARGE').chunks);
    },
    bundle: async (path, offset, maxBytes, signal) => {
      const code = 'DOWNLOAD_TOO_LARGE';
      if (offset > 0) {
        const answer = await send({ path, headers: { range: `bytes=${String(offset)}-` }, signal });
        if (answer.status !== 416) return accept(answer, offset, maxBytes, code);
        // Range not satisfiable (RFC 9110, 15.5.17): what is here is not the start of what is there.
        answer.drop();
      }
      return accept(await send({ path, headers: {}, signal }), 0, maxBytes, code);
    },
    close: () => agent.destroy(),
  };
}
