import { describe, expect, it } from 'vitest';
import { manifestSchema, releaseDigest } from '../../src/bundle/manifest.ts';
import { MANIFEST } from '../machines/values.ts';
import { digestOf } from '../machines/values.ts';

const BASE = { version: '1.0.0', release_digest: digestOf('a') };
const [WHOLE] = MANIFEST.files;
const PATCH = { ...WHOLE, path: 'lib/patched', encoding: 'patch', stored_size: 7 };
const SAME = { ...WHOLE, path: 'lib/same', encoding: 'same', stored_size: 0 };

/** What is wrong with a manifest of these files; null for nothing. */
const fault = (
  files: readonly unknown[],
  change: Record<string, unknown> = { base: BASE },
): string | null => {
  const parsed = manifestSchema.safeParse({ ...MANIFEST, files, ...change });
  return parsed.success ? null : (parsed.error.issues[0]?.message ?? '');
};

describe('the manifest of a delta', () => {
  it('may store files in three ways, from the same path or another', () => {
    expect(fault([WHOLE, PATCH, SAME])).toBeNull();
    expect(fault([WHOLE, { ...PATCH, base_path: 'run' }, { ...SAME, base_path: 'lib/other' }])).toBeNull();
  });

  it.each<[string, readonly unknown[], Record<string, unknown>, string]>([
    ['a patch without a base', [WHOLE, PATCH], {}, 'expected a base for encoding patch'],
    ['a file of the base without a base', [WHOLE, SAME], {}, 'expected a base for encoding same'],
    [
      'a whole file with a path in the base',
      [{ ...WHOLE, base_path: 'run' }],
      { base: BASE },
      'expected no base_path',
    ],
    [
      'a file of the base that is stored',
      [WHOLE, { ...SAME, stored_size: 1 }],
      { base: BASE },
      'expected stored_size 0',
    ],
    [
      'a path that leaves the base',
      [WHOLE, { ...SAME, base_path: '../run' }],
      { base: BASE },
      'expected a plain relative path',
    ],
    ['another encoding', [{ ...WHOLE, encoding: 'xz' }], {}, 'Invalid option'],
    ['a base without a digest', [WHOLE], { base: { version: '1.0.0' } }, 'expected string'],
    ['a base with more', [WHOLE], { base: { ...BASE, path: 'x' } }, 'Unrecognized key'],
    [
      'a base whose version is none',
      [WHOLE],
      { base: { ...BASE, version: '1' } },
      'expected a SemVer version',
    ],
  ])('is refused with %s', (_, files, change, message) => {
    expect(fault(files, change)).toContain(message);
  });
});

describe('releaseDigest', () => {
  it('does not depend on encodings, stored sizes and order', () => {
    const digest = releaseDigest([WHOLE!, { ...WHOLE!, path: 'a' }]);
    expect(
      releaseDigest([{ ...WHOLE!, path: 'a', encoding: 'patch', stored_size: 9 } as never, WHOLE!]),
    ).toBe(digest);
    expect(releaseDigest([WHOLE!])).not.toBe(digest);
  });
});
