import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { download } from '../../src/services/download.ts';
import { requireSpace } from '../../src/services/space.ts';
import type { Downloaded, Offer } from '../../src/types.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt, RELEASE } from '../machines/values.ts';
import { createRig, install, NEVER, type Rig } from './rig.ts';

const BYTES = noise(50_000);
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const SHA = sha(BYTES);
const NAME = `${SHA}.jws`;
const fromFeed: Offer = {
  source: { kind: 'feed', path: 'bundles/x.jws', size: BYTES.length, sha256: SHA },
  release: RELEASE,
  channel: 'stable',
};
const fromFile: Offer = { source: { kind: 'file', path: '/media/x.jws' }, release: null, channel: null };

const feeding = (bytes: Uint8Array = BYTES, freeBytes?: number): Rig => {
  const rig = createRig(freeBytes === undefined ? {} : { freeBytes });
  rig.feed.files.set('bundles/x.jws', bytes);
  return rig;
};
const fetchTo = (rig: Rig, offer = fromFeed, signal = NEVER): Promise<Downloaded> =>
  download(rig)({ attempt: attempt(), offer }, signal);

describe('download from a feed', () => {
  it('brings the bundle, with its size and sum', async () => {
    const rig = feeding();
    expect(await fetchTo(rig)).toEqual({ file: NAME, size: BYTES.length, sha256: SHA });
    expect(Buffer.from(rig.downloads.files.get(NAME)!)).toEqual(BYTES);
  });

  it('tells how far it is', async () => {
    const rig = feeding();
    await fetchTo(rig);
    const seen = rig.reporter.of('download');
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toEqual({ kind: 'download', received: BYTES.length, total: BYTES.length });
  });

  it('goes on where an earlier try stopped, and sums up the whole', async () => {
    const rig = feeding();
    rig.downloads.files.set(NAME, BYTES.subarray(0, 20_000));
    expect(await fetchTo(rig)).toEqual({ file: NAME, size: BYTES.length, sha256: SHA });
    expect(rig.feed.requests).toEqual(['bundles/x.jws@20000']);
    expect(rig.reporter.of('download')[0]?.received).toBeGreaterThan(20_000);
  });

  it('asks for nothing when everything is there', async () => {
    const rig = feeding();
    rig.downloads.files.set(NAME, BYTES);
    expect(await fetchTo(rig)).toEqual({ file: NAME, size: BYTES.length, sha256: SHA });
    expect(rig.feed.requests).toEqual([]);
  });

  it('starts over when more is there than the head promises', async () => {
    const rig = feeding();
    rig.downloads.files.set(NAME, noise(BYTES.length + 1));
    expect(await fetchTo(rig)).toEqual({ file: NAME, size: BYTES.length, sha256: SHA });
    expect(rig.feed.requests).toEqual(['bundles/x.jws@0']);
  });

  it('starts over when the server ignores ranges', async () => {
    const rig = feeding();
    rig.downloads.files.set(NAME, Buffer.from('what an earlier try left'));
    const bundle = rig.feed.bundle.bind(rig.feed);
    rig.feed.bundle = (path, _offset, maxBytes, signal) => bundle(path, 0, maxBytes, signal);
    expect(await fetchTo(rig)).toEqual({ file: NAME, size: BYTES.length, sha256: SHA });
    expect(Buffer.from(rig.downloads.files.get(NAME)!)).toEqual(BYTES);
  });

  it('keeps what came of a truncated bundle, and goes on from there next time', async () => {
    const rig = feeding(BYTES.subarray(0, 30_000));
    await expect(fetchTo(rig)).rejects.toMatchObject({
      code: 'DOWNLOAD_TRUNCATED',
      message: 'expected 50000 bytes, as the head promises; found 30000',
    });
    rig.feed.files.set('bundles/x.jws', BYTES);
    expect((await fetchTo(rig)).sha256).toBe(SHA);
    expect(rig.feed.requests.at(-1)).toBe('bundles/x.jws@30000');
  });

  it('refuses more than the head promises', async () => {
    expect(await refusal(fetchTo(feeding(noise(BYTES.length + 1))))).toBe('DOWNLOAD_TOO_LARGE');
  });

  it('leaves it to `verify` to judge other bytes of the right size', async () => {
    const other = Buffer.from(BYTES);
    other[7]! ^= 1;
    expect(await fetchTo(feeding(other))).toEqual({ file: NAME, size: BYTES.length, sha256: sha(other) });
  });

  it('wants room for the bundle and its files before the first byte, and says both numbers', async () => {
    const rig = feeding(BYTES, 149_999);
    await expect(fetchTo(rig)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message:
        'expected 150000 free bytes for a bundle of 50000 bytes and its files, found 149999: free 1 more',
    });
    expect(rig.feed.requests).toEqual([]);
    expect(rig.downloads.files.size).toBe(0);
    await expect(fetchTo(feeding(BYTES, 150_000))).resolves.toMatchObject({ sha256: SHA });
  });

  it('wants as much room as the largest version here takes', async () => {
    const rig = feeding(BYTES, 150_000);
    install(rig, '1.0.0');
    const list = rig.store.list.bind(rig.store);
    rig.store.list = async () => (await list()).map((it) => ({ ...it, size: 100_001 }));
    expect(await refusal(fetchTo(rig))).toBe('DISK_FULL');
  });

  it('deletes what other attempts left', async () => {
    const rig = feeding();
    rig.downloads.files.set('old.jws', BYTES);
    await fetchTo(rig);
    expect([...rig.downloads.files.keys()]).toEqual([NAME]);
  });

  it.each(['FEED_STALLED', 'FEED_REDIRECTED', 'FEED_UNREACHABLE'] as const)(
    'passes on %s and keeps what is there',
    async (code) => {
      const rig = feeding();
      rig.downloads.files.set(NAME, BYTES.subarray(0, 10));
      rig.feed.fault = new UpdateError(code, 'the feed');
      expect(await refusal(fetchTo(rig))).toBe(code);
      expect(rig.downloads.files.get(NAME)).toHaveLength(10);
    },
  );

  it('closes its file however it ends', async () => {
    const rig = feeding(BYTES.subarray(0, 30_000));
    const append = rig.downloads.append.bind(rig.downloads);
    let closed = 0;
    rig.downloads.append = async (name) => {
      const file = await append(name);
      return {
        get size() {
          return file.size;
        },
        append: (chunk) => file.append(chunk),
        truncate: () => file.truncate(),
        close: async () => void (closed += 1),
      };
    };
    await refusal(fetchTo(rig));
    rig.feed.files.set('bundles/x.jws', BYTES);
    await fetchTo(rig);
    expect(closed).toBe(2);
  });

  it('ends with the signal', async () => {
    const rig = feeding();
    const ended = new AbortController();
    rig.reporter.report = () => {
      ended.abort();
    };
    expect(await refusal(fetchTo(rig, fromFeed, ended.signal))).toBe('CANCELLED');
  });

  it('says that there is no feed', async () => {
    expect(
      await refusal(download({ ...createRig(), feed: null })({ attempt: attempt(), offer: fromFeed }, NEVER)),
    ).toBe('FEED_NOT_CONFIGURED');
  });
});

describe('download of a local file', () => {
  const holding = (freeBytes?: number): Rig => {
    const rig = createRig(freeBytes === undefined ? {} : { freeBytes });
    rig.downloads.local.set('/media/x.jws', BYTES);
    return rig;
  };

  it('copies it, so that nobody can change it afterwards', async () => {
    const rig = holding();
    rig.downloads.files.set('local.jws', Buffer.from('of an earlier attempt'));
    expect(await fetchTo(rig, fromFile)).toEqual({ file: 'local.jws', size: BYTES.length, sha256: SHA });
    expect(Buffer.from(rig.downloads.files.get('local.jws')!)).toEqual(BYTES);
    expect(rig.feed.requests).toEqual([]);
    expect(rig.reporter.of('download').at(-1)).toEqual({
      kind: 'download',
      received: BYTES.length,
      total: BYTES.length,
    });
  });

  it('says when it cannot be read', async () => {
    expect(await refusal(fetchTo(createRig(), fromFile))).toBe('BUNDLE_NOT_FOUND');
  });

  it('wants room for the copy and its files', async () => {
    const rig = holding(99_999);
    await expect(fetchTo(rig, fromFile)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message:
        'expected 100000 free bytes for a copy of /media/x.jws and its files, found 99999: free 1 more',
    });
    expect(rig.downloads.files.size).toBe(0);
  });
});

describe('requireSpace', () => {
  it('is content with exactly enough', async () => {
    const { downloads } = createRig({ freeBytes: 10 });
    await expect(requireSpace(downloads, 10, 'for a test')).resolves.toBeUndefined();
    expect(await refusal(requireSpace(downloads, 11, 'for a test'))).toBe('DISK_FULL');
  });
});
