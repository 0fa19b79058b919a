/**
 * A feed over HTTP (RFC 9110).
 *
 * Invariants:
 * - Every request goes to the feed's own origin and path; a redirect is an error.
 * - Nothing is sent but by a call of `head` or `bundle`.
 * - No more than the cap is handed on, whatever the server's headers say.
 * - User name and password of the URL travel only in the `authorization` header.
 */
import { UpdateError } from '../errors.ts';
import type { ErrorCode } from '../error-codes.ts';
import type { Clock, Feed, FeedBody, HeadAnswer } from '../services/ports.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { entityTag, sameContent, strongTag } from './entity-tag.ts';
import { capped, gather, tooLarge, unstalled } from './feed-limits.ts';
import { displayUrl, headPath, joinFeedPath } from './feed-path.ts';
import type { HttpClient } from './http-client.ts';
import { bodyFault, partFault, requestFault, stallFault, statusFault } from './http-feed-errors.ts';
import { parseRetryAfter } from './retry-after.ts';

/** What a feed over HTTP needs. */
export interface HttpFeedOptions {
  readonly client: HttpClient;
  /** Measures `Retry-After`. */
  readonly clock: Pick<Clock, 'now'>;
  /** How long an answer's start may take, and how long 1 KiB of its body may take, ms. */
  readonly stallMs: number;
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

function authorization(base: URL): Record<string, string> {
  if (base.username === '' && base.password === '') return {};
  const pair = `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Reads a body; a break of the connection becomes `DOWNLOAD_TRUNCATED`. */
async function* faithful(
  body: AsyncIterable<unknown>,
  url: string,
  signals: { readonly caller: AbortSignal; readonly stall: AbortSignal },
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    throwIfCancelled(signals.caller);
    throw bodyFault(signals.stall.aborted ? signals.stall.reason : error, url);
  }
}

function sender(base: URL, { client, stallMs }: HttpFeedOptions): (request: Request) => Promise<Answer> {
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
      abort(stallFault(`expected an answer from ${shown} in ${String(stallMs / 1000)} s`));
    }, stallMs);
    let data: Awaited<ReturnType<HttpClient['get']>>;
    try {
      data = await client.get(url, {
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
        unstalled(faithful(data.body, shown, { caller: signal, stall: stall.signal }), stallMs, shown, abort),
      drop: () => {
        data.body.destroy();
      },
    };
  };
}

/** What a `content-range` says: the first and the last byte, and the size of the whole where the server knows it. */
function rangeIn(answer: Answer): { first: number; last: number; total: number | null } | null {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(answer.header('content-range') ?? '');
  if (match === null) return null;
  const [, first, last, total] = match;
  return { first: Number(first), last: Number(last), total: total === '*' ? null : Number(total) };
}

/** A body that is only a part of what was asked for: a server may shorten a range (RFC 9110 section 15.3.7). */
async function* part(
  chunks: AsyncIterable<Uint8Array>,
  answer: Answer,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
  throw partFault(answer.url, answer.header('content-range') ?? '');
}

/** What the start of an answer gives: from where on, and whether to its end. Throws unless it is one that can be used. */
function coverage(
  answer: Answer,
  asked: number,
  now: number,
): { readonly offset: number; readonly whole: boolean } {
  const { status, url } = answer;
  if (status === 200) return { offset: 0, whole: true };
  if (status !== 206 || asked === 0) {
    const afterMs = parseRetryAfter(answer.header('retry-after'), answer.header('date'), now);
    throw statusFault(status, url, answer.header('location'), afterMs);
  }
  const range = rangeIn(answer);
  if (range?.first !== asked)
    throw new UpdateError(
      'FEED_REFUSED',
      `expected ${url} from byte ${String(asked)} on, found content-range ${JSON.stringify(answer.header('content-range') ?? null)}`,
    );
  return { offset: asked, whole: range.total === null || range.last + 1 >= range.total };
}

/** Checks an answer's headers, and returns its body within the cap. Drops the body when it throws. */
function accept(
  answer: Answer,
  rule: { readonly asked: number; readonly maxBytes: number; readonly code: ErrorCode; readonly now: number },
): FeedBody {
  const { asked, maxBytes, code, now } = rule;
  try {
    const { offset, whole } = coverage(answer, asked, now);
    const coding = answer.header('content-encoding') ?? 'identity';
    if (coding.toLowerCase() !== 'identity')
      throw new UpdateError(
        'FEED_REFUSED',
        `expected ${answer.url} as it is, found content-encoding ${coding}`,
      );
    const cap = maxBytes - offset;
    const length = answer.header('content-length');
    if (Number(length ?? 0) > cap) throw tooLarge(code, cap, length ?? '', answer.url);
    const chunks = capped(answer.body(), cap, code, answer.url);
    return {
      offset,
      validator: strongTag(answer.header('etag')),
      chunks: whole ? chunks : part(chunks, answer),
    };
  } catch (error) {
    answer.drop();
    throw error;
  }
}

/**
 * Whether an answer to a request for a range is of use: not "range not satisfiable" (RFC 9110 section 15.5.17: what is here is not
 * the start of what is there), and not a part of another file, by a server that does not know `If-Range`.
 */
function isOfSameFile(answer: Answer, validator: string | null): boolean {
  if (answer.status === 416) return false;
  const found = strongTag(answer.header('etag'));
  return answer.status !== 206 || validator === null || found === null || found === validator;
}

/**
 * A feed at an `https:` or `http:` URL. See `createFeed` for what it rejects with.
 *
 * @param base - as `parseFeedUrl` returns it
 */
export function createHttpFeed(base: URL, options: HttpFeedOptions): Feed {
  const send = sender(base, options);
  const { clock } = options;

  const head: Feed['head'] = async (channel, maxBytes, signal, query = {}): Promise<HeadAnswer> => {
    const path = headPath(channel, query.kid);
    // A cache on the way must ask the feed (RFC 9111, 5.2.1.4): a head is only good when it is fresh.
    const headers = { 'cache-control': 'no-cache' };
    const { etag } = query;
    if (etag !== undefined) {
      const answer = await send({ path, headers: { ...headers, 'if-none-match': etag }, signal });
      if (answer.status !== 304) return whole(answer, maxBytes);
      answer.drop();
      // It names the tag that it found (RFC 9110 section 15.4.5); another one than was sent is no answer to the question.
      if (sameContent(entityTag(answer.header('etag')) ?? etag, etag)) return { bytes: null, etag };
    }
    return whole(await send({ path, headers, signal }), maxBytes);
  };
  const whole = async (answer: Answer, maxBytes: number): Promise<HeadAnswer> => {
    const rule = { asked: 0, maxBytes, code: 'JWS_TOO_LARGE', now: clock.now() } as const;
    const bytes = await gather(accept(answer, rule).chunks);
    const date = Date.parse(answer.header('date') ?? '');
    return { bytes, etag: entityTag(answer.header('etag')), ...(Number.isNaN(date) ? {} : { date }) };
  };

  return {
    head,
    bundle: async (path, offset, maxBytes, signal, validator = null) => {
      const rule = { maxBytes, code: 'DOWNLOAD_TOO_LARGE', now: clock.now() } as const;
      if (offset > 0) {
        const range = { range: `bytes=${String(offset)}-` };
        const headers = validator === null ? range : { ...range, 'if-range': validator };
        const answer = await send({ path, headers, signal });
        if (isOfSameFile(answer, validator)) return accept(answer, { ...rule, asked: offset });
        answer.drop();
      }
      return accept(await send({ path, headers: {}, signal }), { ...rule, asked: 0 });
    },
  };
}
