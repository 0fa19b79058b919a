/**
 * Blocks that were seen once, so that a second reading can tell whether they are still the same.
 *
 * Invariant: who does not know the key, which never leaves this process and is made anew for each bundle, cannot make another block
 * that passes. So a writer between two readings gains nothing: a guess is right once in 2^112 for a block of 1 MiB, and the first
 * wrong one ends the attempt.
 *
 * Each block's tag is a GMAC (NIST SP 800-38D, section 3) under AES-128, with the block's index as its nonce, since GMAC needs
 * another for each. It costs a quarter of a SHA-256; see docs/decisions/0009-verify-on-two-threads.md.
 */
import { createCipheriv, randomBytes } from 'node:crypto';

const KEY_BYTES = 16;
const NONCE_BYTES = 12;

/** What is kept of the blocks of a file. */
export interface SeenBlocks {
  /** How many blocks were seen. */
  readonly count: number;
  /** Whether a block is what was seen under this index. */
  same(index: number, block: Uint8Array): boolean;
}

/**
 * Keeps 16 bytes of each block that it is shown.
 *
 * @example
 * const seen = watchBlocks();
 * seen.see(block); // the first, index 0
 * seen.same(0, block); // true
 */
export function watchBlocks(): SeenBlocks & {
  /** The next block, in order. */
  see(block: Uint8Array): void;
} {
  const key = randomBytes(KEY_BYTES);
  const tags: Buffer[] = [];
  const tagOf = (index: number, block: Uint8Array): Buffer => {
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeUInt32BE(index, NONCE_BYTES - 4);
    const mac = createCipheriv('aes-128-gcm', key, nonce);
    mac.setAAD(block);
    mac.final();
    return mac.getAuthTag();
  };
  return {
    get count() {
      return tags.length;
    },
    see: (block) => void tags.push(tagOf(tags.length, block)),
    same: (index, block) => tags[index]?.equals(tagOf(index, block)) ?? false,
  };
}
