import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildForTests, type BuiltForTests } from './built.ts';

export type { BuiltForTests } from './built.ts';

declare module 'vitest' {
  interface ProvidedContext {
    built: BuiltForTests;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-e2e-built-'));
  project.provide('built', await buildForTests(root));
  return () => rm(root, { recursive: true, force: true });
}
