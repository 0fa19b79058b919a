import type { Command } from 'commander';
import { generateKeys } from '../../publish/keys.ts';
import { readTrustFile } from '../../publish/trust-file.ts';
import type { CliContext } from '../context.ts';
import { DEFAULT_PRODUCT } from '../options.ts';
import { plain } from '../plain.ts';
import { trustText } from '../trust-text.ts';

interface GenerateOptions {
  readonly dir: string;
  readonly product: string;
  readonly development?: true;
}

/** `core keys`. */
export function addKeys(parent: Command, context: CliContext): void {
  const keys = parent
    .command('keys')
    .summary('a publisher’s keys')
    .description(
      'A publisher’s keys: private keys that sign, and the trust file that programs are built with.',
    )
    .addHelpText('after', '\nExample:\n  core keys generate --dir keys');

  keys
    .command('generate')
    .description(
      'Generates the four private keys of a publisher (bundle, head-edge, head-stable, airgap) and their trust file.',
    )
    .requiredOption('--dir <dir>', 'the folder for them; keys that are there are never overwritten')
    .option('--product <name>', 'the product that they are for', DEFAULT_PRODUCT)
    .option('--development', 'marks them as throw-away, which every program built with them says loudly')
    .addHelpText('after', '\nExample:\n  core keys generate --dir keys --product coresdk-sidecar')
    .action(async ({ dir, product, development }: GenerateOptions) => {
      const made = await generateKeys({ dir, product, ...(development ? { development } : {}) });
      context.print(`wrote the keys to ${plain(made.dir)}`);
      context.print(`build programs with \`npm run build -- --trust ${plain(made.trustFile)}\``);
      context.print(
        'keep the private keys (*.pem) safe: whoever has them can publish, and what is lost cannot be made again',
      );
    });

  keys
    .command('inspect')
    .description('Shows the public keys of a trust file, and checks each of them.')
    .argument('<trustfile>', 'what `core keys generate` wrote as trust.json')
    .addHelpText('after', '\nExample:\n  core keys inspect keys/trust.json')
    .action(async (path: string) => {
      context.print(trustText(await readTrustFile(path), context.style));
    });
}
