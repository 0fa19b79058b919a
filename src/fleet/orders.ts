/**
 * Signed orders: an operator, or a controller that operators trust, halts the rollout of a release or lets it go on.
 *
 * Invariants:
 * - An order is a compact JWS by ES256 with the type of orders, read by the one strict reader of this program (`bundle/jws.ts`). Its key
 *   is chosen by `kid` among the operators' keys, and by nothing in the document.
 * - An operators' key vouches for nothing: it is of another use than the keys of heads and bundles, and is in no trust set. All that it
 *   can do is hold updates back, or let go on what the publisher has signed.
 */
import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import { verifySmall } from '../bundle/jws.ts';
import { firstIssue } from '../bundle/quote.ts';
import { parseStrictJson } from '../bundle/strict-json.ts';
import { thumbprint } from '../bundle/trust-set.ts';
import type { TrustKey } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import { ORDER_MAX_BYTES, ORDER_TYPE, orderSchema, type OrderPayload } from './records.ts';

/** How far ahead of this host's clock a resume may have been signed, ms. */
const AHEAD_MS = 5 * 60_000;

/** RFC 7517 section 5; members of a key that say more (`kid`, `use`, `alg`) are passed over, a private one is refused. */
const jwksSchema = z.object({
  keys: z
    .array(
      z.object({
        kty: z.literal('EC'),
        crv: z.literal('P-256'),
        x: z.string(),
        y: z.string(),
        d: z.never('expected public keys only').optional(),
      }),
    )
    .min(1)
    .max(16),
});

/** The operators' keys of a product, by `kid`. */
export type OperatorKeys = ReadonlyMap<string, TrustKey>;

/**
 * Imports the operators' keys out of a JWKS: EC P-256 only.
 *
 * @param bytes - a JWK set (RFC 7517 section 5)
 * @param where - how messages name it
 * @throws UpdateError `CONFIG_INVALID`
 */
export function importOperatorKeys(bytes: Uint8Array, where: string): OperatorKeys {
  try {
    const parsed = jwksSchema.safeParse(parseStrictJson(bytes, 'a JWK set'));
    if (!parsed.success) throw new UpdateError('CONFIG_INVALID', firstIssue(parsed.error));
    return new Map(
      parsed.data.keys.map(({ kty, crv, x, y }) => {
        const jwk = { kty, crv, x, y };
        const kid = thumbprint(jwk);
        const key = createPublicKey({ format: 'jwk', key: jwk });
        return [kid, { kid, alg: 'ES256', use: 'order', audiences: [], notAfter: null, key }];
      }),
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UpdateError('CONFIG_INVALID', `${where}: expected a JWK set of EC P-256 public keys: ${why}`, {
      cause: error,
    });
  }
}

/** A verified order. */
export interface Order {
  readonly payload: OrderPayload;
  /** The operators' key that signed it. */
  readonly kid: string;
}

/** What an order is judged by. */
export interface OrderRule {
  readonly keys: OperatorKeys;
  readonly product: string;
  /** ms since 1970. */
  readonly now: number;
}

/**
 * Verifies an order: its signature first, then what it says.
 *
 * @param bytes - compact serialisation, nothing before or after it
 * @throws UpdateError `HALT_INVALID`, with the reason
 * @example
 * const { payload } = await verifyOrder(bytes, { keys, product: 'coresdk-sidecar', now: Date.now() });
 */
export async function verifyOrder(bytes: Uint8Array, { keys, product, now }: OrderRule): Promise<Order> {
  try {
    const trust = { product, development: false, keys };
    const { payload, key } = await verifySmall(bytes, {
      trust,
      typ: ORDER_TYPE,
      use: 'order',
      maxBytes: ORDER_MAX_BYTES,
    });
    const parsed = orderSchema.safeParse(parseStrictJson(payload, 'the order'));
    if (!parsed.success) throw new UpdateError('HALT_INVALID', firstIssue(parsed.error));
    const order = parsed.data;
    if (order.aud !== product)
      throw new UpdateError('HALT_INVALID', `expected an order for ${product}, found one for ${order.aud}`);
    // A halt holds whatever the clocks say: a host whose own is behind would else install what was halted.
    if (order.action === 'resume' && order.iat * 1000 > now + AHEAD_MS)
      throw new UpdateError(
        'HALT_INVALID',
        `expected a resume that was signed by now, found one of ${new Date(order.iat * 1000).toISOString()}`,
      );
    return { payload: order, kid: key.kid };
  } catch (error) {
    const { message } = UpdateError.from(error);
    throw new UpdateError('HALT_INVALID', message, { cause: error });
  }
}

/** What signs an order: a key of the publisher's tools has this shape (`Signer`). */
export interface OrderSigner {
  readonly kid: string;
  readonly alg: 'RS256' | 'ES256';
  signSmall(payload: Uint8Array, typ: string): Promise<string>;
}

/**
 * Signs an order.
 *
 * @throws UpdateError `SIGNING_FAILED` for a key of another kind, or an order that hosts would refuse
 */
export async function signOrder(order: OrderPayload, signer: OrderSigner): Promise<Uint8Array> {
  if (signer.alg !== 'ES256')
    throw new UpdateError(
      'SIGNING_FAILED',
      `expected an EC P-256 key (ES256) for orders, found ${signer.alg}`,
    );
  const parsed = orderSchema.safeParse(order);
  if (!parsed.success) throw new UpdateError('SIGNING_FAILED', `order: ${firstIssue(parsed.error)}`);
  const bytes = Buffer.from(
    await signer.signSmall(Buffer.from(JSON.stringify(parsed.data)), ORDER_TYPE),
    'latin1',
  );
  if (bytes.byteLength > ORDER_MAX_BYTES)
    throw new UpdateError(
      'SIGNING_FAILED',
      `expected an order of at most ${String(ORDER_MAX_BYTES)} bytes, found ${String(bytes.byteLength)}`,
    );
  return bytes;
}
