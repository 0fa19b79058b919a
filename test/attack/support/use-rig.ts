import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { HostOptions } from '../../e2e/support/host.ts';
import { createRig, type Rig } from './rig.ts';

/**
 * One daemon for all tests of a suite, which forgets between them. Where an attack got through, the next test gets a new one, so
 * that only what failed is red.
 */
export function useRig(options?: HostOptions): () => Rig {
  let rig: Rig;
  beforeAll(async () => {
    rig = await createRig(options);
  });
  beforeEach(async () => {
    if (await rig.isUntouched()) return rig.reset();
    await rig[Symbol.asyncDispose]();
    rig = await createRig(options);
  });
  afterAll(() => rig[Symbol.asyncDispose]());
  return () => rig;
}
