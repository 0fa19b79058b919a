import { expect, it } from 'vitest';
import type { Head } from '../../src/bundle/head.ts';
import { namedRelease } from '../../src/services/named-release.ts';
import { fakeHost } from '../fakes/host.ts';
import { headClaims } from '../fixtures/forge.ts';
import { digestOf } from '../machines/values.ts';
import { NOW } from './rig.ts';

const FULL = { path: 'bundles/x.jws', size: 10, sha256: digestOf('b') };
const DELTA = { path: 'bundles/y.jws', size: 1, sha256: digestOf('c'), base: digestOf('d') };
const head = (...bundles: object[]): Head =>
  JSON.parse(
    headClaims(NOW, {
      version: '1.1.0',
      targets: [{ os: 'linux', arch: 'x64', release_digest: digestOf('a'), bundles }],
    }).toString(),
  ) as Head;

it('a head names a release by its full bundle, and beside it the deltas alone', () => {
  expect(namedRelease(head(FULL, DELTA), fakeHost(), '1.0.0')).toEqual({
    release: { version: '1.1.0', digest: digestOf('a') },
    full: FULL,
    deltas: [DELTA],
    isStep: false,
  });
});

it.each([
  ['only a delta, which has nothing to fall back on', head(DELTA)],
  ['nothing', { ...head(FULL), targets: [] }],
])('a head that has %s for this platform names nothing for this host', (_, naming) => {
  expect(() => namedRelease(naming, fakeHost(), '1.0.0')).toThrow(
    '1.1.0 on stable has no bundle for linux/x64',
  );
});
