/**
 * Which proxy a request goes through, by the variables that other programs know too.
 *
 * Invariant: user name and password of a proxy's URL are never in a message.
 */
import { BlockList, isIP } from 'node:net';
import { UpdateError } from '../errors.ts';

/** A proxy, and where that was said. */
export interface ProxySetting {
  readonly url: string;
  /** `http.proxy`, or the name of a variable. */
  readonly from: string;
}

/** What is configured of proxies. */
export interface ProxySettings {
  /** For `http:` URLs. */
  readonly http: ProxySetting | null;
  /** For `https:` URLs. */
  readonly https: ProxySetting | null;
  /** Hosts that are reached without one: `NO_PROXY`. */
  readonly none: string;
}

/**
 * A proxy's URL.
 *
 * @throws UpdateError `CONFIG_INVALID` unless it is an `http:` or `https:` URL of a host
 */
export function parseProxy({ url: text, from }: ProxySetting): URL {
  // `proxy.example:3128` is how many write it.
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  const isProxy = url !== null && ['http:', 'https:'].includes(url.protocol) && url.pathname === '/';
  const userInfo = `${url?.username ?? ''}:${url?.password ?? ''}`;
  if (!isProxy || /%(?![0-9a-f]{2})/i.test(userInfo) || url.search !== '' || url.hash !== '')
    throw new UpdateError(
      'CONFIG_INVALID',
      `${from}: expected the http: or https: URL of a proxy without path, found ${JSON.stringify(hidden(text))}`,
    );
  return url;
}

/** A proxy's address for messages: all up to the last `@` may be a secret. */
function hidden(text: string): string {
  return text.replace(/^(?:([a-z][a-z0-9+.-]*:\/\/))?.*@/is, '$1***@');
}

const portOf = (url: URL): string =>
  url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;

/** Whether an address is in a network such as `10.0.0.0/8`. */
function isIn(host: string, network: string): boolean {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits)) return false;
  if (Number(bits) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(address, Number(bits), type);
  return list.check(host, type);
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isIn(host, entry);
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  const named = isIP(entry) === 6 ? null : /^([^:]+):(\d+)$/.exec(entry);
  const name = (bracketed?.[1] ?? named?.[1] ?? entry).replace(/^\*?\./, '').replace(/\.$/, '');
  const only = bracketed?.[2] ?? named?.[2];
  if (only !== undefined && only !== port) return false;
  return name !== '' && (host === name || (isIP(host) === 0 && host.endsWith(`.${name}`)));
}

/**
 * Whether `NO_PROXY` covers a URL. Its entries stand between commas or spaces, as curl and Go's `net/http` read them: a host and all
 * below it (a dot or `*.` before it changes nothing), with or without a port; an address; a network (`10.0.0.0/8`); `*` for all.
 */
export function isDirect(url: URL, none: string): boolean {
  const host = url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  const entries = none.toLowerCase().split(/[,\s]+/);
  return entries.some((entry) => entry !== '' && covers(entry, host, portOf(url)));
}

/**
 * The proxy for a URL; null for none.
 *
 * @throws UpdateError `CONFIG_INVALID` when the proxy's own URL is none
 * @example
 * proxyFor(new URL('https://updates.example.com/'), { http: null, https: { url: 'http://proxy:3128', from: 'HTTPS_PROXY' }, none: '' });
 */
export function proxyFor(url: URL, { http, https, none }: ProxySettings): URL | null {
  const setting = url.protocol === 'https:' ? https : http;
  return setting === null || isDirect(url, none) ? null : parseProxy(setting);
}
