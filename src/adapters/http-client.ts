/**
 * The one HTTP client of everything that the daemon asks of a feed, and of a lock server (RFC 9110), by undici: proxy, private authorities and client
 * certificate are here and nowhere else. The health probe is another client, and knows none of them.
 *
 * Invariants:
 * - TLS certificates are always checked. Redirects are never followed. Bodies are never decoded.
 * - Each request is a connection of its own, so that none is used which the other side has closed meanwhile.
 */
import { getCACertificates } from 'node:tls';
import { Agent, Pool, ProxyAgent, type Dispatcher } from 'undici';
import { proxyFor, parseProxy, type ProxySettings } from './proxy.ts';
import type { TlsFiles, TlsMaterial } from './tls-files.ts';

/** What {@link createHttpClient} needs. */
export interface HttpClientOptions {
  /** How long a connection (with TLS, and with a proxy's part of it) may take, ms; 10 000 unless told. */
  readonly connectMs?: number | undefined;
  /** Proxies; none unless told. The environment is not read here. */
  readonly proxies?: ProxySettings | undefined;
  /** A private CA and a client certificate; the built-in authorities unless told. */
  readonly tls?: TlsFiles | undefined;
}

/** One request. */
export interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the request and its body. */
  readonly signal: AbortSignal;
}

/** An HTTP client that holds connections. */
export interface HttpClient {
  /** GET. Rejects with undici's and Node's own errors when there is no answer; every status is an answer. */
  get(url: URL, request: HttpRequest): Promise<Dispatcher.ResponseData>;
  /** POST of a small body; in everything else as `get`. Never sent twice by itself. */
  post(url: URL, request: HttpRequest & { readonly body: string }): Promise<Dispatcher.ResponseData>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

const NO_FILES: TlsMaterial = { ca: null, cert: null, key: null };

interface TlsOptions {
  readonly rejectUnauthorized: true;
  readonly ca?: string | string[];
  readonly cert?: string;
  readonly key?: string;
}

function tlsOptions({ ca, cert, key }: TlsMaterial): TlsOptions {
  return {
    rejectUnauthorized: true,
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
  };
}

/** A proxy may be vouched for by anybody whom this host or its operator believes; it is never shown the client certificate. */
function proxyTls({ ca }: TlsMaterial): TlsOptions {
  return { rejectUnauthorized: true, ...(ca === null ? {} : { ca: [...getCACertificates('default'), ca] }) };
}

const poolOptions = (connectMs: number): Pool.Options & { allowH2: false } => ({
  // A new connection a request.
  pipelining: 0,
  allowH2: false,
  // Both are watched by whoever reads, by bytes a time.
  headersTimeout: 0,
  bodyTimeout: 0,
  connectTimeout: connectMs,
});

function dispatcherFor(proxy: URL | null, material: TlsMaterial, connectMs: number): Dispatcher {
  const options = poolOptions(connectMs);
  if (proxy === null)
    return new Agent({ ...options, connect: { timeout: connectMs, ...tlsOptions(material) } });
  return new ProxyAgent({
    ...options,
    uri: proxy.href,
    requestTls: tlsOptions(material),
    proxyTls: proxyTls(material),
    factory: (origin, given: Pool.Options) => new Pool(origin, { ...given, ...options }),
    // The connection to the proxy, until the tunnel is open.
    clientFactory: (origin, given: Pool.Options) =>
      new Pool(origin, { ...given, ...options, headersTimeout: connectMs }),
  });
}

/**
 * Makes an HTTP client.
 *
 * @throws UpdateError `CONFIG_INVALID` when the URL of a proxy is none
 * @example
 * const client = createHttpClient({ tls: await openTlsFiles(paths) });
 * const { statusCode, body } = await client.get(new URL('https://updates.example.com/edge.jws'), { headers: {}, signal });
 * await client.close();
 */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { connectMs = 10_000, proxies = { http: null, https: null, none: '' }, tls } = options;
  for (const proxy of [proxies.http, proxies.https]) if (proxy !== null) parseProxy(proxy);
  /** By proxy. */
  const dispatchers = new Map<string, Dispatcher>();
  /** Of files that have been replaced; a body may still be on its way. */
  const replaced = new Set<Dispatcher>();
  let material = NO_FILES;

  const refresh = async (): Promise<void> => {
    const found = (await tls?.refresh()) ?? NO_FILES;
    if (found === material) return;
    material = found;
    for (const old of dispatchers.values()) replaced.add(old);
    dispatchers.clear();
  };
  const dispatcher = (url: URL): Dispatcher => {
    const proxy = proxyFor(url, proxies);
    const name = proxy?.href ?? '';
    const known = dispatchers.get(name);
    if (known !== undefined) return known;
    const made = dispatcherFor(proxy, material, connectMs);
    dispatchers.set(name, made);
    return made;
  };

  const send = async (
    url: URL,
    request: Pick<Dispatcher.RequestOptions, 'method' | 'body'> & HttpRequest,
  ): Promise<Dispatcher.ResponseData> => {
    await refresh();
    try {
      return await dispatcher(url).request({ ...request, origin: url.origin, path: url.pathname });
    } catch (error) {
      const doubt = tls?.doubt() ?? null;
      if (doubt === null) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${message} (with what was in the files before: ${doubt.message})`, { cause: error });
    }
  };

  return {
    get: (url, { headers, signal }) => send(url, { method: 'GET', headers, signal }),
    post: (url, { headers, signal, body }) => send(url, { method: 'POST', headers, signal, body }),
    close: async () => {
      await Promise.all([...dispatchers.values(), ...replaced].map((each) => each.destroy()));
    },
  };
}
