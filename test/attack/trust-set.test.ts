import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasRocaFingerprint } from '../../src/bundle/roca.ts';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import { UpdateError } from '../../src/errors.ts';
import { createHost } from '../e2e/support/host.ts';
import { TRUST_ATTACKS } from './cases/trust-set.ts';

const trustFile = (keys: readonly object[]): object => ({ schema: 1, product: 'coresdk-sidecar', keys });

describe('a trust set is refused for', () => {
  it.each(TRUST_ATTACKS)('$name: $code', ({ keys, code, says }) => {
    let refused: unknown;
    try {
      importTrustSet(trustFile(keys()));
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(UpdateError);
    expect(refused).toMatchObject({ code, message: expect.stringContaining(says) });
  });

  it('a program that is built with it: it does not start', async () => {
    await using host = await createHost();
    const [weak] = TRUST_ATTACKS;
    const file = join(host.root, 'trust.json');
    await writeFile(file, JSON.stringify(trustFile(weak!.keys())));
    const program = join(import.meta.dirname, 'support', 'tampered-daemon.ts');
    await host.start({ argv: [process.execPath, program, host.configFile], env: { TRUST_FILE: file } });
    expect(await host.exited()).not.toBe(0);
    expect(await host.log()).toContain('TRUST_SET_INVALID');
    expect(await host.answer()).toBeNull();
  });
});

describe('the ROCA fingerprint', () => {
  it('is not seen in a good modulus', () => {
    // 2^2048 - 1 divided by nothing: its residues are no powers of 65537 throughout.
    expect(hasRocaFingerprint((1n << 2048n) - 1n)).toBe(false);
  });
});
