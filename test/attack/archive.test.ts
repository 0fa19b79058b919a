import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ARCHIVE_ATTACKS } from './cases/archive.ts';
import { craft } from './support/craft.ts';
import { useRig } from './support/use-rig.ts';

const attacked = useRig();

describe('a rightly signed bundle with', () => {
  it.each(ARCHIVE_ATTACKS)('$name: $code', async ({ payload, code }) => {
    const rig = attacked();
    const { archive, digest } = await payload();
    const bundle = craft({ key: rig.keys.bundle, typ: 'coresdk-bundle+jws', payload: archive });
    await rig.offer(bundle, digest);
    await rig.expectRefused('check', code);
    expect(existsSync('/tmp/escaped')).toBe(false);
  });
});
