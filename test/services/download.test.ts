import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { download } from '../../src/services/download.ts';
import { requireSpace } from '../../src/services/space.ts';
import type { Downloaded, Offer } from '../../src/types.ts';
import { etagOf } from '../fakes/memory-feed.ts';
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

  it('tells how far it is: where it goes on, and the end', async () => {
    const rig = feeding();
    rig.downloads.files.set(NAME, BYTES.subarray(0, 10));
    await fetchTo(rig);
    const seen = rig.reporter.of('download');
    expect(seen[0]).toEqual({ kind: 'download', received: 10, total: BYTES.length, resumed: true });
    expect(seen.at(-1)).toEqual({ kind: 'download', received: BYTES.length, total: BYTES.length });
  });

  it('goes on where an earlier try stopped, and sums up the whole', async () => {
    const rig = feeding();
    rig.downloads.files.set(NAME, BYTES.subarray(0, 20_000));
    expect(await fetchTo(rig)).toEqual({ file: NAME, size: BYTES.length, sha256: SHA });
    expect(rig.feed.requests).toEqual(['bundles/x.jws@20000']);
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
      message: 'expected 50000 bytes of bundles/x.jws, as the head promises; found 30000',
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
        get validator() {
          return file.validator;
        },
        append: (chunk) => file.append(chunk),
        truncate: (validator) => file.truncate(validator),
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
    rig.downloads.files.set(NAME, BYTES.subarray(0, 10));
    rig.reporter.report = () => {
      ended.abort();
    };
    expect(await refusal(fetchTo(rig, fromFeed, ended.signal))).toBe('CANCELLED');
    const before = createRig();
    before.downloads.files.set(NAME, BYTES);
    expect(await refusal(fetchTo(before, fromFeed, AbortSignal.abort()))).toBe('CANCELLED');
  });

  it('says that there is no feed', async () => {
    expect(
      await refusal(download({ ...createRig(), feed: null })({ attempt: attempt(), offer: fromFeed }, NEVER)),
    ).toBe('FEED_NOT_CONFIGURED');
  });
});

/** A fault that may pass. */
const passing = (afterMs: number | null = null): UpdateError =>
  new UpdateError('DOWNLOAD_TRUNCATED', 'the connection broke', { retry: { afterMs } });
const PATIENT = { retries: 3, baseMs: 1000, capMs: 10_000, retryAfterCapMs: 60_000 };
const other = (): Buffer => {
  const bytes = Buffer.from(BYTES);
  bytes[7]! ^= 1;
  return bytes;
};

describe('a download that breaks', () => {
  const patient = (bytes: Uint8Array = BYTES): Rig => {
    const rig = feeding(bytes);
    rig.feed.retry = PATIENT;
    rig.feed.tags = true;
    return rig;
  };
  const tag = etagOf(BYTES);
  /** Lets time go by until the download has ended. */
  const goOn = async <T>(rig: Rig, running: Promise<T>): Promise<T> => {
    const ended = new AbortController();
    const end = (): void => {
      ended.abort();
    };
    running.then(end, end);
    for (let rounds = 0; !ended.signal.aborted && rounds < 100; rounds += 1) await rig.clock.advance(1000);
    return running;
  };

  it('goes on where it broke, in the same attempt, by the tag of the file', async () => {
    const rig = patient();
    rig.feed.breaks.push({ at: 20_000, error: passing() }, { at: 40_000, error: passing() });
    expect((await goOn(rig, fetchTo(rig))).sha256).toBe(SHA);
    expect(rig.feed.requests).toEqual([
      'bundles/x.jws@0',
      `bundles/x.jws@20000 ${tag}`,
      `bundles/x.jws@40000 ${tag}`,
    ]);
    expect(rig.reporter.of('retry').map(({ failures, waitMs }) => [failures, waitMs])).toEqual([
      [1, 500],
      [1, 500],
    ]);
  });

  it('asks nothing before the wait is over, and ends it at once with the signal', async () => {
    const rig = patient();
    rig.feed.breaks.push({ at: 20_000, error: passing(5_000) });
    const ended = new AbortController();
    const running = fetchTo(rig, fromFeed, ended.signal);
    await rig.clock.advance(5_499);
    expect(rig.feed.requests).toHaveLength(1);
    ended.abort();
    expect(await refusal(running)).toBe('CANCELLED');
    expect(rig.clock.sleeping).toBe(0);
    expect(rig.downloads.files.get(NAME)).toHaveLength(20_000);
  });

  it('is given up when it does not move on', async () => {
    const rig = patient();
    rig.feed.fault = passing();
    expect(await refusal(goOn(rig, fetchTo(rig)))).toBe('DOWNLOAD_TRUNCATED');
    expect(rig.feed.requests).toHaveLength(1 + PATIENT.retries);
    expect(rig.reporter.of('retry').map(({ waitMs }) => waitMs)).toEqual([500, 1000, 2000]);
  });

  it('is not given up while it moves on, however often it breaks', async () => {
    const rig = patient();
    for (let at = 4_000; at < BYTES.length; at += 4_000) rig.feed.breaks.push({ at, error: passing() });
    expect((await goOn(rig, fetchTo(rig))).sha256).toBe(SHA);
  });

  it('does not move on by a few bytes at a time, nor by the same ones again', async () => {
    const trickling = patient();
    for (let at = 100; at < 5_000; at += 100) trickling.feed.breaks.push({ at, error: passing() });
    expect(await refusal(goOn(trickling, fetchTo(trickling)))).toBe('DOWNLOAD_TRUNCATED');
    expect(trickling.feed.requests).toHaveLength(1 + PATIENT.retries);

    const repeating = patient();
    repeating.feed.tags = false;
    const bundle = repeating.feed.bundle.bind(repeating.feed);
    repeating.feed.bundle = (path, _offset, ...rest) => bundle(path, 0, ...rest);
    for (let n = 0; n < 20; n += 1) repeating.feed.breaks.push({ at: 30_000, error: passing() });
    expect(await refusal(goOn(repeating, fetchTo(repeating)))).toBe('DOWNLOAD_TRUNCATED');
    expect(repeating.feed.requests).toHaveLength(1 + PATIENT.retries);
  });

  it('goes on by the tag after a restart of the daemon', async () => {
    const rig = patient();
    rig.feed.breaks.push({ at: 20_000, error: new UpdateError('CANCELLED', 'the daemon ended') });
    await refusal(fetchTo(rig));
    expect((await fetchTo(rig)).sha256).toBe(SHA);
    expect(rig.feed.requests.at(-1)).toBe(`bundles/x.jws@20000 ${tag}`);
  });

  it('starts over when the file is another one by now, and keeps the new tag', async () => {
    const rig = patient();
    rig.downloads.files.set(NAME, other().subarray(0, 20_000));
    rig.downloads.validators.set(NAME, '"other"');
    expect((await fetchTo(rig)).sha256).toBe(SHA);
    expect(rig.feed.requests).toEqual(['bundles/x.jws@20000 "other"']);
    expect(rig.downloads.validators.get(NAME)).toBe(tag);
  });

  it('fetches once more, whole, what came in parts and does not fit', async () => {
    const rig = patient();
    rig.feed.tags = false;
    rig.downloads.files.set(NAME, other().subarray(0, 20_000));
    expect((await fetchTo(rig)).sha256).toBe(SHA);
    expect(rig.feed.requests).toEqual(['bundles/x.jws@20000', 'bundles/x.jws@0']);
    rig.downloads.files.set(NAME, other());
    expect((await fetchTo(rig)).sha256).toBe(SHA);
  });

  it('fetches once more, whole, what broke and went on with another file', async () => {
    const rig = patient(other());
    rig.feed.tags = false;
    rig.feed.breaks.push({ at: 20_000, error: passing() });
    const running = fetchTo(rig);
    await rig.clock.advance(1);
    rig.feed.files.set('bundles/x.jws', BYTES);
    expect((await goOn(rig, running)).sha256).toBe(SHA);
    expect(rig.feed.requests).toEqual(['bundles/x.jws@0', 'bundles/x.jws@20000', 'bundles/x.jws@0']);
  });

  it('fetches only once more, and nothing more that came by one answer', async () => {
    const wrong = patient(other());
    wrong.feed.tags = false;
    wrong.downloads.files.set(NAME, BYTES.subarray(0, 1_000));
    expect((await fetchTo(wrong)).sha256).toBe(SHA);
    expect(wrong.feed.requests).toHaveLength(1);
    wrong.downloads.files.set(NAME, Buffer.concat([Buffer.from('x'), BYTES.subarray(1, 1_000)]));
    expect((await fetchTo(wrong)).sha256).toBe(sha(other()));
    expect(wrong.feed.requests.slice(1)).toEqual(['bundles/x.jws@1000', 'bundles/x.jws@0']);
    wrong.downloads.files.clear();
    await fetchTo(wrong);
    expect(wrong.feed.requests.slice(3)).toEqual(['bundles/x.jws@0']);
  });

  it('ends the answer that it cannot keep', async () => {
    const rig = patient();
    const bundle = rig.feed.bundle.bind(rig.feed);
    let inner: AbortSignal | null = null;
    rig.feed.bundle = (path, offset, maxBytes, signal, validator) => {
      inner = signal;
      return bundle(path, offset, maxBytes, signal, validator);
    };
    const append = rig.downloads.append.bind(rig.downloads);
    rig.downloads.append = async (name) => ({
      ...(await append(name)),
      truncate: () => Promise.reject(new UpdateError('DISK_FULL', 'full')),
    });
    expect(await refusal(fetchTo(rig))).toBe('DISK_FULL');
    expect(inner!.aborted).toBe(true);
  });
});

describe('what is written', () => {
  it('goes to the disk in blocks, and is told at most ten times a second', async () => {
    const bytes = noise(5_500_000);
    const rig = createRig();
    rig.feed.files.set('bundles/x.jws', bytes);
    const sizes: number[] = [];
    const append = rig.downloads.append.bind(rig.downloads);
    rig.downloads.append = async (name) => {
      const file = await append(name);
      return {
        ...file,
        append: (chunk) => {
          sizes.push(chunk.length);
          return file.append(chunk);
        },
      };
    };
    const source = { kind: 'feed', path: 'bundles/x.jws', size: bytes.length, sha256: sha(bytes) } as const;
    await fetchTo(rig, { ...fromFeed, source });
    expect(sizes).toEqual([1048576, 1048576, 1048576, 1048576, 1048576, 257120]);
    // The clock stands still: the first and the last.
    expect(rig.reporter.of('download')).toHaveLength(2);
  });

  it('does not wait for a block when little comes', async () => {
    const rig = feeding();
    const seen: number[] = [];
    const bundle = rig.feed.bundle.bind(rig.feed);
    rig.feed.bundle = async (...args) => {
      const body = await bundle(...args);
      async function* slowly(): AsyncGenerator<Uint8Array, void, undefined> {
        for await (const chunk of body.chunks) {
          await rig.clock.advance(300);
          yield chunk;
          seen.push(rig.downloads.files.get(NAME)?.length ?? 0);
        }
      }
      return { ...body, chunks: slowly() };
    };
    await fetchTo(rig);
    expect(seen).toEqual([16_384, 32_768, 49_152, 50_000]);
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

  it('ends with the signal, and closes its copy', async () => {
    const rig = holding();
    let closed = 0;
    const append = rig.downloads.append.bind(rig.downloads);
    rig.downloads.append = async (name) => ({
      ...(await append(name)),
      close: async () => void (closed += 1),
    });
    await expect(fetchTo(rig, fromFile, AbortSignal.abort())).rejects.toBeDefined();
    expect([rig.downloads.files.get('local.jws')?.length, closed]).toEqual([0, 1]);
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
