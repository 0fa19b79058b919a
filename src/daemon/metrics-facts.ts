import { UpdateError, type ErrorRecord } from '../errors.ts';
import { acceptedHeads } from '../services/heads.ts';
import type { Ports } from '../services/ports.ts';
import type { FeedChannel, VersionRef } from '../types.ts';

/** The accepted head of a channel, as far as metrics tell of it; times in ms since 1970. */
export interface HeadFact {
  readonly channel: FeedChannel;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly epoch: number;
  readonly seq: number;
}

/** What only the disk knows. */
export interface Facts {
  readonly current: VersionRef;
  readonly quarantined: number;
  /** When the newest commit was, ms since 1970; null where there was none. */
  readonly committedAt: number | null;
  readonly heads: readonly HeadFact[];
}

/** Reads {@link Facts}, and only when they may have changed. */
export interface FactReader {
  /** From now on what was read is old. */
  readonly changed: () => void;
  /** The facts, and why they could not be read again; null before they could be read for the first time. Never rejects. */
  read(): Promise<{ readonly facts: Facts | null; readonly error: ErrorRecord | null }>;
}

async function readFacts(
  ports: Pick<Ports, 'store' | 'quarantine' | 'heads' | 'host' | 'clock' | 'reporter'>,
): Promise<Facts> {
  const [current, versions, quarantine, heads] = await Promise.all([
    ports.store.current(),
    ports.store.list(),
    ports.quarantine.list(),
    acceptedHeads(ports),
  ]);
  const commits = versions.flatMap(({ mark }) => (mark === null ? [] : [mark.at]));
  return {
    current,
    quarantined: quarantine.length,
    committedAt: commits.length === 0 ? null : Math.max(...commits),
    heads: (['stable', 'edge'] as const).flatMap((channel) => {
      const head = heads[channel]?.head;
      if (head === undefined) return [];
      const { iat, exp, epoch, seq } = head;
      return [{ channel, issuedAt: iat * 1000, expiresAt: exp * 1000, epoch, seq }];
    }),
  };
}

/**
 * Makes a reader that remembers: a scrape costs no look at the disk unless a step or a command has changed something since the last.
 *
 * @param ports - what is read
 */
export function createFactReader(ports: Parameters<typeof readFacts>[0]): FactReader {
  let facts: Facts | null = null;
  let fresh = false;
  let reading: ReturnType<FactReader['read']> | null = null;

  const read = async (): ReturnType<FactReader['read']> => {
    // First, so that a change while it is read is seen by the next.
    fresh = true;
    try {
      facts = await readFacts(ports);
      return { facts, error: null };
    } catch (error) {
      fresh = false;
      return { facts, error: UpdateError.from(error).toRecord() };
    } finally {
      reading = null;
    }
  };
  return {
    changed: () => {
      fresh = false;
    },
    read: () => {
      if (fresh && reading === null) return Promise.resolve({ facts, error: null });
      reading ??= read();
      return reading;
    },
  };
}
