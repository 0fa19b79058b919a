import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { build } from '../../../scripts/build.ts';
import { generateKeys } from '../../../src/publish/keys.ts';

/** What every end-to-end test runs: a program that was built once, with throw-away keys in it. */
export interface BuiltForTests {
  /** Folder of the private keys and `trust.json`. */
  readonly keys: string;
  /** Private keys that the program does not know. */
  readonly foreignKeys: string;
  /** The daemon's program, version 1.0.0. */
  readonly program: string;
  /** The same program as the CLI. */
  readonly core: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    built: BuiltForTests;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-e2e-built-'));
  const product = 'coresdk-sidecar';
  const keys = join(root, 'keys');
  const foreignKeys = join(root, 'foreign-keys');
  await generateKeys({ product, dir: keys, development: true, modulusLength: 2048 });
  await generateKeys({ product, dir: foreignKeys, development: true, modulusLength: 2048 });
  const out = join(root, 'program');
  const { program } = await build({ out, trust: join(keys, 'trust.json'), version: '1.0.0' });
  project.provide('built', { keys, foreignKeys, program, core: join(out, 'core') });
  return () => rm(root, { recursive: true, force: true });
}
