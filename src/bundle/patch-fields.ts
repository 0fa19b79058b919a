/**
 * Finds the fields of instructions that hold addresses, by the bytes around them. It need not be right: a field that is none, or one
 * that is missed, costs some bytes of the patch. Both ends have to agree, so this is a part of the format.
 *
 * Sources: Intel SDM vol. 2 (opcode maps, RIP-relative addressing); Arm ARM for A-profile, C4.1 (encoding index).
 */

/** What a byte may be when it stands right before an address in x86-64 code. */
const RELATIVE = 1;
const CONDITIONAL = 2;
const MODRM = 3;
const ABSOLUTE = 4;
const BEFORE = new Uint8Array(256);
BEFORE[0xe8] = BEFORE[0xe9] = RELATIVE;
for (let condition = 0; condition < 16; condition++) BEFORE[0x80 | condition] = CONDITIONAL;
for (let register = 0; register < 8; register++) {
  BEFORE[0x05 | (register << 3)] = MODRM;
  BEFORE[0xb8 | register] = ABSOLUTE;
}

/** Opcodes that are common with an operand relative to RIP; the value is 1 more than the bytes of the immediate that follows. */
const OPCODES = new Uint8Array(256);
for (const row of [0x00, 0x08, 0x20, 0x28, 0x30, 0x38]) OPCODES.fill(1, row, row + 4);
for (const opcode of [0x63, 0xfe, 0xff, 0xf6, 0xf7]) OPCODES[opcode] = 1;
OPCODES.fill(1, 0x84, 0x8c).fill(1, 0xd8, 0xe0);
OPCODES[0x8d] = 1;
for (const opcode of [0x6b, 0x80, 0x83, 0xc0, 0xc1, 0xc6]) OPCODES[opcode] = 2;
for (const opcode of [0x69, 0x81, 0xc7]) OPCODES[opcode] = 5;

/** Two-byte opcodes (after 0F) that are followed by an immediate of one byte. */
const WIDE_IMMEDIATE = new Uint8Array(256);
for (const opcode of [0x70, 0xa4, 0xac, 0xba, 0xc2, 0xc6]) WIDE_IMMEDIATE[opcode] = 1;

/** The kinds of fields; 0 is none. */
export const KIND = { call: 1, jump: 2, conditional: 3, operand: 4, absolute: 5 } as const;
const { call, jump, conditional, operand, absolute } = KIND;

/**
 * Whether four bytes of x86-64 code look like an address.
 *
 * @param bytes - with three bytes before `at`
 * @returns 0, or the {@link KIND}, and 8 times the bytes between the field and the next instruction
 */
export function x86Field(bytes: Uint8Array, at: number): number {
  const before = BEFORE[bytes[at - 1] ?? 0] ?? 0;
  if (before === 0) return 0;
  const second = bytes[at - 2] ?? 0;
  if (before === RELATIVE) return bytes[at - 1] === 0xe8 ? call : jump;
  if (before === CONDITIONAL) return second === 0x0f ? conditional : 0;
  if (before === ABSOLUTE) return absolute;
  if (bytes[at - 3] === 0x0f) return operand + 8 * (WIDE_IMMEDIATE[second] ?? 0);
  const opcode = OPCODES[second] ?? 0;
  return opcode === 0 ? 0 : operand + 8 * (opcode - 1);
}

/** Bytes before and after a place that {@link ArmFields} looks at. */
export const ARM_REACH = 32;

/** What an instruction of arm64 does with an address. */
export const ARM = { none: 0, branch: 1, page: 2, low: 3 } as const;

/** What kind of address an arm64 instruction holds. */
export function armKind(word: number): number {
  if ((word & 0x7c000000) === 0x14000000) return ARM.branch;
  if ((word & 0x9f000000) === (0x90000000 | 0)) return ARM.page;
  // ADD (64 bits, immediate, not shifted), and loads and stores with an unsigned offset
  if ((word & 0xffc00000) === (0x91000000 | 0) || (word & 0x3b000000) === 0x39000000) return ARM.low;
  return ARM.none;
}

/** The address, less that of the instruction, that a B or BL goes to. */
export function branchTarget(word: number): number {
  return (word << 6) >> 4;
}

/** The distance in bytes between the pages of an ADRP and of what it names. */
export function pageDistance(word: number): number {
  return ((((word << 8) >> 13) << 2) | ((word >>> 29) & 3)) << 12;
}

/** How many bits the immediate of a {@link ARM.low} is scaled by. */
export function lowScale(word: number): number {
  if ((word & 0x3b000000) !== 0x39000000) return 0;
  const vector128 = (word & 0x04800000) === 0x04800000 && word >>> 30 === 0;
  return vector128 ? 4 : word >>> 30;
}

/** The lower 12 bits of the address that a {@link ARM.low} names. */
export function lowBits(word: number): number {
  return (((word >>> 10) & 0xfff) << lowScale(word)) & 0xfff;
}

/** Four bytes, little-endian, as a signed number. */
export function read32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

/** The inverse of {@link read32}; upper bits are cut off. */
export function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}
