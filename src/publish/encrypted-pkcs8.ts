/**
 * Encrypted private keys on disk: PKCS#8 `EncryptedPrivateKeyInfo` (RFC 5958 section 3) with PBES2 (RFC 8018 section 6.2):
 * PBKDF2 with HMAC-SHA-256, and AES-256-CBC. `openssl pkey -in FILE` reads them.
 *
 * The envelope is written here, because the one that `KeyObject.export` writes has 2048 rounds of PBKDF2 and no way to ask for
 * more. All the cryptography is node:crypto's.
 */
import { createCipheriv, pbkdf2, randomBytes, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { UpdateError } from '../errors.ts';

const derive = promisify(pbkdf2);

/** Rounds of PBKDF2-HMAC-SHA-256: what OWASP's password storage cheat sheet asks for. */
export const PBKDF2_ROUNDS = 600_000;

/** The most bytes of a passphrase: OpenSSL, which reads the files, takes no more. */
export const MAX_PASSPHRASE_BYTES = 1024;

const OID = {
  pbes2: '2a864886f70d01050d',
  pbkdf2: '2a864886f70d01050c',
  hmacWithSha256: '2a864886f70d0209',
  aes256Cbc: '60864801650304012a',
} as const;

/**
 * Encrypts a private key with a passphrase.
 *
 * @param key - any private key
 * @param passphrase - 1 to {@link MAX_PASSPHRASE_BYTES} bytes of UTF-8
 * @returns PEM, `ENCRYPTED PRIVATE KEY`
 * @throws UpdateError `SIGNING_FAILED` for a passphrase of another length
 */
export async function encryptPrivateKey(key: KeyObject, passphrase: string): Promise<string> {
  const secret = Buffer.from(passphrase, 'utf8');
  if (secret.length === 0 || secret.length > MAX_PASSPHRASE_BYTES)
    throw new UpdateError(
      'SIGNING_FAILED',
      `expected a passphrase of 1 to ${String(MAX_PASSPHRASE_BYTES)} bytes, found ${String(secret.length)}`,
    );
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', await derive(secret, salt, PBKDF2_ROUNDS, 32, 'sha256'), iv);
  const plain = key.export({ format: 'der', type: 'pkcs8' });
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  plain.fill(0);

  const prf = sequence(oid(OID.hmacWithSha256), der(0x05));
  const kdf = sequence(oid(OID.pbkdf2), sequence(der(0x04, salt), integer(PBKDF2_ROUNDS), prf));
  const scheme = sequence(oid(OID.aes256Cbc), der(0x04, iv));
  const envelope = sequence(sequence(oid(OID.pbes2), sequence(kdf, scheme)), der(0x04, encrypted));
  const lines = envelope.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${lines}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

/** Whether a PEM text holds a private key that needs a passphrase: PKCS#8, or the older form of OpenSSL. */
export function isEncrypted(pem: string): boolean {
  return /^(-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(pem);
}

/** One DER element (X.690 section 8.1). */
function der(tag: number, content: Uint8Array = new Uint8Array()): Buffer {
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function sequence(...elements: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(elements));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

/** A positive INTEGER below 2^31. */
function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  // As short as it can be, with the sign bit clear.
  let start = 0;
  while (start < 3 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start += 1;
  return der(0x02, bytes.subarray(start));
}
