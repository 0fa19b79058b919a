import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Feed, FeedBody, HeadAnswer } from '../../../src/services/ports.ts';

/** A feed, and the publisher's side of it. */
export interface FeedWorld {
  readonly feed: Feed;
  /** Whether its answers carry entity tags. */
  readonly tags: boolean;
  /** Puts a file into the feed. */
  put(path: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** The bytes of a head's answer, as text. */
async function headText(answer: Promise<HeadAnswer>): Promise<string> {
  const { bytes } = await answer;
  return Buffer.from(bytes ?? []).toString();
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
      expect(await headText(world.feed.head('stable', 100, never))).toBe('the head');
      expect(await headText(world.feed.head('stable', 8, never))).toBe('the head');
    });

    it('gives the head for one key, whatever its name begins with', async () => {
      for (const kid of ['A'.repeat(43), `-${'b'.repeat(42)}`, `_${'c'.repeat(42)}`]) {
        await world.put(`by-key/${kid}/stable.jws`, Buffer.from(`the head for ${kid}`));
        const head = world.feed.head('stable', 100, never, { kid });
        expect(await headText(head)).toBe(`the head for ${kid}`);
      }
      await expect(world.feed.head('edge', 100, never, { kid: 'A'.repeat(43) })).rejects.toMatchObject({
        code: 'FEED_REFUSED',
      });
      await expect(world.feed.head('stable', 5, never, { kid: 'A'.repeat(43) })).rejects.toMatchObject({
        code: 'JWS_TOO_LARGE',
      });
    });

    it.each(['', '..', '.', 'a/b', 'A'.repeat(42), `${'A'.repeat(42)}/`, `.${'A'.repeat(42)}`])(
      'asks for no head of the key %j',
      async (kid) => {
        await expect(world.feed.head('stable', 100, never, { kid })).rejects.toMatchObject({
          code: expect.stringMatching(/^FEED_(PATH_INVALID|REFUSED)$/),
        });
      },
    );

    it('refuses a head over the cap', async () => {
      await expect(world.feed.head('stable', 7, never)).rejects.toMatchObject({ code: 'JWS_TOO_LARGE' });
    });

    it('says of a head only that it is unchanged, where it tags what it gives', async () => {
      const { etag } = await world.feed.head('stable', 100, never);
      expect(etag === null).toBe(!world.tags);
      if (etag === null) return;
      expect(await world.feed.head('stable', 100, never, { etag })).toMatchObject({ bytes: null, etag });
      await world.put('stable.jws', Buffer.from('the next head'));
      const next = await world.feed.head('stable', 100, never, { etag });
      expect(Buffer.from(next.bytes ?? []).toString()).toBe('the next head');
      expect(next.etag).not.toBe(etag);
    });

    it('gives a head whole when its tag is of no use', async () => {
      for (const etag of ['"other"', 'W/"other"'])
        expect(await headText(world.feed.head('stable', 100, never, { etag }))).toBe('the head');
    });

    it('goes on only in the same file, where it tags what it gives', async () => {
      const { validator } = await bundle(0);
      expect(validator === null).toBe(!world.tags);
      const on = async (): Promise<FeedBody> =>
        world.feed.bundle('bundles/1.2.0+x@y_z.jws', 150_001, MANY, never, validator);
      expect((await on()).offset).toBe(150_001);
      const other = Buffer.from(content.map((byte) => byte ^ 1));
      await world.put('bundles/1.2.0+x@y_z.jws', other);
      const body = await on();
      expect(body.offset).toBe(world.tags ? 0 : 150_001);
      expect((await drain(body)).equals(other.subarray(body.offset))).toBe(true);
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
