/**
 * `npm run build:library`: the library as JavaScript with types, in `dist/lib`: what package.json's `exports` names.
 *
 * Invariant: no key is built in. `src/embedded.ts` goes in as it is, so the library trusts only what its embedder passes.
 */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'dist', 'lib');

/** Compiles `src/index.ts` and all that it imports into `dist/lib`, and nothing else: what was there goes. */
export async function buildLibrary(): Promise<void> {
  await rm(OUT, { recursive: true, force: true });
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.library.json')], {
    cwd: ROOT,
  });
}

if (import.meta.main) await buildLibrary();
