import * as http from 'node:http';
import * as https from 'node:https';
import { UpdateError } from '../errors.ts';
import type { HealthProbe, ProbeResult } from '../services/ports.ts';
import { answersAt, targetOf } from './probe-address.ts';
import { boundedLook, oneLine } from './probe-look.ts';
import { parseRetryAfter } from './retry-after.ts';
import type { TlsFiles } from './tls-files.ts';

/** No more of an answer's body is read than this, bytes. */
const BODY_CAP = 64 * 1024;
/** No answer keeps a look away for longer than this, ms. */
const RETRY_AFTER_CAP_MS = 60_000;

/** What {@link createHttpProbe} needs. */
export interface HttpProbeOptions {
  /** An `http:` or `https:` URL, such as `http://127.0.0.1:7701/healthz`. */
  readonly url: string;
  /** The time that one look may take, ms; 2000 unless told. */
  readonly timeoutMs?: number;
  /** The healthy statuses; 200 unless told. */
  readonly status?: readonly number[];
  /** A text that a healthy answer's body holds. */
  readonly body?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** A unix socket to connect to, instead of the URL's host. */
  readonly socket?: string | null;
  /** The authorities for `https:`, instead of the built-in ones. */
  readonly tls?: TlsFiles | undefined;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Whether the wanted text was seen; false when none is wanted. */
  readonly found: boolean;
}

/**
 * Sends the request and resolves with the answer, once the body is over, the cap is reached, the wanted text was seen, or the body
 * breaks off.
 */
function ask(url: URL, options: https.RequestOptions, wanted: Buffer | null): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { get } = url.protocol === 'https:' ? https : http;
    const request = get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let received = 0;
      let found = false;
      const settle = (): void => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, found });
      };
      // The status is known: what happens to the body, or to its request, changes nothing of it.
      request.off('error', reject);
      request.on('error', settle);
      response.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (wanted !== null) {
          chunks.push(chunk);
          found = Buffer.concat(chunks).subarray(0, BODY_CAP).includes(wanted);
        }
        if (found || received > BODY_CAP) response.destroy();
      });
      response.once('error', settle);
      response.once('close', settle);
    });
    request.on('error', reject);
  });
}

function notYet({ status, headers }: Answer): number | null {
  if (status !== 429 && status !== 503) return null;
  const wait = parseRetryAfter(headers['retry-after'], headers.date, Date.now());
  return wait === null ? null : Math.min(wait, RETRY_AFTER_CAP_MS);
}

/**
 * The health check over HTTP (RFC 9110).
 *
 * - `look`: one GET on a connection of its own. One of the statuses (200), with the wanted text in the first 64 KiB of the body if
 *   one is wanted, is healthy; redirects are not followed. Status 429 or 503 with `Retry-After` (section 10.2.3) is "not yet", for
 *   at most 60 s. It never takes longer than `timeoutMs`, and rejects only with `CANCELLED`.
 * - `answered`: see `answersAt`.
 *
 * @throws UpdateError `CONFIG_INVALID` when the URL is not an `http:` or `https:` one
 * @example
 * await createHttpProbe({ url: 'http://127.0.0.1:7701/healthz' }).look(signal); // { healthy: true, detail: 'HTTP 200' }
 */
export function createHttpProbe(options: HttpProbeOptions): HealthProbe {
  const { url: address, timeoutMs = 2_000, status: good = [200], headers = {}, tls } = options;
  const { body = null, socket = null } = options;
  const url = URL.parse(address);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new UpdateError(
      'CONFIG_INVALID',
      `expected probe.url to be an http: or https: URL, found ${address}`,
    );
  const target = targetOf(url, socket);
  const wanted = body === null ? null : Buffer.from(body);

  const look = async (signal: AbortSignal): Promise<ProbeResult> => {
    const ca = (await tls?.refresh())?.ca ?? null;
    const answer = await ask(
      url,
      {
        // No agent: each look is a connection of its own, so it never sees a process that has been replaced.
        agent: false,
        signal,
        headers: { accept: '*/*', ...headers },
        ...(socket === null ? {} : { socketPath: socket }),
        ...(ca === null ? {} : { ca }),
      },
      wanted,
    );
    const { status } = answer;
    const said = `HTTP ${String(status)}`;
    if (good.includes(status))
      return wanted === null || answer.found
        ? { healthy: true, detail: said }
        : {
            healthy: false,
            detail: `${said}, but its body does not hold ${JSON.stringify(oneLine(body ?? ''))}`,
          };
    const retryAfterMs = notYet(answer);
    if (retryAfterMs === null) return { healthy: false, detail: said };
    return {
      healthy: false,
      detail: `${said}: not yet, again in ${String(retryAfterMs / 1000)} s`,
      retryAfterMs,
    };
  };

  return {
    address: socket === null ? address : `${address} at ${socket}`,
    look: (signal) => boundedLook({ timeoutMs, signal }, look),
    answered: (signal) => answersAt(target, signal),
  };
}
