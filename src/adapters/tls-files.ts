/**
 * The files of a private CA and of a client certificate.
 *
 * Invariants: what is used was checked as a whole (certificates that can be read, a key that fits); the key is never in a message.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { UpdateError } from '../errors.ts';

/** Where the files are; absolute paths. */
export interface TlsPaths {
  /** Authorities that vouch for the feed, instead of the built-in ones. */
  readonly caFile: string | null;
  /** The certificate by which this host shows itself, with what leads to its authority; only with `keyFile`. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

/** What the files hold, PEM. */
export interface TlsMaterial {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Files that were good when they were opened. */
export interface TlsFiles {
  /**
   * Reads them again, so that a certificate can be renewed while the daemon runs. The same object as before while nothing has
   * changed, and while what is there is not good (half-way through a renewal, the key does not fit yet).
   */
  refresh(): Promise<TlsMaterial>;
  /** Why the last `refresh` kept what was there before; null when it did not. */
  readonly doubt: () => UpdateError | null;
}

const MAX_BYTES = 1024 * 1024;
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const refuse = (key: string, what: string, cause?: unknown): UpdateError =>
  new UpdateError('CONFIG_INVALID', `${key}: ${what}`, { cause });

async function readPem(key: string, path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const info = await file.stat();
      if (!info.isFile()) throw refuse(key, `expected a regular file at ${path}`);
      if (info.size > MAX_BYTES)
        throw refuse(
          key,
          `expected at most ${String(MAX_BYTES)} bytes in ${path}, found ${String(info.size)}`,
        );
      return await file.readFile('latin1');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw UpdateError.from(error, 'CONFIG_INVALID', `${key}: cannot be read`);
  }
}

/** The first of the certificates in a file, all of which can be read. */
function checkCertificates(key: string, path: string, pem: string): X509Certificate {
  const texts = pem.match(CERTIFICATES) ?? [];
  try {
    const [first] = texts.map((text) => new X509Certificate(text));
    if (first !== undefined) return first;
  } catch (error) {
    throw refuse(key, `expected certificates in PEM in ${path}, found one that cannot be read`, error);
  }
  throw refuse(key, `expected certificates in PEM in ${path}, found none`);
}

function checkKey(path: string, pem: string): KeyObject {
  const what = pem.includes('ENCRYPTED') ? 'one with a passphrase' : 'none';
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw refuse(
      'http.key_file',
      `expected a private key in PEM without passphrase in ${path}, found ${what}`,
      error,
    );
  }
}

async function readMaterial({ caFile, certFile, keyFile }: TlsPaths, section: string): Promise<TlsMaterial> {
  const read = async (key: string, path: string | null): Promise<string | null> =>
    path === null ? null : readPem(key, path);
  const [ca, cert, key] = await Promise.all([
    read(`${section}.ca_file`, caFile),
    read('http.cert_file', certFile),
    read('http.key_file', keyFile),
  ]);
  if (ca !== null) checkCertificates(`${section}.ca_file`, caFile ?? '', ca);
  if ((cert === null) !== (key === null))
    throw refuse(
      cert === null ? 'http.cert_file' : 'http.key_file',
      'expected a file, found none: http.cert_file and http.key_file belong together',
    );
  if (cert !== null && key !== null) {
    const own = checkCertificates('http.cert_file', certFile ?? '', cert);
    if (!own.checkPrivateKey(checkKey(keyFile ?? '', key)))
      throw refuse(
        'http.key_file',
        `expected the key of the first certificate in ${certFile ?? ''}, found another in ${keyFile ?? ''}`,
      );
  }
  return { ca, cert, key };
}

/**
 * Opens the files: reads and checks all of them.
 *
 * @param section - where the CA's key stands in the configuration, for messages
 * @throws UpdateError `CONFIG_INVALID` with the key in the configuration: a file that cannot be read, is not PEM, or a private key
 *   that does not fit its certificate
 * @example
 * const tls = await openTlsFiles({ caFile: '/etc/coresdk/feed-ca.pem', certFile: null, keyFile: null });
 */
export async function openTlsFiles(paths: TlsPaths, section = 'http'): Promise<TlsFiles> {
  let material = await readMaterial(paths, section);
  let doubt: UpdateError | null = null;
  return {
    refresh: async () => {
      try {
        const found = await readMaterial(paths, section);
        const same = found.ca === material.ca && found.cert === material.cert && found.key === material.key;
        if (!same) material = found;
        doubt = null;
      } catch (error) {
        doubt = UpdateError.from(error, 'CONFIG_INVALID');
      }
      return material;
    },
    doubt: () => doubt,
  };
}
