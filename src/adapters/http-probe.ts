import * as http from 'node:http';
import * as https from 'node:https';
import { connect } from 'node:net';
import { UpdateError, hasErrno } from '../errors.ts';
import type { HealthProbe, ProbeResult } from '../services/ports.ts';
import { throwIfCancelled } from './disk-errors.ts';

/** No more of an answer's body is read than this, bytes. */
const BODY_CAP = 64 * 1024;
/** How long `answered` waits for a connection, ms. */
const CONNECT_MS = 500;

/** What {@link createHttpProbe} needs. */
export interface HttpProbeOptions {
  /** An `http:` or `https:` URL, such as `http://127.0.0.1:7701/healthz`. */
  readonly url: string;
  /** The time that one look may take, ms; 2000 unless told. */
  readonly timeoutMs?: number;
}

/** Nobody can be listening there, as far as this host can tell. */
const NOBODY = [
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
] as const;

function describe(error: unknown): string {
  if (hasErrno(error, 'ECONNREFUSED')) return 'connection refused';
  if (hasErrno(error, 'ECONNRESET', 'EPIPE')) return 'connection closed without an answer';
  if (hasErrno(error, 'ENOTFOUND', 'EAI_AGAIN')) return 'host name not found';
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('HPE_'))
    return 'not an HTTP answer';
  return error instanceof Error ? error.message : String(error);
}

/** Sends the request and resolves with the status, once the body is over, the cap is reached, or it breaks off. */
function statusOf(url: URL, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const { get } = url.protocol === 'https:' ? https : http;
    // No agent: each look is a connection of its own, so it never sees a process that has been replaced.
    const request = get(url, { agent: false, signal, headers: { accept: '*/*' } }, (response) => {
      const settle = (): void => {
        resolve(response.statusCode ?? 0);
      };
      // The status is known: what happens to the body, or to its request, changes nothing.
      request.off('error', reject);
      request.on('error', settle);
      let received = 0;
      response.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received > BODY_CAP) response.destroy();
      });
      response.once('error', settle);
      response.once('close', settle);
    });
    request.on('error', reject);
  });
}

/** Whether a TCP connection opens; one that hangs counts as opened. */
function connects(url: URL, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const settle = (answered: boolean): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answered);
    };
    const onAbort = (): void => {
      socket.destroy();
      reject(new UpdateError('CANCELLED', 'the work was cancelled', { cause: signal.reason }));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => {
      settle(true);
    });
    // The queue of a listener that hangs is full: its SYN is dropped, not refused.
    socket.once('timeout', () => {
      settle(true);
    });
    socket.once('error', (error) => {
      settle(!hasErrno(error, ...NOBODY));
    });
  });
}

/**
 * The health check over HTTP.
 *
 * - `look`: one GET. Status 200 is healthy, whatever the body; redirects are not followed. It never takes longer than
 *   `timeoutMs`, and rejects only with `CANCELLED`.
 * - `answered`: whether a TCP connection opens. A listener that lets the connection hang for 500 ms counts as one that
 *   answers, since it holds the address; a refused or unreachable address does not.
 *
 * @throws UpdateError `CONFIG_INVALID` when the URL is not an `http:` or `https:` one
 * @example
 * await createHttpProbe({ url: 'http://127.0.0.1:7701/healthz' }).look(signal); // { healthy: true, detail: 'HTTP 200' }
 */
export function createHttpProbe({ url: address, timeoutMs = 2_000 }: HttpProbeOptions): HealthProbe {
  const url = URL.parse(address);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new UpdateError(
      'CONFIG_INVALID',
      `expected probe.url to be an http: or https: URL, found ${address}`,
    );
  return {
    address,
    look: async (signal): Promise<ProbeResult> => {
      throwIfCancelled(signal);
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const status = await statusOf(url, AbortSignal.any([signal, timeout]));
        throwIfCancelled(signal);
        return { healthy: status === 200, detail: `HTTP ${String(status)}` };
      } catch (error) {
        throwIfCancelled(signal);
        const detail = timeout.aborted ? `no answer in ${String(timeoutMs / 1000)} s` : describe(error);
        return { healthy: false, detail };
      }
    },
    answered: async (signal) => {
      throwIfCancelled(signal);
      return connects(url, signal);
    },
  };
}
