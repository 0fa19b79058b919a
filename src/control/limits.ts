import { STREAM_LIMITS, type StreamLimits } from './event-streams.ts';

/** How often an address may ask in a minute. */
export interface RateLimits {
  /** With a token or a cookie. */
  readonly requests: number;
  /** Without, or with a wrong one. */
  readonly failures: number;
  /** For what is open to all: the files of the page. */
  readonly open: number;
}

/** 1,200 requests, 10 failures, 300 files a minute. */
export const RATE_LIMITS: RateLimits = { requests: 1_200, failures: 10, open: 300 };

/** What bounds the work and the memory that callers can cause. */
export interface ControlLimits {
  /** Connections at once over the socket; more are closed unanswered. */
  readonly socketConnections: number;
  /** Connections at once over TCP. */
  readonly tcpConnections: number;
  /** How long a client may take for the head of a request, ms. */
  readonly headersTimeoutMs: number;
  /** How long a client may take for a whole request, ms. */
  readonly requestTimeoutMs: number;
  /** How often these two are looked at, ms. */
  readonly lookEveryMs: number;
  /** How long a connection is kept for another request, ms. */
  readonly keepAliveMs: number;
  /** How long a connection may do nothing at all, ms: for answers that are never read. */
  readonly silenceMs: number;
  readonly streams: StreamLimits;
  readonly rates: RateLimits;
}

/** The limits of the daemon. */
export const CONTROL_LIMITS: ControlLimits = {
  socketConnections: 2_048,
  tcpConnections: 1_024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  lookEveryMs: 1_000,
  keepAliveMs: 5_000,
  silenceMs: 120_000,
  streams: STREAM_LIMITS,
  rates: RATE_LIMITS,
};
