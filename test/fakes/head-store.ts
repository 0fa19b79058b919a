import type { HeadStore, HeadTag } from '../../src/services/ports.ts';
import type { FeedChannel } from '../../src/types.ts';

/** Heads in memory. */
export function memoryHeadStore(
  heads = new Map<FeedChannel, Uint8Array>(),
  tags = new Map<FeedChannel, HeadTag>(),
): HeadStore {
  return {
    readTag: (channel) => Promise.resolve(tags.get(channel) ?? null),
    writeTag: (channel, tag) => {
      tags.set(channel, tag);
      return Promise.resolve();
    },
    read: (channel) => Promise.resolve(heads.get(channel)?.slice() ?? null),
    write: (channel, bytes) => {
      heads.set(channel, bytes.slice());
      return Promise.resolve();
    },
  };
}
