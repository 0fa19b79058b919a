/**
 * The header of a tar member (POSIX.1-2024, pax: ustar interchange format): one block of 512 bytes.
 *
 * Invariant: only plain ustar is read. Other dialects (GNU, old Unix) and numbers in other notations are refused, not guessed at.
 */
import { UpdateError } from '../errors.ts';
import { quote } from './quote.ts';

/** The unit of an archive, bytes. */
export const TAR_BLOCK_BYTES = 512;

/** What a header says, as far as it is read here. */
export interface TarHeader {
  readonly name: string;
  /** `file`, or another type as it stands in the header: `2` for a symbolic link, `x` for an extended header. */
  readonly type: string;
  /** Bytes of the member's body. */
  readonly size: number;
}

/** Offset and length of each field that is read. */
const FIELDS = {
  name: [0, 100],
  size: [124, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  prefix: [345, 155],
} as const;

const MAGIC = 'ustar\u000000';
const REGULAR_FILE = '0';
const SPACE = 0x20;

/**
 * Reads a header.
 *
 * @param block - 512 bytes
 * @returns null for a block of zeros, which ends an archive
 * @throws UpdateError `BUNDLE_ARCHIVE_INVALID`
 */
export function parseTarHeader(block: Buffer): TarHeader | null {
  if (isZero(block)) return null;
  const field = (name: keyof typeof FIELDS): string => {
    const [at, length] = FIELDS[name];
    return block.toString('latin1', at, at + length);
  };
  if (field('magic') !== MAGIC) throw invalid(`a ustar header, found ${quote(field('magic'))}`);
  const sum = octal(field('checksum'), 'checksum');
  if (sum !== checksum(block))
    throw invalid(`a header with checksum ${String(checksum(block))}, found ${String(sum)}`);
  const [name, prefix] = [text(field('name')), text(field('prefix'))];
  const type = field('type');
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: type === REGULAR_FILE ? 'file' : type,
    size: octal(field('size'), 'size'),
  };
}

/** Whether there is nothing but zeros. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** The sum of all bytes, the checksum's own field taken as spaces. */
function checksum(block: Buffer): number {
  const [at, length] = FIELDS.checksum;
  return block.reduce((sum, byte, index) => sum + (index >= at && index < at + length ? SPACE : byte), 0);
}

/** A text field ends at its first NUL, or fills its place. */
function text(field: string): string {
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}

function octal(field: string, what: string): number {
  const digits = /^ *([0-7]+)[ \0]+$/.exec(field)?.[1];
  if (digits === undefined) throw invalid(`a ${what} in octal, found ${quote(field)}`);
  return Number.parseInt(digits, 8);
}

function invalid(expected: string): UpdateError {
  return new UpdateError('BUNDLE_ARCHIVE_INVALID', `archive: expected ${expected}`);
}
