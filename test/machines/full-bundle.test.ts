/** When a delta is given up for the full bundle of its release, and what the history says of it. */
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/error-codes.ts';
import { error, FOUND, FOUND_DELTA, harness, type Harness } from './update.harness.ts';
import { attempt, DOWNLOADED, FULL_SOURCE, OFFER } from './values.ts';

async function downloading(found = FOUND_DELTA): Promise<Harness> {
  const h = await harness().reach('idle');
  await h.say('schedule', attempt());
  await h.say('check', found);
  expect(h.state()).toBe('downloading');
  return h;
}
const offering = (change: object): typeof FOUND_DELTA => {
  if (FOUND_DELTA.found !== 'release') throw new Error('expected a release');
  return { ...FOUND_DELTA, offer: { ...FOUND_DELTA.offer, ...change } };
};

describe('a delta that cannot be used', () => {
  it.each<ErrorCode>([
    'FEED_REFUSED',
    'FEED_REDIRECTED',
    'DOWNLOAD_TOO_LARGE',
    'DOWNLOAD_TRUNCATED',
    'BUNDLE_CHECKSUM_MISMATCH',
  ])('because of %s gives way to the full bundle', async (code) => {
    const h = await downloading();
    await h.say('download', error(code));
    expect(h.state()).toBe('downloading');
    expect(h.inputs('download').at(-1)?.offer.source).toEqual(FULL_SOURCE);
    expect(h.context().offer?.note).toBe(
      `the delta from 1.0.0 could not be used (${code}: it went wrong); took the full bundle`,
    );
  });

  it.each<ErrorCode>(['FEED_UNREACHABLE', 'FEED_STALLED', 'DISK_FULL', 'CANCELLED', 'INTERNAL'])(
    'because of %s ends the attempt: a larger bundle would meet the same',
    async (code) => {
      const h = await downloading();
      await h.say('download', error(code));
      expect(h.state()).toBe('idle');
      expect(h.context().ended).toMatchObject({ stage: 'downloading', error: { code } });
      expect(h.inputs('download')).toHaveLength(1);
    },
  );

  it('gives way after its verification too, and once only', async () => {
    const h = await downloading();
    await h.say('download', DOWNLOADED);
    await h.say('verify', error('DELTA_FAILED'));
    expect(h.state()).toBe('downloading');
    expect(h.context().downloaded).toBeNull();
    await h.say('download', error('FEED_REFUSED'));
    expect(h.state()).toBe('idle');
    expect(h.context().ended).toMatchObject({ error: { code: 'FEED_REFUSED' } });
  });

  it('keeps what the history had to say of the release before', async () => {
    const h = await downloading(offering({ note: 'security override: CVE-1' }));
    await h.say('download', error('FEED_REFUSED'));
    expect(h.context().offer?.note).toBe(
      'security override: CVE-1; the delta from 1.0.0 could not be used (FEED_REFUSED: it went wrong); took the full bundle',
    );
  });

  it('is said without the version of its base where the offer does not name one', async () => {
    const h = await downloading(offering({ source: { ...FULL_SOURCE, path: 'bundles/y.jws' } }));
    await h.say('download', error('FEED_REFUSED'));
    expect(h.context().offer?.note).toMatch(/^the delta could not be used /);
  });

  it('ends the attempt where there is no full bundle', async () => {
    const h = await downloading(FOUND);
    await h.say('download', error('FEED_REFUSED'));
    expect(h.state()).toBe('idle');
    expect(OFFER.full).toBeUndefined();
  });
});
