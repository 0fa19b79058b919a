/**
 * Signing by a command of the publisher's, so that the private key can stay in an HSM, a token or a KMS.
 *
 * Invariant: no signature leaves here that the public key does not verify.
 */
import { constants, createHash, createVerify, type KeyObject } from 'node:crypto';
import { UpdateError } from '../errors.ts';
import { readSignature } from './signature-text.ts';
import { startCommand, type Command, type RunningCommand } from './signer-command.ts';
import { describePublicKey, type Signer, type StreamSigner } from './signer.ts';

/** What a signer command gets on standard input: the JWS signing input as it is, or the 32 bytes of its SHA-256. */
export type SignerMode = 'input' | 'digest';

/** How long a signer command may take unless told, ms. */
export const SIGNER_TIMEOUT_MS = 60_000;

/** A signer that is a command. */
export interface ExternalSignerOptions {
  /** A program with its arguments, or a line for `/bin/sh`. Started once for each signature. */
  readonly command: Command;
  /** The public key of the private key that the command uses; see `readPublicKey`. Decides the algorithm. */
  readonly publicKey: KeyObject;
  /** `input` unless told. */
  readonly mode?: SignerMode | undefined;
  /** The longest wait for the command to read on, and then to end, ms; {@link SIGNER_TIMEOUT_MS} unless told. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a signer of a command: it reads what is signed from standard input and writes the signature to standard output, as raw
 * bytes, base64url or base64; for ES256 as `r || s` or as DER. Every signature is verified before it is used.
 *
 * @throws UpdateError `SIGNING_FAILED` for a public key that cannot be used, at once. While signing, for a command that cannot be
 * started, does not end with exit code 0 (the message then has the last lines of its standard error), takes too long, writes more
 * than 16 KiB or something that is no signature, and for a signature that the public key does not verify; `CANCELLED`
 * @example
 * const signer = createExternalSigner({
 *   command: 'pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin env:PIN --id 01 --sign -m SHA256-RSA-PKCS',
 *   publicKey: await readPublicKey('bundle.der'),
 * });
 */
export function createExternalSigner(options: ExternalSignerOptions): Signer {
  const { publicKey } = options;
  const { kid, alg } = describePublicKey(publicKey);
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  const length = alg === 'ES256' ? 64 : Math.ceil(bits / 8);

  const stream = (): StreamSigner => {
    const verify = createVerify('sha256');
    const feeding = options.mode === 'digest' ? feedDigest(options) : feedInput(options);
    return {
      async update(chunk) {
        verify.update(chunk, 'latin1');
        await feeding.update(chunk);
      },
      async sign() {
        const output = await feeding.output();
        const signature = readSignature(output, alg, length);
        if (signature === null)
          throw new UpdateError(
            'SIGNING_FAILED',
            `the signer command: expected a signature of ${String(length)} bytes for ${alg}, found ${String(output.length)} bytes of something else`,
          );
        if (!verify.verify(verifyInput(publicKey, alg), signature))
          throw new UpdateError(
            'SIGNING_FAILED',
            `the signer command: expected a signature by key ${kid} (${alg}) over the ${options.mode === 'digest' ? 'SHA-256' : 'bytes'} on its standard input, found another one`,
          );
        return signature.toString('base64url');
      },
      [Symbol.asyncDispose]: () => feeding[Symbol.asyncDispose](),
    };
  };
  return {
    kid,
    alg,
    stream,
    async signSmall(payload, typ) {
      const header = Buffer.from(JSON.stringify({ alg, kid, typ })).toString('base64url');
      const input = `${header}.${Buffer.from(payload).toString('base64url')}`;
      await using signature = stream();
      await signature.update(input);
      return `${input}.${await signature.sign()}`;
    },
  };
}

function verifyInput(
  key: KeyObject,
  alg: Signer['alg'],
): Parameters<ReturnType<typeof createVerify>['verify']>[0] {
  return alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : { key, padding: constants.RSA_PKCS1_PADDING };
}

/** What is signed on its way into the command. */
interface Feeding extends AsyncDisposable {
  update(chunk: string): Promise<void>;
  /** Ends the input; what the command wrote. */
  output(): Promise<Buffer>;
}

function start({ command, timeoutMs = SIGNER_TIMEOUT_MS, signal }: ExternalSignerOptions): RunningCommand {
  return startCommand(command, { timeoutMs, signal });
}

/** Octets that come with the first write, unless there are fewer in all: pkcs11-tool takes a first read below 1025 for the whole input. */
const FIRST_WRITE = 4096;

function feedInput(options: ExternalSignerOptions): Feeding {
  const running = start(options);
  let first: string | null = '';
  return {
    async update(chunk) {
      const whole = `${first ?? ''}${chunk}`;
      if (first !== null && whole.length < FIRST_WRITE) first = whole;
      else {
        first = null;
        await running.write(whole);
      }
    },
    async output() {
      if (first !== null) await running.write(first);
      return await running.finish();
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** The command starts when the digest is known. */
function feedDigest(options: ExternalSignerOptions): Feeding {
  const hash = createHash('sha256');
  return {
    update: async (chunk) => void hash.update(chunk, 'latin1'),
    async output() {
      await using running = start(options);
      await running.write(hash.digest());
      return await running.finish();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
