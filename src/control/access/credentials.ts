/**
 * Who may use the TCP listener: whoever has the token, or a cookie that was given for it.
 *
 * Invariants: secrets are compared in constant time; the token is kept only as a digest under a key that dies with the process, and a
 * cookie holds nothing of it, since browsers send cookies to every port of a host (RFC 6265, section 8.5).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a cookie is good for, s. */
export const SESSION_SECONDS = 12 * 3600;

/** The credentials of a listener. */
export interface Credentials {
  /** Whether this is the token. */
  isToken(given: string): boolean;
  /** Whether an `Authorization` header holds the token (RFC 6750, section 2.1). */
  isAuthorized(header: string | undefined): boolean;
  /** Whether a `Cookie` header holds a session that is still good. */
  hasSession(header: string | undefined): boolean;
  /** The value of `Set-Cookie` that begins a session. */
  startSession(): string;
  /** The value of `Set-Cookie` that ends it in this browser. */
  endSession(): string;
}

/** What {@link createCredentials} needs. */
export interface CredentialsOptions {
  readonly token: string;
  /** Told apart by it: daemons at other ports of this host, to which the browser sends the same cookies. */
  readonly port: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

function cookieOf(header: string | undefined, name: string): string | null {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return null;
}

/** Makes the credentials of a listener. Every session ends with it. */
export function createCredentials({ token, port, now }: CredentialsOptions): Credentials {
  const key = randomBytes(32);
  const digest = (of: string): Buffer => createHmac('sha256', key).update(of).digest();
  const expected = digest(`token ${token}`);
  const name = (): string => `coresdk_session_${String(port())}`;
  const seal = (expires: string): string => digest(`session ${expires}`).toString('base64url');
  // Equal lengths whatever was given: digests are compared.
  const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
  const isToken = (given: string): boolean => timingSafeEqual(digest(`token ${given}`), expected);
  const cookie = (value: string, seconds: number): string =>
    `${name()}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${String(seconds)}`;
  return {
    isToken,
    isAuthorized: (header) => {
      const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
      return given !== undefined && isToken(given);
    },
    hasSession: (header) => {
      const [, expires, sealed] =
        /^(\d{1,15})\.([A-Za-z0-9_-]{43})$/.exec(cookieOf(header, name()) ?? '') ?? [];
      if (expires === undefined || sealed === undefined) return false;
      return same(sealed, seal(expires)) && Number(expires) > now();
    },
    startSession: () => {
      const expires = String(now() + SESSION_SECONDS * 1000);
      return cookie(`${expires}.${seal(expires)}`, SESSION_SECONDS);
    },
    endSession: () => cookie('', 0),
  };
}
