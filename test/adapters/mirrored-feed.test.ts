import { describe, expect, it } from 'vitest';
import { createMirroredFeed } from '../../src/adapters/mirrored-feed.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Feed, FeedBody } from '../../src/services/ports.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { createMemoryFeed, etagOf, type MemoryFeed } from '../fakes/memory-feed.ts';
import { drain, feedContract } from './contracts/feed.contract.ts';

const never = new AbortController().signal;
const MANY = 10_000_000;
const BUNDLE = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
const PATH = 'bundles/b.jws';
const MINUTE = 60_000;
/** Neither a second opinion nor an early return. */
const NO_DRAW = 0.999_999;

const away = (name: string): UpdateError =>
  new UpdateError('FEED_UNREACHABLE', `no answer from ${name}`, { retry: { afterMs: null } });

interface World {
  readonly feed: ReturnType<typeof createMirroredFeed>;
  readonly memory: readonly MemoryFeed[];
  readonly clock: FakeClock;
  /** Which mirrors were asked since the last call, in order. */
  readonly asked: () => string;
  readonly head: () => Promise<string>;
}

function world(count = 3, random: readonly number[] = [NO_DRAW]): World {
  const clock = createFakeClock(undefined, random);
  const order: string[] = [];
  const memory = Array.from({ length: count }, () => createMemoryFeed([[PATH, BUNDLE]]));
  const feed = createMirroredFeed(
    memory.map((it, index) => {
      const name = 'abc'[index] ?? '';
      it.files.set('stable.jws', Buffer.from(`head of ${name}`));
      const heard: Feed = {
        retry: { retries: 4, baseMs: 1, capMs: 1, retryAfterCapMs: 1 },
        head: (...args) => {
          order.push(name);
          return it.head(...args);
        },
        bundle: (...args) => {
          order.push(name);
          return it.bundle(...args);
        },
      };
      return { url: `https://${name}.example/`, feed: { ...heard, close: () => Promise.resolve() } };
    }),
    clock,
  );
  return {
    feed,
    memory,
    clock,
    asked: () => order.splice(0).join(''),
    head: async () => Buffer.from((await feed.head('stable', 100, never)).bytes ?? []).toString(),
  };
}

feedContract('mirrored, with a first mirror that is away', () => {
  const [first, second] = [createMemoryFeed(), createMemoryFeed()];
  first.fault = away('a');
  second.tags = true;
  const close = (): Promise<void> => Promise.resolve();
  const feed = createMirroredFeed(
    [
      { url: 'https://a.example/', feed: { ...first, close } },
      { url: 'https://b.example/', feed: { ...second, close } },
    ],
    createFakeClock(undefined, [NO_DRAW]),
  );
  return Promise.resolve({
    feed,
    tags: true,
    put: (path, bytes) => Promise.resolve(void second.files.set(path, bytes)),
    close: () => feed.close(),
  });
});

describe('mirrors', () => {
  it('are asked in order, and only the first while it is well', async () => {
    const { head, asked, feed } = world();
    expect([await head(), await head(), asked()]).toEqual(['head of a', 'head of a', 'aa']);
    expect(feed.mirrors?.()).toEqual(
      ['a', 'b', 'c'].map((name) => ({
        url: `https://${name}.example/`,
        failures: 0,
        putBackUntil: null,
        fault: null,
      })),
    );
  });

  it('that are away are passed over, for a time that grows with each fault', async () => {
    const { head, asked, memory, clock, feed } = world();
    memory[0]!.fault = away('a');
    expect([await head(), asked()]).toEqual(['head of b', 'ab']);
    expect(feed.mirrors?.()[0]).toEqual({
      url: 'https://a.example/',
      failures: 1,
      putBackUntil: Math.round(clock.now() + 5 * MINUTE * (0.5 + NO_DRAW / 2)),
      fault: { code: 'FEED_UNREACHABLE', message: 'no answer from a' },
    });
    await clock.advance(4.9 * MINUTE);
    expect([await head(), asked()]).toEqual(['head of b', 'b']);
    await clock.advance(0.2 * MINUTE);
    expect([await head(), asked()]).toEqual(['head of b', 'ab']);
    await clock.advance(9 * MINUTE);
    expect([await head(), asked()]).toEqual(['head of b', 'b']);
    await clock.advance(2 * MINUTE);
    memory[0]!.fault = null;
    expect([await head(), asked()]).toEqual(['head of a', 'a']);
    expect(feed.mirrors?.()[0]).toMatchObject({ failures: 0, putBackUntil: null, fault: null });
  });

  it.each([
    [0, 1],
    [1, 0],
  ] as const)(
    'have no such file where one says so and the other is broken for good, in either order',
    async (none, broken) => {
      const { head, memory } = world(2);
      memory[none]!.fault = new UpdateError('FEED_REFUSED', 'no such file');
      memory[broken]!.fault = new UpdateError('FEED_UNREACHABLE', 'no folder');
      await expect(head()).rejects.toMatchObject({ code: 'FEED_REFUSED', retry: null });
    },
  );

  it('are put back for twelve hours at most', async () => {
    const { head, memory, clock, feed } = world(2);
    memory[0]!.fault = away('a');
    for (let count = 0; count < 20; count += 1) {
      await head();
      await clock.advance(12 * 60 * MINUTE);
    }
    await head();
    const until = feed.mirrors?.()[0]?.putBackUntil ?? 0;
    expect((until - clock.now()) / MINUTE).toBeCloseTo(12 * 60, 0);
  });

  it('are all asked when none is well, the one whose time is over soonest first', async () => {
    const { head, asked, memory, clock } = world();
    memory[2]!.fault = away('c');
    memory[0]!.fault = away('a');
    await head();
    await clock.advance(MINUTE);
    memory[1]!.fault = away('b');
    await expect(head()).rejects.toMatchObject({
      code: 'FEED_UNREACHABLE',
      message: 'none of 3 mirrors: no answer from b; no answer from c; no answer from a',
      retry: { afterMs: null },
    });
    asked();
    await expect(head()).rejects.toThrow('none of 3');
    expect(asked()).toHaveLength(3);
    memory[2]!.fault = null;
    expect(await head()).toBe('head of c');
  });

  it('are each asked no more often than a single feed, when all of them fail', () => {
    expect(world(3).feed.retry?.retries).toBe(2);
  });

  it('that were all out are asked in their order again once one answers: it was not their doing', async () => {
    const { head, asked, memory, clock, feed } = world();
    for (const mirror of memory) mirror.fault = away('this host');
    // A night without a network.
    for (let count = 0; count < 20; count += 1) {
      await expect(head()).rejects.toThrow('none of 3');
      await clock.advance(60 * MINUTE);
    }
    for (const mirror of memory) mirror.fault = null;
    await head();
    asked();
    expect([await head(), asked()]).toEqual(['head of a', 'a']);
    expect(feed.mirrors?.().map(({ putBackUntil }) => putBackUntil)).toEqual([null, null, null]);
  });

  it('but those that did not answer together with it stay put back', async () => {
    const { head, asked, memory } = world();
    for (const mirror of memory) mirror.fault = away('this host');
    await expect(head()).rejects.toThrow('none of 3');
    // What is asked first now fails still, and so does the second.
    memory[2]!.fault = null;
    expect([await head(), asked()]).toEqual(['head of c', 'abcabc']);
    expect([await head(), asked()]).toEqual(['head of c', 'c']);
  });

  it('that lack a file are put back only when another one has it', async () => {
    const { memory, feed, asked } = world();
    await expect(feed.head('edge', 100, never)).rejects.toMatchObject({ code: 'FEED_REFUSED', retry: null });
    expect(asked()).toBe('abc');
    expect(feed.mirrors?.().map(({ failures }) => failures)).toEqual([0, 0, 0]);
    memory[1]!.files.set('edge.jws', Buffer.from('x'));
    await feed.head('edge', 100, never);
    expect(feed.mirrors?.().map(({ failures }) => failures)).toEqual([1, 0, 0]);
  });

  it('whose answer is doubted are put back, longer each time, though they answer', async () => {
    const { feed, asked, clock } = world(2);
    const stale = { code: 'HEAD_STALE', message: 'older' } as const;
    const minutes: number[] = [];
    for (let count = 0; count < 3; count += 1) {
      const { doubt } = await feed.head('stable', 100, never);
      expect(doubt?.(stale)).toBe(true);
      expect(feed.mirrors?.()[0]?.fault).toEqual(stale);
      minutes.push(((feed.mirrors?.()[0]?.putBackUntil ?? 0) - clock.now()) / MINUTE);
      await clock.advance(60 * MINUTE);
    }
    expect(minutes.map(Math.round)).toEqual([5, 10, 20]);
    expect(asked()).toBe('aaa');
    const { doubt } = await feed.head('stable', 100, never);
    expect(doubt?.(stale)).toBe(true);
    // The last one that is well is doubted too: there is nobody left to ask.
    expect((await feed.head('stable', 100, never)).doubt?.(stale)).toBe(false);
  });

  it('are now and then asked for a second opinion, so that none can say for ever that there is nothing new', async () => {
    const { head, asked } = world(3, [0.05, 0.5]);
    await head();
    await head();
    expect(asked()).toBe('ba');
  });

  it('are each shown the tag that they gave themselves, for the same bytes, and never another’s', async () => {
    const { feed, memory } = world(2, [NO_DRAW, 0, 0, NO_DRAW]);
    const [a, b] = [memory[0]!, memory[1]!];
    const bytes = Buffer.from('the same head');
    for (const mirror of memory) mirror.files.set('stable.jws', bytes);
    const tagged = (mirror: MemoryFeed, tag: string): void => {
      const plain = { ...mirror };
      mirror.head = async (...args) => {
        const answer = await plain.head(...args);
        const isSame = args[3]?.etag === tag;
        return { ...answer, ...(isSame ? { bytes: null } : {}), etag: tag };
      };
    };
    tagged(a, '"of a"');
    tagged(b, '"of b"');
    const requests = (): string[] => [...a.requests.splice(0), '|', ...b.requests.splice(0)];
    const known = await feed.head('stable', 100, never);
    expect([known.etag, ...requests()]).toEqual(['"of a"', 'stable.jws@0', '|']);
    const etag = known.etag ?? '';
    // A second opinion: it has shown no tag yet, so it is asked for all of it.
    const opinion = await feed.head('stable', 100, never, { etag });
    expect([opinion.bytes === null, opinion.etag, ...requests()]).toEqual([
      false,
      '"of b"',
      '|',
      'stable.jws@0',
    ]);
    // And by its own tag the next time, whichever of the two the host kept.
    for (const kept of [etag, '"of b"']) {
      const { bytes: none } = await feed.head('stable', 100, never, { etag: kept });
      expect(none).toBeNull();
    }
    expect(requests()).toEqual(['stable.jws@0 "of a"', '|', 'stable.jws@0 "of b"']);
    // One that nobody here gave, as after a restart, is shown to nobody.
    await feed.head('stable', 100, never, { etag: '"x"' });
    expect(requests()).toEqual(['stable.jws@0', '|']);
  });

  it('are not told what is wrong with the question, nor blamed when it is withdrawn', async () => {
    const { feed, asked } = world();
    await expect(feed.bundle('../x', 0, MANY, never)).rejects.toMatchObject({ code: 'FEED_PATH_INVALID' });
    await expect(feed.head('stable', 100, AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(asked()).toBe('aa');
    expect(feed.mirrors?.()[0]?.failures).toBe(0);
  });
});

describe('a bundle from mirrors', () => {
  const bundle = ({ feed }: World, offset = 0, validator: string | null = null): Promise<FeedBody> =>
    feed.bundle(PATH, offset, MANY, never, validator);

  it('goes on at another mirror where one breaks off, without the first one’s tag', async () => {
    const it = world();
    for (const mirror of it.memory) mirror.tags = true;
    it.memory[0]!.breaks.push({ at: 50_000, error: away('a') });
    const body = await bundle(it);
    expect(body.validator).toBe(etagOf(BUNDLE));
    const got: Uint8Array[] = [];
    await expect(
      (async () => {
        for await (const chunk of body.chunks) got.push(chunk);
      })(),
    ).rejects.toMatchObject({ code: 'FEED_UNREACHABLE' });
    const offset = Buffer.concat(got).length;
    const rest = await bundle(it, offset, body.validator);
    expect(rest.offset).toBe(offset);
    expect(Buffer.concat([...got, await drain(rest)]).equals(BUNDLE)).toBe(true);
    expect(it.asked()).toBe('ab');
    expect(it.memory[1]!.requests).toEqual([`${PATH}@${String(offset)}`]);
    // Back at the first, its own tag is shown to it again.
    await it.clock.advance(10 * MINUTE);
    await bundle(it, 10, body.validator);
    expect(it.memory[0]!.requests.at(-1)).toBe(`${PATH}@10 ${etagOf(BUNDLE)}`);
  });

  it('may be asked for again where another mirror may do better, whatever the fault', async () => {
    const it = world(2);
    it.memory[0]!.breaks.push({ at: 1, error: new UpdateError('DOWNLOAD_TOO_LARGE', 'too much') });
    await expect(drain(await bundle(it))).rejects.toMatchObject({
      code: 'DOWNLOAD_TOO_LARGE',
      retry: { afterMs: null },
    });
    it.memory[1]!.breaks.push({ at: 1, error: new UpdateError('DOWNLOAD_TOO_LARGE', 'too much') });
    await expect(drain(await bundle(it))).rejects.toMatchObject({ code: 'DOWNLOAD_TOO_LARGE', retry: null });
    expect(it.asked()).toBe('ab');
  });

  it('that was read to its end clears its mirror, and one that is wrong can be doubted', async () => {
    const it = world(2);
    const body = await bundle(it);
    await drain(body);
    expect(body.doubt?.({ code: 'BUNDLE_NOT_NAMED', message: 'other bytes' })).toBe(true);
    expect(it.feed.mirrors?.()[0]?.failures).toBe(1);
    await bundle(it);
    expect(it.asked()).toBe('ab');
  });
});
