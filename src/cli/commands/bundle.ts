import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { UpdateError } from '../../errors.ts';
import { createBundle } from '../../publish/bundle-writer.ts';
import { inspectBundle, verifyBundleFile } from '../../publish/inspect.ts';
import { readTrustFile } from '../../publish/trust-file.ts';
import type { Platform } from '../../types.ts';
import { collectFiles } from '../bundle-files.ts';
import { inspectedText, verifiedText } from '../bundle-text.ts';
import { bytes } from '../bytes.ts';
import type { CliContext } from '../context.ts';
import { bundleAudience, DEFAULT_PRODUCT, semverVersion } from '../options.ts';
import { plain, plainJson } from '../plain.ts';
import { loadOneSigner, withSigners, type SignerOptions } from '../signers.ts';

interface CreateOptions extends SignerOptions {
  readonly version: string;
  readonly entrypoint: string;
  readonly audience: 'feed' | 'airgap';
  readonly product: string;
  readonly os: string;
  readonly arch: string;
  readonly libc?: NonNullable<Platform['libc']>;
  readonly minUpdater?: string;
  readonly notesFile?: string;
  readonly out: string;
}

async function readNotes(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', 'the notes cannot be read');
  }
}

function addCreate(bundle: Command, context: CliContext): void {
  const create = bundle
    .command('create')
    .summary('make a signed bundle of a release')
    .description(
      'Makes a signed bundle of a release for one platform. A folder gives the files in it, a file gives itself; what may be executed gets mode 0755.',
    )
    .argument('<files...>', 'folders and files');
  withSigners(create, 'the private key: bundle.pem for stable,edge, airgap.pem for airgap')
    .requiredOption('--version <version>', 'the release’s version', semverVersion)
    .requiredOption('--entrypoint <path>', 'the program’s path in the bundle')
    .requiredOption('--audience <audience>', '`stable,edge` or `airgap`', bundleAudience)
    .option('--product <name>', 'the product', DEFAULT_PRODUCT)
    .addOption(
      new Option('--os <os>', 'the platform’s system')
        .choices(['linux', 'darwin'])
        .default(process.platform, 'this one'),
    )
    .addOption(
      new Option('--arch <arch>', 'its processor')
        .choices(['x64', 'arm64'])
        .default(process.arch, 'this one'),
    )
    .addOption(
      new Option('--libc <libc>', 'its C library, where the program cares').choices(['glibc', 'musl']),
    )
    .option('--min-updater <version>', 'the oldest updater that may install it', semverVersion)
    .option('--notes-file <file>', 'notes for the operator')
    .requiredOption('--out <file>', 'where the bundle is written')
    .addHelpText(
      'after',
      `
Example:
  core bundle create --key keys/bundle.pem --version 1.1.0 --entrypoint bin/sidecar \\
    --audience stable,edge --out coresdk-sidecar-1.1.0.jws dist/`,
    )
    .action(async (inputs: string[], options: CreateOptions) => {
      const { os, arch, libc, notesFile, product, version, audience, entrypoint, minUpdater, out } = options;
      const made = await createBundle({
        product,
        version,
        audience,
        entrypoint,
        minUpdater,
        out,
        platform: { os, arch, libc },
        files: await collectFiles(inputs),
        signer: await loadOneSigner(options),
        notes: notesFile === undefined ? undefined : await readNotes(notesFile),
        createdAt: context.now(),
      });
      context.print(
        `wrote ${plain(made.path)}, ${bytes(made.size)}: ${version}, release ${made.digest}, key ${made.kid}`,
      );
    });
}

/** `core bundle`. */
export function addBundle(parent: Command, context: CliContext): void {
  const bundle = parent
    .command('bundle')
    .summary('signed bundles of releases')
    .description('Signed bundles of releases.')
    .addHelpText(
      'after',
      '\nExample:\n  core bundle verify coresdk-sidecar-1.1.0.jws --trust keys/trust.json',
    );

  addCreate(bundle, context);

  bundle
    .command('inspect')
    .description('Shows what a bundle says of itself, unverified. Decide nothing by it.')
    .argument('<file>', 'the bundle')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  core bundle inspect coresdk-sidecar-1.1.0.jws')
    .action(async (path: string, { json }: { readonly json?: true }) => {
      const found = await inspectBundle(path);
      context.print(json ? plainJson(found) : inspectedText(path, found));
    });

  bundle
    .command('verify')
    .description('Verifies a bundle whole, as an updater would, with the keys of a trust file.')
    .argument('<file>', 'the bundle')
    .requiredOption('--trust <trustfile>', 'the public keys')
    .addHelpText(
      'after',
      '\nExample:\n  core bundle verify coresdk-sidecar-1.1.0.jws --trust keys/trust.json',
    )
    .action(async (path: string, { trust }: { readonly trust: string }) => {
      const verified = await verifyBundleFile(path, await readTrustFile(trust), { now: context.now() });
      context.print(verifiedText(path, verified));
    });
}
