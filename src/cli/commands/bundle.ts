import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { UpdateError } from '../../errors.ts';
import { createBundle, type CreateBundleOptions, type CreatedBundle } from '../../publish/bundle-writer.ts';
import { createDelta } from '../../publish/delta.ts';
import { inspectBundle } from '../../publish/inspect.ts';
import { readTrustFile } from '../../publish/trust-file.ts';
import { unpackBundleFile } from '../../publish/unpacked-bundle.ts';
import { verifyBundleFile } from '../../publish/verify-bundle.ts';
import type { Platform } from '../../types.ts';
import { collectFiles } from '../bundle-files.ts';
import { inspectedText, verifiedText } from '../bundle-text.ts';
import { bytes, share } from '../bytes.ts';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';
import { bundleAudience, DEFAULT_PRODUCT, semverVersion } from '../options.ts';
import { plain, plainJson } from '../plain.ts';
import { loadOneSigner, withSigners, type SignerOptions } from '../signers.ts';

interface CreateOptions extends SignerOptions {
  readonly version: string;
  readonly entrypoint?: string;
  readonly daemon?: string;
  readonly audience: 'feed' | 'airgap';
  readonly product: string;
  readonly os: string;
  readonly arch: string;
  readonly libc?: NonNullable<Platform['libc']>;
  readonly minUpdater?: string;
  readonly notesFile?: string;
  readonly base?: string;
  readonly trust?: string;
  readonly out: string;
}

interface DeltaOptions extends SignerOptions {
  readonly base: string;
  readonly trust: string;
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
    .option('--entrypoint <path>', 'the workload’s program: its path in the bundle')
    .option(
      '--daemon <path>',
      'the daemon’s program: its path in the bundle; it may be the same file, and a release may carry it alone',
    )
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
    .option('--base <bundle>', 'make a delta from this full bundle instead; needs --trust')
    .option(
      '--trust <trustfile>',
      'with --base: the public keys that the base and the delta must verify with',
    )
    .requiredOption('--out <file>', 'where the bundle is written')
    .addHelpText(
      'after',
      help(
        [0, 1, 2, 3],
        `core bundle create --key keys/bundle.pem --version 1.1.0 --entrypoint bin/sidecar \\
    --audience stable,edge --out coresdk-sidecar-1.1.0.jws dist/`,
      ),
    )
    .action(async (inputs: string[], options: CreateOptions) => {
      const { os, arch, libc, notesFile, product, version, audience, entrypoint, daemon } = options;
      const { minUpdater, out } = options;
      if (entrypoint === undefined && daemon === undefined)
        throw new UpdateError('USAGE', 'expected --entrypoint PATH, --daemon PATH, or both, found neither');
      const made = await createBundle({
        product,
        version,
        audience,
        entrypoint,
        daemon,
        minUpdater,
        out,
        platform: { os, arch, libc },
        files: await collectFiles(inputs),
        base: await baseFrom(options),
        signer: await loadOneSigner(options),
        notes: notesFile === undefined ? undefined : await readNotes(notesFile),
        createdAt: context.now(),
      });
      context.print(createdText(made));
    });
}

function createdText({ path, size, manifest, digest, kid }: CreatedBundle): string {
  const from = manifest.base === undefined ? '' : ` from ${manifest.base.version}`;
  return `wrote ${plain(path)}, ${bytes(size)}: ${manifest.version}${from}, release ${digest}, key ${kid}`;
}

async function baseFrom({ base, trust }: CreateOptions): Promise<CreateBundleOptions['base']> {
  if (base === undefined) return undefined;
  if (trust === undefined) throw new UpdateError('USAGE', 'expected --trust with --base, found none');
  return { bundle: base, trust: await readTrustFile(trust) };
}

function addDelta(bundle: Command, context: CliContext): void {
  const delta = bundle
    .command('delta')
    .summary('make a signed delta between two full bundles')
    .description(
      'Makes a signed delta: what a host that has the older release needs to get the newer one. Both bundles are verified; the delta is applied once before it appears.',
    )
    .argument('<bundle>', 'the full bundle of the newer release');
  withSigners(delta, 'the private key: bundle.pem for stable,edge, airgap.pem for airgap')
    .requiredOption('--base <bundle>', 'the full bundle of the older release')
    .requiredOption('--trust <trustfile>', 'the public keys that all three must verify with')
    .requiredOption('--out <file>', 'where the delta is written')
    .addHelpText(
      'after',
      help(
        [0, 1, 2, 3],
        `core bundle delta coresdk-sidecar-1.1.0.jws --base coresdk-sidecar-1.0.0.jws \\
    --key keys/bundle.pem --trust keys/trust.json --out coresdk-sidecar-1.1.0-from-1.0.0.jws`,
      ),
    )
    .action(async (path: string, options: DeltaOptions) => {
      const trust = await readTrustFile(options.trust);
      const signer = await loadOneSigner(options, trust);
      const { base, out } = options;
      const made = await createDelta({ base, bundle: path, trust, signer, out });
      context.print(createdText(made));
      const { size, fullSize } = made;
      context.print(`the full bundle has ${bytes(fullSize)}: the delta is ${share(size, fullSize)} of it`);
      if (size >= fullSize) context.note('note: it saves nothing: hosts take the full bundle');
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
      help([0, 1, 2, 3], 'core bundle verify coresdk-sidecar-1.1.0.jws --trust keys/trust.json'),
    );

  addCreate(bundle, context);
  addDelta(bundle, context);

  bundle
    .command('inspect')
    .description('Shows what a bundle says of itself, unverified. Decide nothing by it.')
    .argument('<file>', 'the bundle')
    .option('--json', 'as JSON')
    .addHelpText('after', help([0, 1, 2, 3], 'core bundle inspect coresdk-sidecar-1.1.0.jws'))
    .action(async (path: string, { json }: { readonly json?: true }) => {
      const found = await inspectBundle(path);
      context.print(json ? plainJson(found) : inspectedText(path, found));
    });

  bundle
    .command('verify')
    .description(
      'Verifies a bundle whole, as an updater would, with the keys of a trust file. A delta is applied to its base.',
    )
    .argument('<file>', 'the bundle')
    .requiredOption('--trust <trustfile>', 'the public keys')
    .option('--base <bundle>', 'for a delta: the full bundle of its base')
    .addHelpText(
      'after',
      help([0, 1, 2, 3], 'core bundle verify coresdk-sidecar-1.1.0.jws --trust keys/trust.json'),
    )
    .action(async (path: string, options: { readonly trust: string; readonly base?: string }) => {
      const trust = await readTrustFile(options.trust);
      await using base = options.base === undefined ? null : await unpackBundleFile(options.base, trust);
      const verified = await verifyBundleFile(path, trust, {
        now: context.now(),
        base: (_, { release_digest: digest }) => Promise.resolve(base?.digest === digest ? base.files : null),
      });
      context.print(verifiedText(path, verified));
    });
}
