import type { HeadStore } from '../../src/services/ports.ts';
import type { FeedChannel } from '../../src/types.ts';

/** Heads in memory. */
export function memoryHeadStore(heads = new Map<FeedChannel, Uint8Array>()): HeadStore {
  return {
    read: (channel) => Promise.resolve(heads.get(channel)?.slice() ?? null),
    write: (channel, bytes) => {
      heads.set(channel, bytes.slice());
      return Promise.resolve();
    },
  };
}
