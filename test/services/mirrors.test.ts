import { beforeEach, describe, expect, it } from 'vitest';
import { createMirroredFeed } from '../../src/adapters/mirrored-feed.ts';
import type { Feed } from '../../src/services/ports.ts';
import { download } from '../../src/services/download.ts';
import { fetchHead } from '../../src/services/fetch-head.ts';
import { createMemoryFeed, type MemoryFeed } from '../fakes/memory-feed.ts';
import { attempt } from '../machines/values.ts';
import { createHash } from 'node:crypto';
import { signedHead, trustingRig } from './head-fixture.ts';
import { DAY_MS, NEVER, NOW, type Rig } from './rig.ts';

let rig: Rig;
let mirrors: readonly [MemoryFeed, MemoryFeed, MemoryFeed];
let feed: Feed;

beforeEach(async () => {
  // No second opinion is drawn.
  rig = await trustingRig({ random: [0.9] });
  mirrors = [createMemoryFeed(), createMemoryFeed(), createMemoryFeed()];
  feed = createMirroredFeed(
    mirrors.map((it, index) => ({
      url: `https://${String(index)}.example/`,
      feed: { ...it, close: () => Promise.resolve() },
    })),
    rig.clock,
  );
});

const put = (index: 0 | 1 | 2, bytes: Uint8Array, path = 'stable.jws'): void => {
  mirrors[index].files.set(path, bytes);
};
const head = (change: Parameters<typeof signedHead>[0] = {}): Promise<Buffer> => signedHead(change);
const look = async (): Promise<number> => (await fetchHead({ ...rig, feed }, 'stable', NEVER)).seq;
const failures = (): number[] => feed.mirrors?.().map((it) => it.failures) ?? [];

describe('a head from mirrors', () => {
  it('is asked of the next where the first serves an older one than was accepted', async () => {
    put(0, await head({ seq: 7 }));
    expect(await look()).toBe(7);
    put(0, await head({ seq: 6 }));
    put(1, await head({ seq: 8 }));
    expect(await look()).toBe(8);
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'HEAD_STALE' }]);
    expect(failures()).toEqual([1, 0, 0]);
  });

  it.each<[string, () => Promise<Uint8Array> | Uint8Array, string]>([
    ['that is not signed', () => Buffer.from('<html>'), 'JWS_MALFORMED'],
    ['of another channel', () => signedHead({}, 'edge'), 'JWS_KEY_NOT_ALLOWED'],
    [
      'that has expired',
      () => head({ exp: (NOW - 1000) / 1000, iat: (NOW - DAY_MS) / 1000 }),
      'HEAD_EXPIRED',
    ],
  ])('is asked of the next where the first serves one %s', async (_, bytes, code) => {
    put(0, await bytes());
    put(1, await bytes());
    put(2, await head({ seq: 9 }));
    expect(await look()).toBe(9);
    expect(rig.reporter.warnings().map((it) => it.code)).toEqual([code, code]);
    expect(failures()).toEqual([1, 1, 0]);
  });

  it('is refused when all of them serve what is refused, and none of them is believed', async () => {
    for (const index of [0, 1, 2] as const) put(index, Buffer.from('<html>'));
    await expect(look()).rejects.toMatchObject({ code: 'JWS_MALFORMED' });
    expect(failures()).toEqual([1, 1, 1]);
    expect(rig.reporter.warnings()).toHaveLength(2);
    // The next check asks each of them once more: any may have been mended.
    await expect(look()).rejects.toMatchObject({ code: 'JWS_MALFORMED' });
    expect(failures()).toEqual([2, 2, 2]);
    put(2, await head({ seq: 9 }));
    expect(await look()).toBe(9);
  });

  it('blames no mirror for the clock of this host', async () => {
    put(0, await head());
    put(1, await head());
    rig.clock.setNow(Date.UTC(2001, 0, 1));
    await expect(look()).rejects.toMatchObject({ code: 'HEAD_FROM_FUTURE' });
    expect(failures()).toEqual([0, 0, 0]);
  });
});

describe('a bundle from mirrors', () => {
  const right = Buffer.from(Array.from({ length: 50_000 }, (_, index) => index % 250));
  const sha256 = createHash('sha256').update(right).digest('hex');
  const source = { kind: 'feed', path: 'bundles/x.jws', size: right.length, sha256 } as const;
  const fetch = () =>
    download({ ...rig, feed })(
      { attempt: attempt(), offer: { source, release: null, channel: 'stable' } },
      NEVER,
    );

  it('with other bytes than the head names is fetched from the next', async () => {
    put(0, Buffer.alloc(right.length), source.path);
    put(1, Buffer.alloc(right.length, 1), source.path);
    put(2, right, source.path);
    expect(await fetch()).toMatchObject({ sha256, size: right.length });
    expect(failures()).toEqual([1, 1, 0]);
  });

  it('that ends too early without saying so goes on at the next', async () => {
    put(0, right.subarray(0, 30_000), source.path);
    put(1, right.subarray(0, 40_000), source.path);
    put(2, right, source.path);
    expect(await fetch()).toMatchObject({ sha256, size: right.length });
    expect(failures()).toEqual([1, 1, 0]);
    expect(mirrors[2].requests).toEqual([`${source.path}@40000`]);
  });

  it('that is too short everywhere is an error, and each of them is put back', async () => {
    for (const index of [0, 1, 2] as const) put(index, right.subarray(0, 30_000), source.path);
    await expect(fetch()).rejects.toMatchObject({ code: 'DOWNLOAD_TRUNCATED' });
    expect(failures()).toEqual([1, 1, 1]);
  });

  it('that nobody has right is judged as it came', async () => {
    for (const index of [0, 1, 2] as const) put(index, Buffer.alloc(right.length), source.path);
    expect((await fetch()).sha256).not.toBe(sha256);
  });
});
