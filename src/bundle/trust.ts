import { z } from 'zod';

/**
 * The trust set: the public keys that a program is built with. Each key is bound to one algorithm, one use and its
 * audiences; the key, never a document's header, decides the algorithm.
 */

const jwk = z.union([
  z.strictObject({ kty: z.literal('RSA'), n: z.string(), e: z.string() }),
  z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string() }),
]);

/** One key of a trust set, as it stands in a trust file. */
export const trustKeySchema = z.strictObject({
  /** RFC 7638 thumbprint (SHA-256, base64url) of `jwk`. */
  kid: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected an RFC 7638 thumbprint'),
  alg: z.enum(['RS256', 'ES256']),
  use: z.enum(['bundle', 'head']),
  audiences: z
    .array(z.enum(['stable', 'edge', 'airgap']))
    .min(1)
    .max(2),
  /** After this instant nothing new that it signed is accepted. */
  not_after: z.iso.datetime().optional(),
  jwk,
});

/** A trust file: what `core keys generate` writes and `npm run build -- --trust FILE` embeds. */
export const trustSetSchema = z.strictObject({
  schema: z.literal(1),
  product: z.string().min(1).max(64),
  /** True for throw-away keys; shown loudly wherever the program names itself. */
  development: z.boolean().optional(),
  keys: z.array(trustKeySchema).min(1).max(64),
});

/** A trust file's content; checked key by key by `importTrustSet`. */
export type TrustFile = z.infer<typeof trustSetSchema>;

/** One key, imported and checked. */
export interface TrustKey {
  readonly kid: string;
  readonly alg: 'RS256' | 'ES256';
  /** `order` is of the fleet's operators; no trust set holds one. */
  readonly use: 'bundle' | 'head' | 'order';
  readonly audiences: readonly ('stable' | 'edge' | 'airgap')[];
  /** ms since 1970; null for no end. */
  readonly notAfter: number | null;
  readonly key: import('node:crypto').KeyObject;
}

/** The keys of a program, by `kid`. Immutable. */
export interface TrustSet {
  readonly product: string;
  readonly development: boolean;
  readonly keys: ReadonlyMap<string, TrustKey>;
}
