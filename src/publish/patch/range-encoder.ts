import type { BitCoder } from '../../bundle/patch-coder.ts';

/** The writing half of the range coder of patches; see `src/bundle/patch-coder.ts`. */
export class RangeEncoder implements BitCoder {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  #low = 0;
  #range = 0xffffffff;
  #held = 0;
  #heldCount = 1;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  code(one: number, bit: number): number {
    const bound = (this.#range >>> 16) * one;
    if (bit === 1) this.#range = bound;
    else {
      this.#low += bound;
      this.#range -= bound;
    }
    while (this.#range < 0x1000000) {
      this.#range = (this.#range << 8) >>> 0;
      this.#shift();
    }
    return bit;
  }

  /** Ends the stream and returns its bytes. */
  finish(): Uint8Array {
    for (let i = 0; i < 5; i++) this.#shift();
    return this.#bytes.subarray(0, this.#length);
  }

  // A byte is held back, with the 255s that follow it, as long as a carry may still reach it.
  #shift(): void {
    if (this.#low < 0xff000000 || this.#low > 0xffffffff) {
      const carry = this.#low > 0xffffffff ? 1 : 0;
      for (let byte = this.#held; this.#heldCount > 0; this.#heldCount--) {
        this.#put((byte + carry) & 255);
        byte = 255;
      }
      this.#held = Math.floor(this.#low / 0x1000000) & 255;
    }
    this.#heldCount++;
    this.#low = ((this.#low & 0x00ffffff) << 8) >>> 0;
  }

  #put(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(this.#length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length++] = byte;
  }
}
