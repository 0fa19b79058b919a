import type { ErrorCode } from '../../../src/error-codes.ts';

/** The checks that attacks run into: one sentence each, as it stands in `docs/security.md`. */
export const DEFENCES = {
  algorithm: 'The key, never the header, decides the algorithm (RFC 8725 section 3.1).',
  header:
    'The protected header is exactly `alg`, `kid` and `typ`, in strict JSON of at most 1024 characters.',
  keyring:
    'Keys come only out of the program, by RFC 7638 thumbprint; a document brings none and names no address.',
  binding: 'Each key is bound to one use and its audiences, each document type to its `typ`.',
  canonical: 'One spelling only: canonical base64url, three parts, nothing before or after.',
  signature:
    'The signature is judged over the raw bytes, by one function, before anything in the payload is read.',
  length: 'A signature has exactly the length of its key’s signatures.',
  json: 'Signed JSON has one reading: UTF-8, no BOM, no duplicate member, no lone surrogate, at most 32 deep.',
  schema: 'Schemas are strict: an unknown member or a value out of range is refused.',
  order: '`epoch` and `seq` never go back; the same place with other bytes is reported.',
  dates: 'A head lives at most 14 days, and its dates are judged by the host’s clock and the time floor.',
  floor: 'The version floor, `min_version` and `blocked` are kept as signed bytes and hold after expiry.',
  named: 'The head names size, SHA-256, version and release digest of the bundle; all four must be right.',
  fit: 'Product, platform, channel and audience of head, key, manifest and host must agree.',
  caps: 'Every size has a cap before work is done: the head by channel, the bundle by its head.',
  stall: 'A transfer must bring 1 KiB in each 30 s, or it is given up.',
  origin:
    'Redirects are errors; paths are plain segments below the feed; a document causes no other request.',
  bake: 'A stable release proves its 7 days on edge by the edge head itself, under a key of its own.',
  archive: 'The archive is exactly the manifest, then its files as plain members in their order, then zeros.',
  paths: 'Paths are plain relative segments, unique whatever their case; nothing is ever a link or a device.',
  content: 'Bytes are counted and hashed as they are decoded, and cut off at the size in the manifest.',
  base: 'A base is found by its release digest, which the head must name too; only files of its manifest are opened.',
  delta:
    'What a delta gives is counted, cut off and hashed like any file; when it fails, the full bundle is taken.',
  space: 'The unpacked size is checked against the free space before the first byte is written.',
  keys: 'RSA has 2048 to 8192 bits, e = 65537 and no ROCA fingerprint; EC is a point on P-256; else no start.',
  state:
    'The state directory is a real folder, 0700, of the daemon’s user; what others could write is refused.',
  config: 'A configuration that others may write is refused with the reason; no key can come from it.',
  socket: 'The control socket is 0600.',
  file: 'A bundle file must be a regular file; it is copied to a private place before it is verified.',
  again: 'Every file is hashed again after staging and right before the swap.',
} as const;

/** The name of a defence. */
export type Defence = keyof typeof DEFENCES;

/** What is told of every attack: a row of the table in `docs/security.md`. */
export interface AttackRow {
  /** The attack in plain words; the title of its test. */
  readonly name: string;
  /** The code that it must end with. */
  readonly code: ErrorCode;
  readonly defence: Defence;
}
