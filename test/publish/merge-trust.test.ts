import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mergeTrustFiles } from '../../src/publish/merge-trust.ts';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { newTestKeys, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';

describe('mergeTrustFiles', () => {
  it('makes one of several, drops keys, ends keys, and is safe to run again', async () => {
    const [first, next] = [await testKeys(), await newTestKeys()];
    const files = [first.trustFile, next.trustFile];
    const out = join(await tempFolder(), 'trust.json');
    await mergeTrustFiles({ files, out });
    const { keys, development } = await readTrustFile(out);
    expect([...keys.keys()]).toEqual([...first.trust.keys.keys(), ...next.trust.keys.keys()]);
    expect(development).toBe(true);
    await mergeTrustFiles({ files: [out, next.trustFile], out });

    const kids = [...keys.keys()];
    const end = Date.UTC(2027, 0, 1);
    const other = join(await tempFolder(), 'trust.json');
    const notAfter = new Map([[kids[1]!, end]]);
    await mergeTrustFiles({ files: [out], out: other, drop: [kids[0]!], notAfter });
    const later = await readTrustFile(other);
    expect([...later.keys.keys()]).toEqual(kids.slice(1));
    expect(later.keys.get(kids[1]!)?.notAfter).toBe(end);

    const before = await readFile(other);
    expect(await refusal(mergeTrustFiles({ files, out: other }))).toBe('KEYS_EXIST');
    expect(await readFile(other)).toEqual(before);
  });

  it('refuses files of two products, what is no trust file, keys that are in none, and no file', async () => {
    const { trustFile, trustContent } = await testKeys();
    const dir = await tempFolder();
    const out = join(dir, 'out.json');
    const foreign = join(dir, 'foreign.json');
    await writeFile(foreign, JSON.stringify({ ...trustContent, product: 'acme' }));
    const merge = async (files: string[], drop: string[] = []): Promise<string> =>
      refusal(mergeTrustFiles({ files, out, drop }));
    expect(await merge([trustFile, foreign])).toBe('TRUST_SET_INVALID');
    expect(await merge([join(dir, 'absent')])).toBe('TRUST_FILE_NOT_FOUND');
    expect(await merge([trustFile], ['x'])).toBe('USAGE');
    expect(await merge([])).toBe('USAGE');
    expect(await merge([trustFile], [...trustContent.keys.map(({ kid }) => kid)])).toBe('TRUST_SET_INVALID');
    const nowhere = join(dir, 'absent', 'out.json');
    expect(await refusal(mergeTrustFiles({ files: [trustFile], out: nowhere }))).toBe('WRITE_FAILED');
  });
});
