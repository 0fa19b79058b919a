import { createHash, type Hash } from 'node:crypto';
import { UpdateError } from '../errors.ts';
import type { Ports } from './ports.ts';

/** What is written at once: chunks of a connection are 16 to 64 KiB. */
const BLOCK_BYTES = 1024 * 1024;
/** Bytes wait no longer than this for a block to fill up, ms: a slow download still shows, and loses little with the power. */
const FLUSH_MS = 250;
/** Progress is told at most so often, ms. */
const REPORT_MS = 100;

/** A partial file together with its hash. */
export interface Growing {
  /** Bytes taken so far, from earlier tries too. */
  readonly received: number;
  /** The strong entity tag of the file that they are of; null where it is not known. */
  readonly validator: string | null;
  /** Whether the bytes came by more than one answer, so that they may not be of one file. */
  readonly isMixed: boolean;
  /** Takes bytes; they may be written later. */
  add(chunk: Uint8Array): Promise<void>;
  /** Writes what was taken. */
  flush(): Promise<void>;
  /** Throws everything away, for bytes of the file that `validator` stands for. */
  restart(validator: string | null): Promise<void>;
  /** The bytes to come are another answer's than those that are there. */
  resume(): void;
  /** SHA-256 of all bytes, in hex. */
  digest(): string;
  close(): Promise<void>;
}

/** Hashes what an earlier try left, so that the rest can be hashed as it comes. */
async function hashOf(
  { downloads }: Pick<Ports, 'downloads'>,
  name: string,
  signal: AbortSignal,
): Promise<Hash> {
  const hash = createHash('sha256');
  const file = await downloads.read(name);
  try {
    const buffer = new Uint8Array(Math.min(BLOCK_BYTES, file.size));
    for (let at = 0; at < file.size;) {
      if (signal.aborted)
        throw new UpdateError('CANCELLED', 'the work was cancelled', { cause: signal.reason });
      const read = await file.read(buffer, at);
      if (read === 0) break;
      hash.update(buffer.subarray(0, read));
      at += read;
    }
    return hash;
  } finally {
    await file.close();
  }
}

/**
 * Opens a download that grows to `total` bytes, and hashes what is there. More than that is thrown away. It tells how far it is,
 * by what comes and never by a timer. Memory: one block, whatever the size.
 *
 * @param total - its size in the end, bytes
 * @throws UpdateError the codes of `Downloads`; `CANCELLED`
 */
export async function openGrowing(
  ports: Pick<Ports, 'downloads' | 'reporter' | 'clock'>,
  name: string,
  total: number,
  signal: AbortSignal,
): Promise<Growing> {
  const { downloads, reporter, clock } = ports;
  const file = await downloads.append(name);
  const block = new Uint8Array(Math.min(BLOCK_BYTES, total));
  let filled = 0;
  let received = file.size;
  let isMixed = received > 0;
  let hash = createHash('sha256');
  let flushedAt = clock.monotonic();
  let reportedAt = -Infinity;

  const report = (): void => {
    const now = clock.monotonic();
    if (received < total && now - reportedAt < REPORT_MS) return;
    reportedAt = now;
    reporter.report({ kind: 'download', received, total });
  };
  const flush = async (): Promise<void> => {
    flushedAt = clock.monotonic();
    if (filled === 0) return;
    const bytes = block.subarray(0, filled);
    filled = 0;
    hash.update(bytes);
    await file.append(bytes);
    report();
  };
  const restart = async (validator: string | null): Promise<void> => {
    await file.truncate(validator);
    filled = 0;
    received = 0;
    isMixed = false;
    hash = createHash('sha256');
  };

  try {
    if (received > total) await restart(null);
    else if (received > 0) {
      hash = await hashOf(ports, name, signal);
      reporter.report({ kind: 'download', received, total, resumed: true });
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    get received() {
      return received;
    },
    get validator() {
      return file.validator;
    },
    get isMixed() {
      return isMixed;
    },
    add: async (chunk) => {
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + block.length - filled);
        block.set(part, filled);
        filled += part.length;
        received += part.length;
        at += part.length;
        if (filled === block.length) await flush();
      }
      if (clock.monotonic() - flushedAt >= FLUSH_MS) await flush();
    },
    flush,
    restart,
    resume: () => {
      isMixed = true;
    },
    digest: () => hash.copy().digest('hex'),
    close: () => file.close(),
  };
}
