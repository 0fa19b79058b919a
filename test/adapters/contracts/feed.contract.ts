import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Feed, FeedBody } from '../../../src/services/ports.ts';

/** A feed, and the publisher's side of it. */
export interface FeedWorld {
  readonly feed: Feed;
  /** Puts a file into the feed. */
  put(path: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Reads a body to its end. */
export async function drain(body: FeedBody): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of body.chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

const MANY = 10_000_000;

/** Paths that leave a feed, or might. */
export const BAD_PATHS = [
  '',
  '/etc/passwd',
  '../secret.jws',
  'a/../../secret.jws',
  'a/./b.jws',
  'a//b.jws',
  'a/',
  '%2e%2e/secret.jws',
  'a%2fb.jws',
  'a\\..\\b.jws',
  'b.jws?x=1',
  'b.jws#x',
  'http://other.invalid/b.jws',
  '//other.invalid/b.jws',
  'file:///etc/passwd',
  '.hidden',
  '-flag',
  'a b',
  'a\nb',
  'a\0b',
  'a'.repeat(256),
];

/** What every {@link Feed} keeps. */
export function feedContract(name: string, make: () => Promise<FeedWorld>): void {
  describe(`feed: ${name}`, () => {
    const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
    const never = new AbortController().signal;
    let world: FeedWorld;
    beforeEach(async () => {
      world = await make();
      await world.put('stable.jws', Buffer.from('the head'));
      await world.put('bundles/1.2.0+x@y_z.jws', content);
    });
    afterEach(() => world.close());
    const bundle = (offset: number, cap = MANY): Promise<FeedBody> =>
      world.feed.bundle('bundles/1.2.0+x@y_z.jws', offset, cap, never);

    it('gives the bytes of a channel’s head', async () => {
      const head = await world.feed.head('stable', 100, never);
      expect(Buffer.from(head).toString()).toBe('the head');
      expect((await world.feed.head('stable', 8, never)).length).toBe(8);
    });

    it('gives the head for one key, whatever its name begins with', async () => {
      for (const kid of ['A'.repeat(43), `-${'b'.repeat(42)}`, `_${'c'.repeat(42)}`]) {
        await world.put(`by-key/${kid}/stable.jws`, Buffer.from(`the head for ${kid}`));
        const head = await world.feed.head('stable', 100, never, kid);
        expect(Buffer.from(head).toString()).toBe(`the head for ${kid}`);
      }
      await expect(world.feed.head('edge', 100, never, 'A'.repeat(43))).rejects.toMatchObject({
        code: 'FEED_REFUSED',
      });
      await expect(world.feed.head('stable', 5, never, 'A'.repeat(43))).rejects.toMatchObject({
        code: 'JWS_TOO_LARGE',
      });
    });

    it.each(['', '..', '.', 'a/b', 'A'.repeat(42), `${'A'.repeat(42)}/`, `.${'A'.repeat(42)}`])(
      'asks for no head of the key %j',
      async (kid) => {
        await expect(world.feed.head('stable', 100, never, kid)).rejects.toMatchObject({
          code: expect.stringMatching(/^FEED_(PATH_INVALID|REFUSED)$/),
        });
      },
    );

    it('refuses a head over the cap', async () => {
      await expect(world.feed.head('stable', 7, never)).rejects.toMatchObject({ code: 'JWS_TOO_LARGE' });
    });

    it('says so when a file is not there', async () => {
      await expect(world.feed.head('edge', 100, never)).rejects.toMatchObject({ code: 'FEED_REFUSED' });
      await expect(world.feed.bundle('bundles/none.jws', 0, 1, never)).rejects.toMatchObject({
        code: 'FEED_REFUSED',
      });
    });

    it('gives a bundle whole', async () => {
      const body = await bundle(0, content.length);
      expect(body.offset).toBe(0);
      expect((await drain(body)).equals(content)).toBe(true);
    });

    it('gives an empty file', async () => {
      await world.put('empty.jws', Buffer.alloc(0));
      expect(await drain(await world.feed.bundle('empty.jws', 0, 0, never))).toHaveLength(0);
    });

    it('goes on from an offset', async () => {
      const body = await bundle(150_001);
      expect(body.offset).toBe(150_001);
      expect((await drain(body)).equals(content.subarray(150_001))).toBe(true);
    });

    it.each([0, 1, 1000])('starts again when %i bytes more than the file are there already', async (more) => {
      const body = await bundle(content.length + more);
      expect(body.offset).toBe(0);
      expect((await drain(body)).equals(content)).toBe(true);
    });

    it('counts the cap from the start of the file', async () => {
      const read = async (offset: number, cap: number): Promise<Buffer> => drain(await bundle(offset, cap));
      await expect(read(0, content.length - 1)).rejects.toMatchObject({ code: 'DOWNLOAD_TOO_LARGE' });
      await expect(read(content.length - 10, content.length - 1)).rejects.toMatchObject({
        code: 'DOWNLOAD_TOO_LARGE',
      });
      await expect(read(content.length - 10, content.length)).resolves.toHaveLength(10);
    });

    it.each(BAD_PATHS)('refuses the path %j', async (path) => {
      await expect(world.feed.bundle(path, 0, MANY, never)).rejects.toMatchObject({
        code: 'FEED_PATH_INVALID',
      });
    });

    it('stops at once when cancelled', async () => {
      const controller = new AbortController();
      const body = await world.feed.bundle('bundles/1.2.0+x@y_z.jws', 0, MANY, controller.signal);
      const chunks = body.chunks[Symbol.asyncIterator]();
      expect((await chunks.next()).done).toBe(false);
      controller.abort();
      const rest = async (): Promise<void> => {
        while ((await chunks.next()).done !== true);
      };
      await expect(rest()).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(world.feed.head('stable', 100, controller.signal)).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      await expect(world.feed.bundle('stable.jws', 0, 100, controller.signal)).rejects.toMatchObject({
        code: 'CANCELLED',
      });
    });

    it('works again after a body that was left half-way', async () => {
      for await (const chunk of (await bundle(0)).chunks) if (chunk.length > 0) break;
      expect(await drain(await bundle(0))).toHaveLength(content.length);
    });
  });
}
