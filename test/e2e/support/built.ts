import { join } from 'node:path';
import { build } from '../../../scripts/build.ts';
import { generateKeys } from '../../../src/publish/keys.ts';

/** What every end-to-end test runs: an executable that was built once, with throw-away keys in it. */
export interface BuiltForTests {
  /** Folder of the private keys and `trust.json`. */
  readonly keys: string;
  /** Private keys that the program does not know. */
  readonly foreignKeys: string;
  /** The daemon's program, version 1.0.0. */
  readonly program: string;
  /** The same program as the CLI. */
  readonly core: string;
  /** The same program as a script for Node: small enough to publish, and a test can put something before it. */
  readonly script: string;
}

/**
 * Makes throw-away keys, and builds the program that `npm run build` makes with them in it.
 *
 * @param root - an empty folder; everything is written below it
 */
export async function buildForTests(root: string): Promise<BuiltForTests> {
  const product = 'coresdk-sidecar';
  const keys = join(root, 'keys');
  const foreignKeys = join(root, 'foreign-keys');
  await generateKeys({ product, dir: keys, development: true, modulusLength: 2048 });
  await generateKeys({ product, dir: foreignKeys, development: true, modulusLength: 2048 });
  const out = join(root, 'program');
  const common = { trust: join(keys, 'trust.json'), version: '1.0.0' };
  const { program } = await build({ ...common, out });
  const { program: script } = await build({ ...common, form: 'script', out: join(root, 'script') });
  return { keys, foreignKeys, program, core: join(out, 'core'), script };
}
