/**
 * What must not be read in a log, and how it is taken out.
 *
 * Invariant: adapters keep secrets out of their messages themselves; this is the second fence, for what nobody thought of. It works on
 * the text as it is written, so that it makes no difference in which field, message or stack a secret stands.
 */
import type { Config } from '../config/index.ts';

/** Names of variables whose values are secrets; the others are settings, and a log may name them. */
const SECRET_NAME = /token|secret|passw|credential|auth|api_?key|private/i;
/** Shorter values would take harmless words out of every line. */
const LEAST = 4;

/** A text without its secrets. */
export type Scrub = (text: string) => string;

/** The user and password in a URL, as they stand there and decoded. */
function userInfo(url: string): string[] {
  const [, found] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(.*)@/is.exec(url) ?? [];
  if (found === undefined) return [];
  const password = found.slice(found.indexOf(':') + 1);
  const decoded = (text: string): string[] => {
    try {
      return [decodeURIComponent(text)];
    } catch {
      // Not percent-encoded after all: it stands as it is.
      return [];
    }
  };
  return [found, password, ...decoded(password)];
}

/** The values that a configuration holds and nobody should read. */
export function secretsOf({ http, probe, workload }: Pick<Config, 'http' | 'probe' | 'workload'>): string[] {
  const { proxies } = http;
  const headers = Object.values(probe.headers).flatMap((value) => [value, ...value.split(/\s+/).slice(1)]);
  const env = Object.entries(workload.env).flatMap(([name, value]) =>
    SECRET_NAME.test(name) ? [value] : [],
  );
  return [...userInfo(proxies.http?.url ?? ''), ...userInfo(proxies.https?.url ?? ''), ...headers, ...env];
}

/**
 * Makes what takes secrets out: those that are given, the user and password of any URL, and any `Bearer` or `Basic` credential.
 *
 * @param secrets - values, of which those shorter than 4 characters are left alone
 * @example
 * createScrub(['s3cret'])('proxy http://u:p@host said s3cret'); // 'proxy http://***@host said ***'
 */
export function createScrub(secrets: readonly string[]): Scrub {
  const values = [...new Set(secrets.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))]
    .filter((value) => value.length >= LEAST)
    // The longest first: one may be a part of another.
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const value of values) clean = clean.replaceAll(value, '***');
    return clean
      .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'@]+@/gi, '$1***@')
      .replaceAll(/\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}/g, '$1 ***');
  };
}
