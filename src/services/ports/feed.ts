import type { ErrorRecord } from '../../errors.ts';
import type { FeedChannel } from '../../types.ts';

/** How long a feed is worth asking again when a request fails by a fault that may pass. */
export interface RetryPolicy {
  /** How often it is asked again while nothing moves on; 0 for never. */
  readonly retries: number;
  /** The first wait is at most this, each further one at most twice the one before, ms. */
  readonly baseMs: number;
  /** No wait is longer, ms. */
  readonly capMs: number;
  /** The longest that a server's own wish (`Retry-After`) is followed, ms. */
  readonly retryAfterCapMs: number;
}

/** What is asked of a feed for a head. */
export interface HeadQuery {
  /** The key that must have signed it, for a program that does not know the newest; the channel's main head unless told. */
  readonly kid?: string | undefined;
  /** The entity tag of the bytes that are here already, as `HeadAnswer.etag` gave it. */
  readonly etag?: string | undefined;
}

/** How one of several mirrors of a feed is doing. */
export interface MirrorHealth {
  /** Its URL, without user and password. */
  readonly url: string;
  /** Faults in a row. */
  readonly failures: number;
  /** Until when others are asked first, ms since 1970; null while it is asked in its order. */
  readonly putBackUntil: number | null;
  /** The last fault, until it answers well again. */
  readonly fault: ErrorRecord | null;
}

/**
 * What was given turned out to be of no use: whoever gave it is asked less from now on.
 *
 * @returns whether somebody else can be asked, who may know better
 */
export type Doubt = (fault: ErrorRecord) => boolean;

/** What a feed answers to a request for a head. */
export interface HeadAnswer {
  /** null: the bytes with the tag that was given are still the newest. Never null when no tag was given. */
  readonly bytes: Uint8Array | null;
  /** The entity tag of the bytes, weak or strong; null where there is none. */
  readonly etag: string | null;
  /** What the feed's clock said, ms since 1970; absent where it did not say. Decides nothing: nobody signed it. */
  readonly date?: number | undefined;
  /** There where several mirrors may be asked. */
  readonly doubt?: Doubt | undefined;
}

/** What a feed answers to a request for a bundle. */
export interface FeedBody {
  /** The offset at which the bytes start: the one asked for, or 0 when the server ignores ranges or has another file by now. */
  readonly offset: number;
  /** The strong entity tag of the file that the bytes are of; null where there is none. */
  readonly validator: string | null;
  /** The bytes, in order; never more than `maxBytes` in all. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** There where several mirrors may be asked. */
  readonly doubt?: Doubt | undefined;
}

/**
 * A tree of static files at an `https:`, `http:` or `file:` URL. Never follows a redirect, never leaves the URL. An error that may
 * pass carries a `retry`; a feed never asks twice by itself.
 */
export interface Feed {
  /** How long it is worth asking again; never unless it says so. */
  readonly retry?: RetryPolicy | undefined;
  /**
   * A channel's head: `<channel>.jws`, or with a `kid` the one for that key, `by-key/<kid>/<channel>.jws`. More than `maxBytes`
   * rejects with `JWS_TOO_LARGE`.
   */
  head(channel: FeedChannel, maxBytes: number, signal: AbortSignal, query?: HeadQuery): Promise<HeadAnswer>;
  /**
   * A bundle's bytes from `offset` on. `path` is relative to the feed's URL; one that leaves it rejects with
   * `FEED_PATH_INVALID`. Bytes past `maxBytes` (counted from the start of the file) end the stream with `DOWNLOAD_TOO_LARGE`.
   *
   * @param validator - what `FeedBody.validator` said of the bytes before `offset`: the answer starts at 0 where the file is another
   *   one by now. Without it the caller must find out by itself that the two parts do not fit.
   */
  bundle(
    path: string,
    offset: number,
    maxBytes: number,
    signal: AbortSignal,
    validator?: string | null,
  ): Promise<FeedBody>;
  /** How each of its mirrors is doing, in their order; there where it has several. */
  mirrors?(): readonly MirrorHealth[];
}

/** The entity tag of a head's bytes, as the feed gave it. */
export interface HeadTag {
  readonly etag: string;
  /** The key of whose head it is; null for the channel's main head. */
  readonly kid: string | null;
  /** SHA-256 of the bytes that it is the tag of: it counts only together with them. */
  readonly sha256: string;
}

/** The newest accepted head of each channel, as the bytes that arrived. They vouch for themselves: always re-verified. */
export interface HeadStore {
  read(channel: FeedChannel): Promise<Uint8Array | null>;
  /** Replaces the stored head durably and atomically. */
  write(channel: FeedChannel, bytes: Uint8Array): Promise<void>;
  /** The tag that was remembered beside the head; null for none, and where it cannot be read: it only saves an answer. */
  readTag(channel: FeedChannel): Promise<HeadTag | null>;
  /** Replaces the tag durably and atomically. */
  writeTag(channel: FeedChannel, tag: HeadTag): Promise<void>;
}
