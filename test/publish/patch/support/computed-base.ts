/** Bytes that follow from their position. */
export function fillBase(buffer: Uint8Array, position: number): void {
  for (let i = 0; i < buffer.length; i++) {
    const at = position + i;
    buffer[i] = (Math.imul(at, 0x9e3779b1) >>> 24) ^ (at >> 12);
  }
}
