import { UpdateError } from '../../src/errors.ts';
import type { Quarantine, QuarantineEntry } from '../../src/services/ports.ts';

/** A quarantine in memory. */
export function memoryQuarantine(entries = new Map<string, QuarantineEntry>()): Quarantine {
  return {
    list: () => Promise.resolve([...entries.values()].sort((a, b) => b.at - a.at)),
    get: (digest) => Promise.resolve(entries.get(digest) ?? null),
    add: (entry) => {
      if (!/^[0-9a-f]{64}$/.test(entry.digest))
        return Promise.reject(
          new UpdateError('QUARANTINE_FAILED', `expected 64 hex digits, found ${entry.digest}`),
        );
      if (!entries.has(entry.digest)) entries.set(entry.digest, entry);
      return Promise.resolve();
    },
    clear: (digest) => Promise.resolve(entries.delete(digest)),
  };
}
