import { beforeEach, describe, expect, it } from 'vitest';
import { fetchHead, storedHead } from '../../src/services/heads.ts';
import { UpdateError } from '../../src/errors.ts';
import { refusal } from '../fixtures/refusal.ts';
import { serve, signedHead, trustingRig } from './head-fixture.ts';
import { DAY_MS, NEVER, NOW, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await trustingRig();
});

const SECOND = NOW / 1000;

describe('fetchHead', () => {
  it('keeps the first head that it accepts', async () => {
    const bytes = await serve(rig, { version: '1.1.0' });
    expect((await fetchHead(rig, 'stable', NEVER)).version).toBe('1.1.0');
    expect(await rig.heads.read('stable')).toEqual(bytes);
  });

  it.each([
    ['a later seq', { seq: 6 }],
    ['a later epoch, whatever its seq', { epoch: 1, seq: 1 }],
  ])('replaces the accepted head by one of %s', async (_, change) => {
    await rig.heads.write('stable', await signedHead({ seq: 5 }));
    const bytes = await serve(rig, change);
    await fetchHead(rig, 'stable', NEVER);
    expect(await rig.heads.read('stable')).toEqual(bytes);
  });

  it('takes the accepted head again', async () => {
    const bytes = await serve(rig, { seq: 5 });
    await fetchHead(rig, 'stable', NEVER);
    await fetchHead(rig, 'stable', NEVER);
    expect(await rig.heads.read('stable')).toEqual(bytes);
  });

  it.each([
    ['an older seq', 'HEAD_STALE', { seq: 4 }],
    ['an older epoch', 'HEAD_STALE', { epoch: 0, seq: 9 }],
    ['the same seq with other bytes', 'HEAD_EQUIVOCATION', { epoch: 1, seq: 5, jti: 'two' }],
  ])('refuses %s with %s, and keeps what it had', async (_, code, change) => {
    const accepted = await signedHead({ epoch: 1, seq: 5 });
    await rig.heads.write('stable', accepted);
    await serve(rig, change);
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe(code);
    expect(await rig.heads.read('stable')).toEqual(accepted);
  });

  it('never goes back below an accepted head that has expired', async () => {
    await rig.heads.write('stable', await signedHead({ seq: 5 }, 'stable', NOW - 30 * DAY_MS));
    await serve(rig, { seq: 4 });
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_STALE');
  });

  it.each([
    ['an expired head', 'HEAD_EXPIRED', { iat: SECOND - 20, nbf: SECOND - 20, exp: SECOND - 10 }],
    [
      'a head from the future',
      'HEAD_FROM_FUTURE',
      { iat: SECOND + 301, nbf: SECOND + 301, exp: SECOND + 999 },
    ],
    ['the head of another channel', 'HEAD_WRONG_CHANNEL', { sub: 'edge' }],
    ['the head of another product', 'HEAD_WRONG_CHANNEL', { aud: 'other' }],
    ['a head that is no head', 'HEAD_INVALID', { targets: [] }],
  ])('refuses %s with %s, and keeps nothing', async (_, code, change) => {
    await serve(rig, change);
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe(code);
    expect(await rig.heads.read('stable')).toBeNull();
  });

  it('refuses a head by the key of another channel', async () => {
    rig.feed.files.set('stable.jws', await signedHead({}, 'edge'));
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('JWS_KEY_NOT_ALLOWED');
  });

  it('takes a head that is at most five minutes ahead of this clock', async () => {
    await serve(rig, { iat: SECOND + 300, nbf: SECOND + 300, exp: SECOND + 999 });
    expect((await fetchHead(rig, 'stable', NEVER)).iat).toBe(SECOND + 300);
  });

  it('ignores a damaged stored head, with a warning', async () => {
    await rig.heads.write('stable', Buffer.from('damaged'));
    const bytes = await serve(rig);
    await fetchHead(rig, 'stable', NEVER);
    expect(await rig.heads.read('stable')).toEqual(bytes);
    expect(rig.reporter.warnings()).toEqual([
      expect.objectContaining({ message: expect.stringMatching(/^stored stable head: /) }),
    ]);
  });

  it('says that there is no feed', async () => {
    expect(await refusal(fetchHead({ ...rig, feed: null }, 'stable', NEVER))).toBe('FEED_NOT_CONFIGURED');
  });

  it('passes on the feed’s own error', async () => {
    rig.feed.fault = new UpdateError('FEED_STALLED', 'nothing for 30 s');
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('FEED_STALLED');
  });

  it('passes on the signal', async () => {
    await serve(rig);
    expect(await refusal(fetchHead(rig, 'stable', AbortSignal.abort()))).toBe('CANCELLED');
  });
});

describe('storedHead', () => {
  it('is nothing before the first', async () => {
    expect(await storedHead(rig, 'stable', 'any')).toBeNull();
    expect(rig.reporter.reports).toEqual([]);
  });

  it('gives an expired head where its age does not matter, and nothing where it does', async () => {
    await rig.heads.write('edge', await signedHead({ version: '1.1.0' }, 'edge', NOW - 30 * DAY_MS));
    expect((await storedHead(rig, 'edge', 'any'))?.head.version).toBe('1.1.0');
    expect(await storedHead(rig, 'edge', 'unexpired')).toBeNull();
    expect(rig.reporter.reports).toEqual([]);
  });

  it('keeps the channels apart', async () => {
    await rig.heads.write('edge', await signedHead({}, 'stable'));
    expect(await storedHead(rig, 'edge', 'any')).toBeNull();
    expect(rig.reporter.warnings()).toEqual([expect.objectContaining({ code: 'JWS_KEY_NOT_ALLOWED' })]);
  });
});
