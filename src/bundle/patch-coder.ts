/**
 * The range coder of patches: the interface that both halves share, and the reading half.
 *
 * Invariants: the decoder takes at most {@link MAX_BYTES_PER_BIT} bytes for one bit; past the end of its input it reads zeros and
 * counts them; nothing that it reads decides what it allocates. It reads exactly as many bytes as the encoder wrote.
 *
 * Source: the binary range coder of LZMA (I. Pavlov, “LZMA specification”), with probabilities of 16 bits.
 */

/** Codes one bit after another: the encoder takes `bit` and gives it back, the decoder ignores it and gives what it reads. */
export interface BitCoder {
  /**
   * @param one - how likely the bit is 1, in parts of 65536, from 24 to 65512
   * @param bit - 0 or 1
   */
  code(one: number, bit: number): number;
}

/** The most input that one bit takes, in bytes. */
export const MAX_BYTES_PER_BIT = 2;

/** Bytes before the first bit. */
export const CODER_HEAD = 5;

/** Reads bits out of bytes that arrive piece by piece. */
export class RangeDecoder implements BitCoder {
  #bytes: Uint8Array;
  #at = 0;
  #end = 0;
  #range = 0xffffffff;
  #value = 0;
  #missing = 0;

  /** @param room - bytes of input that it can hold at first */
  constructor(room: number) {
    this.#bytes = new Uint8Array(room);
  }

  /** Bytes that were given and not read yet. */
  get buffered(): number {
    return this.#end - this.#at;
  }

  /** Bytes that were read past the end of what was given. */
  get missing(): number {
    return this.#missing;
  }

  /** Adds input. */
  give(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) {
      const left = this.buffered;
      const from = this.#bytes.subarray(this.#at, this.#end);
      if (left + bytes.length > this.#bytes.length) {
        const grown = new Uint8Array(2 * (left + bytes.length));
        grown.set(from);
        this.#bytes = grown;
      } else this.#bytes.copyWithin(0, this.#at, this.#end);
      this.#at = 0;
      this.#end = left;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Takes one byte as it is; only before {@link begin}. */
  take(): number {
    return this.#next();
  }

  /** Reads the first {@link CODER_HEAD} bytes; called once, when they were given. */
  begin(): void {
    for (let i = 0; i < CODER_HEAD; i++) this.#value = ((this.#value << 8) | this.#next()) >>> 0;
  }

  code(one: number): number {
    const bound = (this.#range >>> 16) * one;
    let bit = 0;
    if (this.#value < bound) {
      this.#range = bound;
      bit = 1;
    } else {
      this.#value -= bound;
      this.#range -= bound;
    }
    while (this.#range < 0x1000000) {
      this.#range = (this.#range << 8) >>> 0;
      this.#value = ((this.#value << 8) | this.#next()) >>> 0;
    }
    return bit;
  }

  #next(): number {
    if (this.#at < this.#end) return this.#bytes[this.#at++] ?? 0;
    this.#missing++;
    return 0;
  }
}
