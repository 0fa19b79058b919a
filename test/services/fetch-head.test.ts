import { beforeEach, describe, expect, it } from 'vitest';
import type { TrustKey, TrustSet } from '../../src/bundle/trust.ts';
import { fetchHead } from '../../src/services/fetch-head.ts';
import { UpdateError } from '../../src/errors.ts';
import { makeSigner } from '../../src/publish/signer.ts';
import { etagOf } from '../fakes/memory-feed.ts';
import { headClaims, privateKey } from '../fixtures/forge.ts';
import { newTestKeys, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { serve, signedHead, trustingRig } from './head-fixture.ts';
import { createRig, DAY_MS, NEVER, NOW, type Rig } from './rig.ts';

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

  it.each([
    ['an older seq', { epoch: 1, seq: 4 }, NOW, 'expected epoch 1 seq 5 or later, found epoch 1 seq 4'],
    [
      'the same seq with other claims',
      { epoch: 1, seq: 5, jti: 'two' },
      NOW,
      'found other bytes than the accepted ones for epoch 1 seq 5',
    ],
    [
      'an earlier time',
      { epoch: 1, seq: 6 },
      NOW - 60_000,
      'expected a head that was signed at 2026-11-23T00:00:00.000Z or later, found epoch 1 seq 6 of 2026-11-22T23:59:00.000Z',
    ],
  ])('says by which numbers it goes back: %s', async (_, change, at, message) => {
    await rig.heads.write('stable', await signedHead({ epoch: 1, seq: 5 }));
    await serve(rig, change, 'stable', at);
    await expect(fetchHead(rig, 'stable', NEVER)).rejects.toThrow(message);
  });

  it('never goes back below an accepted head that has expired', async () => {
    await rig.heads.write('stable', await signedHead({ seq: 5 }, 'stable', NOW - 30 * DAY_MS));
    await serve(rig, { seq: 4 });
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_STALE');
  });

  it('refuses an expired head, and still never goes back below it', async () => {
    const bytes = await serve(rig, { seq: 5, iat: SECOND - 20, nbf: SECOND - 20, exp: SECOND - 10 });
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_EXPIRED');
    expect(await rig.heads.read('stable')).toEqual(bytes);
    await serve(rig, { seq: 4 });
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_STALE');
  });

  it.each([
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
    await expect(fetchHead({ ...rig, feed: null }, 'stable', NEVER)).rejects.toMatchObject({
      code: 'FEED_NOT_CONFIGURED',
      message: 'expected update.feed_url to name a feed, found none',
    });
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

describe('time', () => {
  it('never goes back on a channel, whatever the seq', async () => {
    const accepted = await signedHead({ seq: 5 });
    await rig.heads.write('stable', accepted);
    await serve(rig, { seq: 6 }, 'stable', NOW - 1000);
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_STALE');
    await serve(rig, { epoch: 1, seq: 0 }, 'stable', NOW - 1000);
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_STALE');
    expect(await rig.heads.read('stable')).toEqual(accepted);
    await serve(rig, { seq: 6 }, 'stable', NOW);
    expect((await fetchHead(rig, 'stable', NEVER)).seq).toBe(6);
  });

  it('of one channel says nothing of another’s heads', async () => {
    await rig.heads.write('edge', await signedHead({}, 'edge', NOW));
    await serve(rig, {}, 'stable', NOW - DAY_MS);
    expect((await fetchHead(rig, 'stable', NEVER)).sub).toBe('stable');
  });

  it.each(['stable', 'edge'] as const)(
    'that is earlier than the accepted %s head stops checks, and nothing is asked',
    async (channel) => {
      const ahead = NOW + 300_001;
      await rig.heads.write(channel, await signedHead({}, channel, ahead + 1000));
      await serve(rig);
      await expect(fetchHead(rig, 'stable', NEVER)).rejects.toMatchObject({
        code: 'CLOCK_BEHIND',
        message: `expected a time after ${new Date(Math.floor((ahead + 1000) / 1000) * 1000).toISOString()}, when the accepted ${channel} head was signed; this host’s clock says 2026-11-23T00:00:00.000Z`,
      });
      expect(rig.feed.requests).toEqual([]);
    },
  );

  it('that is earlier than this program stops checks', async () => {
    const { trust } = await testKeys();
    await serve(rig);
    const at = (builtFrom: number): Rig => ({ ...rig, host: { ...rig.host, trust, builtFrom } });
    expect(await refusal(fetchHead(at(NOW + 300_001), 'stable', NEVER))).toBe('CLOCK_BEHIND');
    expect((await fetchHead(at(NOW + 300_000), 'stable', NEVER)).seq).toBe(1);
  });
});

describe('recovery from a fast-forward', () => {
  it('is the next epoch: the highest seq of the epoch before is older', async () => {
    const stolen = await serve(rig, { seq: Number.MAX_SAFE_INTEGER });
    await fetchHead(rig, 'stable', NEVER);
    await serve(rig, { seq: 8 });
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_STALE');
    await serve(rig, { epoch: 1, seq: 0 });
    expect(await fetchHead(rig, 'stable', NEVER)).toMatchObject({ epoch: 1, seq: 0 });
    rig.feed.files.set('stable.jws', stolen);
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_STALE');
  });
});

describe('a head that has not changed', () => {
  beforeEach(() => {
    rig.feed.tags = true;
  });
  const requests = (): string[] => rig.feed.requests.splice(0);

  it('is asked for by its tag, and is the same head', async () => {
    const bytes = await serve(rig, { version: '1.1.0' });
    const first = await fetchHead(rig, 'stable', NEVER);
    expect(await fetchHead(rig, 'stable', NEVER)).toEqual(first);
    expect(requests()).toEqual(['stable.jws@0', `stable.jws@0 ${etagOf(bytes)}`]);
    const next = await serve(rig, { version: '1.2.0', seq: 2 });
    expect((await fetchHead(rig, 'stable', NEVER)).version).toBe('1.2.0');
    await fetchHead(rig, 'stable', NEVER);
    expect(requests()).toEqual([`stable.jws@0 ${etagOf(bytes)}`, `stable.jws@0 ${etagOf(next)}`]);
  });

  it('is refused once it has expired, and asked for whole', async () => {
    const bytes = await serve(rig, { exp: SECOND + 100 });
    await fetchHead(rig, 'stable', NEVER);
    await rig.clock.advance(100_000);
    requests();
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_EXPIRED');
    expect(requests()).toEqual([`stable.jws@0 ${etagOf(bytes)}`, 'stable.jws@0']);
  });

  it('does not stay hidden behind a wrong tag for longer than the head before it lives', async () => {
    await serve(rig, { exp: SECOND + 100 });
    await fetchHead(rig, 'stable', NEVER);
    const next = await serve(rig, { seq: 2 });
    await rig.heads.writeTag('stable', { ...(await rig.heads.readTag('stable'))!, etag: etagOf(next) });
    expect((await fetchHead(rig, 'stable', NEVER)).seq).toBe(1);
    await rig.clock.advance(100_000);
    expect((await fetchHead(rig, 'stable', NEVER)).seq).toBe(2);
  });

  it.each([
    ['is gone', null],
    ['does not verify any more', Buffer.from('damaged')],
    ['is another one', 'another'],
  ])('is asked for whole when the stored head %s', async (_, stored) => {
    await serve(rig);
    await fetchHead(rig, 'stable', NEVER);
    const tag = (await rig.heads.readTag('stable'))!;
    const fresh = await trustingRig();
    const { feed } = rig;
    if (stored !== null)
      await fresh.heads.write(
        'stable',
        stored === 'another' ? await signedHead({ seq: 0 }) : Buffer.from(stored),
      );
    await fresh.heads.writeTag('stable', tag);
    requests();
    expect((await fetchHead({ ...fresh, feed }, 'stable', NEVER)).seq).toBe(1);
    expect(requests()).toEqual(['stable.jws@0']);
  });

  it('is asked for whole by a program that no longer trusts its key', async () => {
    await serve(rig);
    await fetchHead(rig, 'stable', NEVER);
    requests();
    const { trust } = await newTestKeys();
    const renewed: Rig = { ...rig, host: { ...rig.host, trust } };
    expect(await refusal(fetchHead(renewed, 'stable', NEVER))).toBe('JWS_KEY_UNKNOWN');
    expect(requests()[0]).toBe('stable.jws@0');
  });

  it('is only said of what was asked for by its tag', async () => {
    await serve(rig);
    rig.feed.head = () => Promise.resolve({ bytes: null, etag: null });
    await expect(fetchHead(rig, 'stable', NEVER)).rejects.toMatchObject({
      code: 'FEED_REFUSED',
      message: 'expected the stable head, found that nothing has changed',
    });
  });

  it('is asked for whole when the clock was set back meanwhile, so that it seems to be of the future', async () => {
    const bytes = await serve(rig);
    await fetchHead(rig, 'stable', NEVER);
    requests();
    const head = rig.feed.head.bind(rig.feed);
    rig.feed.head = (...args) => {
      rig.clock.setNow(NOW - DAY_MS);
      return head(...args);
    };
    expect(await refusal(fetchHead(rig, 'stable', NEVER))).toBe('HEAD_FROM_FUTURE');
    expect(requests()).toEqual([`stable.jws@0 ${etagOf(bytes)}`, 'stable.jws@0']);
  });

  it('leaves its tag as it is', async () => {
    let written = 0;
    const writeTag = rig.heads.writeTag.bind(rig.heads);
    rig.heads.writeTag = (...args) => {
      written += 1;
      return writeTag(...args);
    };
    await serve(rig);
    await fetchHead(rig, 'stable', NEVER);
    await fetchHead(rig, 'stable', NEVER);
    expect(written).toBe(1);
  });

  it('has no tag from a feed that gives none', async () => {
    rig.feed.tags = false;
    await serve(rig);
    await fetchHead(rig, 'stable', NEVER);
    expect(await rig.heads.readTag('stable')).toBeNull();
  });

  it('is a warning when its tag cannot be kept', async () => {
    await serve(rig);
    rig.heads.writeTag = () => Promise.reject(new UpdateError('DISK_FULL', 'full'));
    expect((await fetchHead(rig, 'stable', NEVER)).seq).toBe(1);
    expect(rig.reporter.warnings()).toEqual([{ code: 'DISK_FULL', message: 'full' }]);
  });

  it('has no tag from a head that was refused', async () => {
    await rig.heads.write('stable', await signedHead({ seq: 5 }));
    await serve(rig, { seq: 4 });
    await refusal(fetchHead(rig, 'stable', NEVER));
    expect(await rig.heads.readTag('stable')).toBeNull();
  });
});

describe('a feed that fails in passing', () => {
  const passing = new UpdateError('FEED_UNREACHABLE', 'no connection', { retry: { afterMs: null } });
  beforeEach(async () => {
    await serve(rig);
    rig.feed.retry = { retries: 2, baseMs: 1000, capMs: 5000, retryAfterCapMs: 60_000 };
    rig.feed.fault = passing;
  });

  it('is asked again after a while', async () => {
    const head = fetchHead(rig, 'stable', NEVER);
    await rig.clock.advance(499);
    expect(rig.feed.requests).toHaveLength(1);
    rig.feed.fault = null;
    await rig.clock.advance(1);
    expect((await head).seq).toBe(1);
  });

  it('is given up after some tries, with the last error', async () => {
    const head = refusal(fetchHead(rig, 'stable', NEVER));
    await rig.clock.advance(10_000);
    expect(await head).toBe('FEED_UNREACHABLE');
    expect(rig.feed.requests).toHaveLength(3);
  });
});

describe('when keys rotate', () => {
  const KEYS = 4;
  /** Heads of four generations of keys, and what a program of each knows. */
  let kids: string[];
  let entries: TrustKey[];
  let claims: (generation: number, change?: Parameters<typeof headClaims>[1]) => Promise<Buffer>;
  beforeEach(async () => {
    const generations = await sharedGenerations();
    entries = generations.map(({ key }) => key);
    kids = entries.map(({ kid }) => kid);
    claims = async (generation, change = {}) => {
      const payload = headClaims(NOW, { sub: 'edge', seq: generation, ...change });
      return Buffer.from(
        await generations[generation]!.signer.signSmall(payload, 'coresdk-head+jwt'),
        'latin1',
      );
    };
  });
  const trusting = (...known: TrustKey[]): Rig => {
    const trust: TrustSet = {
      product: rig.host.product,
      development: true,
      keys: new Map(known.map((key) => [key.kid, key])),
    };
    return createRig({ host: { trust } });
  };
  const put = async (at: Rig, path: string, bytes: Promise<Buffer>): Promise<void> =>
    void at.feed.files.set(path, await bytes);
  const byKey = (generation: number): string => `by-key/${kids[generation]!}/edge.jws`;

  it('takes the head for the key that it knows', async () => {
    const old = trusting(entries[0]!);
    await put(old, 'edge.jws', claims(2));
    await put(old, byKey(0), claims(0));
    expect(await fetchHead(old, 'edge', NEVER)).toMatchObject({ seq: 0 });
    expect(old.feed.requests).toEqual(['edge.jws@0', `${byKey(0)}@0`]);
    expect(await old.heads.read('edge')).toEqual(await claims(0));
  });

  it('asks for the head for its key by its tag, and for the main one whole', async () => {
    const old = trusting(entries[0]!);
    old.feed.tags = true;
    await put(old, 'edge.jws', claims(2));
    await put(old, byKey(0), claims(0));
    await fetchHead(old, 'edge', NEVER);
    old.feed.requests.splice(0);
    expect(await fetchHead(old, 'edge', NEVER)).toMatchObject({ seq: 0 });
    expect(old.feed.requests).toEqual(['edge.jws@0', `${byKey(0)}@0 ${etagOf(await claims(0))}`]);
  });

  it('asks for no other while it knows the newest key', async () => {
    const fresh = trusting(entries[1]!, entries[2]!);
    await put(fresh, 'edge.jws', claims(2));
    await fetchHead(fresh, 'edge', NEVER);
    expect(fresh.feed.requests).toEqual(['edge.jws@0']);
  });

  it('tries its newest key first', async () => {
    const old = trusting(entries[0]!, entries[1]!);
    await put(old, 'edge.jws', claims(2));
    await put(old, byKey(0), claims(0));
    await put(old, byKey(1), claims(1));
    expect(await fetchHead(old, 'edge', NEVER)).toMatchObject({ seq: 1 });
    old.feed.files.delete(byKey(1));
    old.feed.requests.splice(0);
    expect(await refusal(fetchHead(old, 'edge', NEVER))).toBe('HEAD_STALE');
    expect(old.feed.requests).toEqual(['edge.jws@0', `${byKey(1)}@0`, `${byKey(0)}@0`]);
  });

  it('orders keys by their end, none last of all', async () => {
    const ending = trusting({ ...entries[1]!, notAfter: NOW + DAY_MS }, entries[0]!);
    await put(ending, 'edge.jws', claims(2));
    await refusal(fetchHead(ending, 'edge', NEVER));
    expect(ending.feed.requests).toEqual(['edge.jws@0', `${byKey(0)}@0`, `${byKey(1)}@0`]);
  });

  it('orders keys by their end also where the trust file does not, the newest first among those of one end', async () => {
    const old = trusting({ ...entries[1]!, notAfter: NOW }, entries[0]!, {
      ...entries[2]!,
      notAfter: NOW + DAY_MS,
    });
    await put(old, 'edge.jws', claims(3));
    expect(await refusal(fetchHead(old, 'edge', NEVER))).toBe('JWS_KEY_UNKNOWN');
    expect(old.feed.requests).toEqual(
      [0, 2, 1].reduce((all, at) => [...all, `${byKey(at)}@0`], ['edge.jws@0']),
    );
    const ending = entries.slice(0, 3).map((key) => ({ ...key, notAfter: NOW + DAY_MS }));
    const equal = trusting(...ending);
    await put(equal, 'edge.jws', claims(3));
    await refusal(fetchHead(equal, 'edge', NEVER));
    expect(equal.feed.requests).toEqual(
      [2, 1, 0].reduce((all, at) => [...all, `${byKey(at)}@0`], ['edge.jws@0']),
    );
  });

  it('asks for no key that has ended, that is for another channel, or for bundles', async () => {
    const stable: TrustKey = { ...entries[1]!, audiences: ['stable'] };
    const bundle: TrustKey = { ...entries[2]!, use: 'bundle' };
    const old = trusting({ ...entries[0]!, notAfter: NOW - 1 }, stable, bundle);
    await put(old, 'edge.jws', claims(3));
    expect(await refusal(fetchHead(old, 'edge', NEVER))).toBe('JWS_KEY_UNKNOWN');
    expect(old.feed.requests).toEqual(['edge.jws@0']);
  });

  it('never takes a head by a retired key, wherever it lies', async () => {
    const fresh = trusting(entries[1]!, entries[2]!);
    await put(fresh, 'edge.jws', claims(0));
    await put(fresh, byKey(1), claims(0));
    await put(fresh, byKey(2), claims(0));
    expect(await refusal(fetchHead(fresh, 'edge', NEVER))).toBe('JWS_KEY_UNKNOWN');
    expect(await fresh.heads.read('edge')).toBeNull();
  });

  it('says what is wrong with the head for its key', async () => {
    const old = trusting(entries[0]!);
    await put(old, 'edge.jws', claims(2));
    await put(old, byKey(0), claims(0, { iat: SECOND - 9, nbf: SECOND - 9, exp: SECOND }));
    expect(await refusal(fetchHead(old, 'edge', NEVER))).toBe('HEAD_EXPIRED');
  });

  it.each<[string, (at: Rig) => Promise<void>, string]>([
    ['none is there', () => Promise.resolve(), 'JWS_KEY_UNKNOWN'],
    [
      'one is wrong, and the other not there',
      (at) => put(at, byKey(0), claims(0, { targets: [] })),
      'HEAD_INVALID',
    ],
    [
      'one is by an unknown key, and the other wrong',
      async (at) => {
        await put(at, byKey(1), claims(3));
        await put(at, byKey(0), claims(0, { targets: [] }));
      },
      'HEAD_INVALID',
    ],
    [
      'both are wrong: that of the newest key',
      async (at) => {
        await put(at, byKey(1), claims(1, { sub: 'stable' }));
        await put(at, byKey(0), claims(0, { targets: [] }));
      },
      'HEAD_WRONG_CHANNEL',
    ],
  ])('says what is wrong with the heads for its keys: %s', async (_, given, code) => {
    const old = trusting(entries[0]!, entries[1]!);
    await put(old, 'edge.jws', claims(2));
    await given(old);
    expect(await refusal(fetchHead(old, 'edge', NEVER))).toBe(code);
  });

  it('keeps the bytes that it accepted first, and their tag, when another key signs the same claims', async () => {
    const both = trusting(entries[0]!, entries[1]!);
    both.feed.tags = true;
    await put(both, 'edge.jws', claims(0, { seq: 7 }));
    await fetchHead(both, 'edge', NEVER);
    const [bytes, tag] = [await both.heads.read('edge'), await both.heads.readTag('edge')];
    await put(both, 'edge.jws', claims(1, { seq: 7 }));
    await fetchHead(both, 'edge', NEVER);
    expect(await both.heads.read('edge')).toEqual(bytes);
    expect(await both.heads.readTag('edge')).toEqual(tag);
  });

  it('knows the main head by its tag once that is the head for its key', async () => {
    const old = trusting(entries[0]!);
    old.feed.tags = true;
    await put(old, 'edge.jws', claims(1));
    await put(old, byKey(0), claims(0));
    await fetchHead(old, 'edge', NEVER);
    expect((await old.heads.readTag('edge'))?.kid).toBe(kids[0]);
    await put(old, 'edge.jws', claims(0));
    await fetchHead(old, 'edge', NEVER);
    expect((await old.heads.readTag('edge'))?.kid).toBeNull();
  });

  it('takes the main head after it learnt its key, where the one for the old key was before it', async () => {
    const old = trusting(entries[0]!);
    await put(old, 'edge.jws', claims(1));
    await put(old, byKey(0), claims(0));
    await fetchHead(old, 'edge', NEVER);
    const keys = new Map(entries.slice(0, 2).map((key) => [key.kid, key]));
    const next: Rig = { ...old, host: { ...old.host, trust: { ...old.host.trust, keys } } };
    expect(await fetchHead(next, 'edge', NEVER)).toMatchObject({ seq: 1 });
    expect(next.reporter.warnings()).toEqual([]);
  });

  it('takes the same claims by another key for the same head', async () => {
    const both = trusting(entries[0]!, entries[1]!);
    await put(both, 'edge.jws', claims(0, { seq: 7 }));
    await fetchHead(both, 'edge', NEVER);
    await put(both, 'edge.jws', claims(1, { seq: 7 }));
    expect(await fetchHead(both, 'edge', NEVER)).toMatchObject({ seq: 7 });
    await put(both, 'edge.jws', claims(1, { seq: 7, jti: 'other' }));
    expect(await refusal(fetchHead(both, 'edge', NEVER))).toBe('HEAD_EQUIVOCATION');
  });

  it('stops at the signal, and asks for no further key', async () => {
    const old = trusting(entries[0]!, entries[1]!);
    const ended = new AbortController();
    old.feed.files.set('edge.jws', await claims(2));
    const head = old.feed.head.bind(old.feed);
    const asked: (string | undefined)[] = [];
    old.feed.head = (...args) => {
      asked.push(args[3]?.kid);
      if (args[3]?.kid !== undefined) ended.abort();
      return head(...args);
    };
    expect(await refusal(fetchHead(old, 'edge', ended.signal))).toBe('CANCELLED');
    expect(asked).toEqual([undefined, kids[1]]);
  });

  let generations: Promise<{ key: TrustKey; signer: ReturnType<typeof makeSigner> }[]> | undefined;
  function sharedGenerations(): NonNullable<typeof generations> {
    generations ??= Promise.all(
      Array.from({ length: KEYS }, async (_, index) => {
        const { trust, dir } = index === 0 ? await testKeys() : await newTestKeys();
        const key = [...trust.keys.values()].find(
          ({ use, audiences }) => use === 'head' && audiences.includes('edge'),
        );
        return { key: key!, signer: makeSigner(await privateKey('head-edge', dir)) };
      }),
    );
    return generations;
  }
});
