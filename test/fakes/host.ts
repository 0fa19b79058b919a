import type { TrustSet } from '../../src/bundle/trust.ts';
import type { Host } from '../../src/services/ports.ts';
import { PRODUCT } from '../fixtures/keys.ts';

/** A host that trusts nobody. */
export const NO_TRUST: TrustSet = { product: PRODUCT, development: true, keys: new Map() };

/** The facts of a linux/x64 host with glibc; `change` replaces some. */
export function fakeHost(change: Partial<Host> = {}): Host {
  return {
    product: PRODUCT,
    platform: { os: 'linux', arch: 'x64', libc: 'glibc' },
    updaterVersion: '1.0.0',
    builtFrom: 0,
    machineId: 'f'.repeat(32),
    trust: NO_TRUST,
    ...change,
  };
}
