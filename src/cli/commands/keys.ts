import { InvalidArgumentError, Option, type Command } from 'commander';
import type { KeyObject } from 'node:crypto';
import { inspectKeys } from '../../publish/inspect-keys.ts';
import { generateKeys, KEY_PURPOSES, type KeyPurpose } from '../../publish/keys.ts';
import { mergeTrustFiles } from '../../publish/merge-trust.ts';
import { readPassphrase } from '../../publish/passphrase.ts';
import { readPublicKey } from '../../publish/public-key.ts';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';
import { keysText } from '../keys-text.ts';
import { DEFAULT_PRODUCT, instantSeconds, more } from '../options.ts';
import { plain, plainJson } from '../plain.ts';

type PublicKeyFiles = Partial<Record<KeyPurpose, string>>;

interface GenerateOptions {
  readonly dir: string;
  readonly product: string;
  readonly development?: true;
  readonly passphrase?: true;
  readonly passphraseFile?: string;
  readonly publicKey?: PublicKeyFiles;
}

interface MergeOptions {
  readonly out: string;
  readonly drop?: string[];
  readonly notAfter?: ReadonlyMap<string, number>;
}

/** `core keys`. */
export function addKeys(parent: Command, context: CliContext): void {
  const keys = parent
    .command('keys')
    .summary('a publisher’s keys')
    .description(
      'A publisher’s keys: private keys that sign, and the trust file that programs are built with.',
    )
    .addHelpText('after', help([0, 1, 2], 'core keys generate --dir keys'));
  addGenerate(keys, context);
  addInspect(keys, context);
  addMerge(keys, context);
}

function addGenerate(keys: Command, context: CliContext): void {
  keys
    .command('generate')
    .description(
      'Generates the four private keys of a publisher (bundle, head-edge, head-stable, airgap) and their trust file.',
    )
    .requiredOption('--dir <dir>', 'the folder for them; keys that are there are never overwritten')
    .option('--product <name>', 'the product that they are for', DEFAULT_PRODUCT)
    .option('--development', 'marks them as throw-away, which every program built with them says loudly')
    .option('--passphrase', 'encrypt the private keys; asks for the passphrase')
    .addOption(
      new Option(
        '--passphrase-file <file>',
        'encrypt them with the passphrase in this file, which only you can read',
      ).conflicts('passphrase'),
    )
    .option(
      '--public-key <purpose=file>',
      'a key that is kept in an HSM or KMS: its public key (PEM, JWK, DER); repeat it for each',
      publicKeyFile,
    )
    .addHelpText(
      'after',
      help([0, 1, 2], 'core keys generate --dir keys --product coresdk-sidecar --passphrase'),
    )
    .action(async (options: GenerateOptions) => {
      const made = await generateKeys({
        dir: options.dir,
        product: options.product,
        ...(options.development === true ? { development: true } : {}),
        passphrase: await newPassphrase(options),
        publicKeys: await readPublicKeys(options.publicKey ?? {}),
      });
      context.print(`wrote the keys to ${plain(made.dir)}`);
      context.print(`build programs with \`npm run build -- --trust ${plain(made.trustFile)}\``);
      context.print(
        'keep the private keys (*.pem) safe: whoever has them can publish, and what is lost cannot be made again',
      );
    });
}

function addInspect(keys: Command, context: CliContext): void {
  keys
    .command('inspect')
    .description('Shows the public keys of a trust file, or of one key’s file, and checks each of them.')
    .argument('<file>', 'a trust file, or a PEM file with a public or a private key')
    .option('--passphrase-file <file>', 'the passphrase of an encrypted key; else it is asked for')
    .option('--json', 'as JSON')
    .addHelpText('after', help([0, 1, 2], 'core keys inspect keys/trust.json'))
    .action(async (path: string, options: { readonly passphraseFile?: string; readonly json?: true }) => {
      const prompt = `Passphrase of ${plain(path)}`;
      const passphrase = (): Promise<string> => readPassphrase({ file: options.passphraseFile, prompt });
      const found = await inspectKeys(path, { passphrase });
      context.print(options.json === true ? plainJson(found) : keysText(found, context.style));
    });
}

function addMerge(keys: Command, context: CliContext): void {
  keys
    .command('merge')
    .description(
      'Makes one trust file of several, the oldest first: for a program that shall know old keys and new ones.',
    )
    .argument('<trustfiles...>', 'trust files of one product')
    .requiredOption('--out <file>', 'the new trust file; another file is never overwritten')
    .option('--drop <kid>', 'leave a key out; repeat it for each', more)
    .option(
      '--not-after <kid=instant>',
      'what the key signs after the instant is refused; repeat it for each',
      keyEnd,
    )
    .addHelpText(
      'after',
      help([0, 1, 2], 'core keys merge keys-2025/trust.json keys-2026/trust.json --out trust.json'),
    )
    .action(async (files: string[], { out, drop, notAfter }: MergeOptions) => {
      const { keys: merged } = await mergeTrustFiles({ files, out, drop, notAfter });
      context.print(`wrote ${plain(out)}: ${String(merged.length)} keys`);
      context.print(keysText(await inspectKeys(out), context.style));
    });
}

async function newPassphrase({ passphrase, passphraseFile }: GenerateOptions): Promise<string | undefined> {
  if (passphrase !== true && passphraseFile === undefined) return undefined;
  return readPassphrase({ file: passphraseFile, prompt: 'Passphrase for the new keys', confirm: true });
}

async function readPublicKeys(files: PublicKeyFiles): Promise<Partial<Record<KeyPurpose, KeyObject>>> {
  const found: Partial<Record<KeyPurpose, KeyObject>> = {};
  for (const [purpose, file] of Object.entries(files) as [KeyPurpose, string][])
    found[purpose] = await readPublicKey(file);
  return found;
}

/** Parses `bundle=hsm/bundle.pem`. */
function publicKeyFile(text: string, before: PublicKeyFiles | undefined): PublicKeyFiles {
  const [purpose, file] = pair(text);
  if (!Object.hasOwn(KEY_PURPOSES, purpose))
    throw new InvalidArgumentError(`expected one of ${Object.keys(KEY_PURPOSES).join(', ')} before the =`);
  return { ...before, [purpose]: file };
}

/** Parses `<kid>=2026-06-01T00:00:00Z`. */
function keyEnd(text: string, before: ReadonlyMap<string, number> | undefined): ReadonlyMap<string, number> {
  const [kid, end] = pair(text);
  return new Map([...(before ?? []), [kid, instantSeconds(end) * 1000]]);
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('expected two values with = between');
  return [text.slice(0, at), text.slice(at + 1)];
}
