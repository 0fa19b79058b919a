import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UpdateError } from '../errors.ts';
import { isEncrypted } from './encrypted-pkcs8.ts';

/** Asked for a passphrase when one is needed, and only then. */
export type AskPassphrase = () => Promise<string>;

/**
 * Reads a private key from a PEM file.
 *
 * @param path - PKCS#8, plain or encrypted; OpenSSL's older forms are read too
 * @param ask - asked once, and only when the key is encrypted
 * @throws UpdateError `SIGNING_FAILED` when the file cannot be read or holds no private key, and when the passphrase is missing
 * or wrong; what `ask` rejects with
 */
export async function readPrivateKey(path: string, ask?: AskPassphrase): Promise<KeyObject> {
  const pem = await readPem(path);
  if (!isEncrypted(pem)) return parse(path, pem);
  if (ask === undefined) throw fault(path, 'it is encrypted: expected a passphrase, found none');
  const passphrase = await ask();
  if (passphrase === '') throw fault(path, 'it is encrypted: expected a passphrase, found an empty one');
  return parse(path, pem, passphrase);
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    throw fault(path, error instanceof Error ? error.message : String(error), error);
  }
}

function parse(path: string, pem: string, passphrase?: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    // Which of the two it is cannot be told: a wrong passphrase may decrypt to something, and only that is then no key.
    if (passphrase !== undefined) throw fault(path, 'the passphrase is wrong, or the file is damaged', error);
    throw fault(path, error instanceof Error ? error.message : String(error), error);
  }
}

function fault(path: string, why: string, cause?: unknown): UpdateError {
  return new UpdateError('SIGNING_FAILED', `the private key ${path} cannot be used: ${why}`, { cause });
}
