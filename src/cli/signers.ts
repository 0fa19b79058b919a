/** Options that name private keys, and the signers that they make. */
import { Option, type Command } from 'commander';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import { createExternalSigner, type SignerMode } from '../publish/external-signer.ts';
import { readPassphrase } from '../publish/passphrase.ts';
import { readPublicKey } from '../publish/public-key.ts';
import { loadSigner, type Signer } from '../publish/signer.ts';
import { more } from './options.ts';
import { plain } from './plain.ts';

/** What {@link withSigners} adds. */
export interface SignerOptions {
  readonly key?: string[];
  readonly signer?: string[];
  readonly publicKey?: string[];
  readonly signerMode: SignerMode;
  readonly passphraseFile?: string;
}

/**
 * Adds `--key`, `--passphrase-file`, `--signer`, `--public-key` and `--signer-mode`.
 *
 * @param key - what `--key` is for
 */
export function withSigners(command: Command, key: string): Command {
  return command
    .option('--key <pem>', key, more)
    .option(
      '--passphrase-file <file>',
      'the passphrase of encrypted keys, in a file that only you can read; else it is asked for',
    )
    .option(
      '--signer <command>',
      'instead of --key, a command that signs: input on its stdin, signature on its stdout',
      more,
    )
    .option(
      '--public-key <key>',
      'the public key of each --signer: its kid in the trust file, or a file (PEM, JWK, DER)',
      more,
    )
    .addOption(
      new Option('--signer-mode <mode>', 'what a --signer gets: the signing input, or its SHA-256')
        .choices(['input', 'digest'])
        .default('input' satisfies SignerMode),
    );
}

/**
 * Loads the signers that the options name: those of `--signer` first, then those of `--key`, each in the order given.
 *
 * @param trust - where a `kid` is looked up
 * @throws UpdateError `USAGE` when none is named, or a `--signer` has no `--public-key`; `SIGNING_FAILED`
 */
export async function loadSigners(options: SignerOptions, trust?: TrustSet): Promise<[Signer, ...Signer[]]> {
  const { key: paths = [], signer: commands = [], publicKey: publicKeys = [], signerMode } = options;
  if (commands.length !== publicKeys.length)
    throw new UpdateError(
      'USAGE',
      `expected a --public-key for each --signer, found ${String(publicKeys.length)} for ${String(commands.length)}`,
    );
  const signers: Signer[] = [];
  for (const [index, command] of commands.entries()) {
    const publicKey = await readPublicKey(publicKeys[index] ?? '', trust);
    signers.push(createExternalSigner({ command, publicKey, mode: signerMode }));
  }
  for (const path of paths) signers.push(await loadKey(path, options));
  const [first, ...rest] = signers;
  if (first === undefined) throw new UpdateError('USAGE', 'expected --key or --signer, found neither');
  return [first, ...rest];
}

/**
 * Loads a private key; its passphrase is read as the options say.
 *
 * @throws UpdateError `SIGNING_FAILED`
 */
export async function loadKey(
  path: string,
  { passphraseFile }: Pick<SignerOptions, 'passphraseFile'>,
): Promise<Signer> {
  const prompt = `Passphrase of ${plain(path)}`;
  const passphrase = (): Promise<string> => readPassphrase({ file: passphraseFile, prompt });
  return loadSigner(path, { passphrase });
}

/**
 * Loads the one signer that the options name.
 *
 * @param trust - where a `kid` is looked up
 * @throws UpdateError `USAGE` when more than one is named, and what {@link loadSigners} throws
 */
export async function loadOneSigner(options: SignerOptions, trust?: TrustSet): Promise<Signer> {
  const [signer, ...rest] = await loadSigners(options, trust);
  if (rest.length > 0) throw new UpdateError('USAGE', 'expected one --key or --signer, found more');
  return signer;
}
