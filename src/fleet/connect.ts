/**
 * A connection to NATS, as the configuration describes it: for hosts, the controller and the CLI alike.
 *
 * Invariants:
 * - The library is loaded here, when a connection is wanted, and nowhere else: a host without a fleet never pays for it.
 * - Files (CA, certificate, key, credentials) are read anew for each connection, so that they can be renewed while a daemon runs.
 * - `tls:` never falls back to plain text.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Authenticator, NatsConnection } from '@nats-io/transport-node';
import { UpdateError } from '../errors.ts';
import { fleetFault } from './faults.ts';

/** How NATS is reached. Files are absolute paths. */
export interface NatsAccess {
  /** `nats://host:port` or `tls://host:port`; one of them is taken by chance, the others when it is away. */
  readonly urls: readonly string[];
  /** A `.creds` file (JWT and seed) or a file that holds an nkey seed; null: none is sent. */
  readonly credentialsFile: string | null;
  /** PEM; the only authorities that are believed; null: the built-in ones. */
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

/** How a connection is made. */
export interface ConnectOptions {
  /** What the server shows of it, for people: `coresdk web.h1`. */
  readonly name: string;
  /** What replies are sent to; a host that may read only its own replies has one of its own. `_INBOX` unless told. */
  readonly inbox?: string;
  /** Whether the library connects again by itself, for ever; not unless told. */
  readonly reconnect?: boolean;
  /** ms; 10,000 unless told. */
  readonly timeoutMs?: number;
  /** How often the other side is asked whether it is there, ms; after two without an answer it is given up. 15,000 unless told. */
  readonly pingMs?: number;
}

const CREDENTIALS_MAX_BYTES = 64 * 1024;
const NKEY_SEED = /^\s*(SU[A-Z2-7]{56})\s*$/;

const refuse = (key: string, what: string, cause?: unknown): UpdateError =>
  new UpdateError('CONFIG_INVALID', `fleet.nats.${key}: ${what}`, { cause });

async function readPrivately(key: string, path: string): Promise<Buffer> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o007) !== 0)
      throw refuse(
        key,
        `expected a file that others cannot read, found mode 0${(mode & 0o777).toString(8)}; run chmod o= ${path}`,
      );
    if (size > CREDENTIALS_MAX_BYTES)
      throw refuse(
        key,
        `expected at most ${String(CREDENTIALS_MAX_BYTES)} bytes, found ${String(size)} in ${path}`,
      );
    return await readFile(path);
  } catch (error) {
    if (error instanceof UpdateError) throw error;
    throw refuse(
      key,
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}

async function authenticatorOf(path: string): Promise<Authenticator> {
  const { credsAuthenticator, nkeyAuthenticator } = await import('@nats-io/transport-node');
  const bytes = await readPrivately('credentials_file', path);
  const seed = NKEY_SEED.exec(bytes.toString('latin1'))?.[1];
  if (seed !== undefined) return nkeyAuthenticator(Buffer.from(seed, 'latin1'));
  if (!bytes.includes('-----BEGIN NATS USER JWT-----'))
    throw refuse('credentials_file', `expected a .creds file or an nkey seed of a user (SU…) in ${path}`);
  return credsAuthenticator(bytes);
}

async function tlsOf({
  urls,
  caFile,
  certFile,
  keyFile,
}: NatsAccess): Promise<Record<string, string> | null> {
  const wanted = urls.some((url) => url.startsWith('tls:'));
  if (!wanted && caFile === null && certFile === null && keyFile === null) return null;
  const read = async (key: string, path: string | null): Promise<Record<string, string>> => {
    if (path === null) return {};
    try {
      return { [key]: await readFile(path, 'latin1') };
    } catch (error) {
      throw refuse(`${key}_file`, `${path} cannot be read`, error);
    }
  };
  if (keyFile !== null) await readPrivately('key_file', keyFile);
  return {
    ...(await read('ca', caFile)),
    ...(await read('cert', certFile)),
    ...(await read('key', keyFile)),
  };
}

/**
 * Whether this is the address of a NATS server, and nothing in it is a secret or would be lost.
 *
 * @example
 * isNatsUrl('tls://nats.example:4222'); // true
 */
export function isNatsUrl(text: string): boolean {
  return /^(nats|tls):\/\/[^/?#@\s]+\/?$/.test(text) && URL.canParse(text.replace(/^(nats|tls):/, 'http:'));
}

/** An address without what may be secret in it. */
export const shownUrl = (url: string): string => url.replace(/\/\/[^@/]*@/, '//');

/**
 * Connects to the first server that answers.
 *
 * @throws UpdateError `FLEET_UNREACHABLE` when none does, or refuses us; `CONFIG_INVALID` for a file that cannot be used
 * @example
 * const connection = await connectNats(config.fleet.nats, { name: 'coresdk controller', reconnect: true });
 */
export async function connectNats(access: NatsAccess, options: ConnectOptions): Promise<NatsConnection> {
  const { name, inbox = '_INBOX', reconnect = false, timeoutMs = 10_000, pingMs = 15_000 } = options;
  const { connect } = await import('@nats-io/transport-node');
  const tls = await tlsOf(access);
  const authenticator =
    access.credentialsFile === null ? null : await authenticatorOf(access.credentialsFile);
  try {
    return await connect({
      servers: access.urls.map((url) => url.replace(/^(nats|tls):\/\//, '')),
      name,
      inboxPrefix: inbox,
      timeout: timeoutMs,
      pingInterval: pingMs,
      maxPingOut: 2,
      reconnect,
      maxReconnectAttempts: -1,
      // A credential that is refused now may be right after the operators have mended it.
      ignoreAuthErrorAbort: true,
      reconnectJitter: 5_000,
      reconnectJitterTLS: 5_000,
      // The servers of a cluster may tell of addresses that the configuration does not allow.
      ignoreClusterUpdates: true,
      ...(tls === null ? {} : { tls }),
      ...(authenticator === null ? {} : { authenticator }),
    });
  } catch (error) {
    throw fleetFault(error, `cannot connect to ${access.urls.map(shownUrl).join(', ')}`);
  }
}
