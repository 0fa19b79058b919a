import { z } from 'zod';
import { platformSchema, versionSchema } from './manifest.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');
/** Seconds since 1970, as in RFC 7519 (NumericDate), whole. */
const numericDate = z.int().min(0).max(253_402_300_799);

/** The longest that a head may live: 14 days, in seconds. */
export const HEAD_MAX_LIFETIME_S = 14 * 24 * 3600;

/** The most bytes that a head may have. */
export const HEAD_MAX_BYTES = { edge: 64 * 1024, stable: 256 * 1024 } as const;

const feedPath = z
  .string()
  .max(255)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._+@-]*(\/[A-Za-z0-9_][A-Za-z0-9._+@-]*)*$/,
    'expected a plain relative path',
  );

const headBundleSchema = z.strictObject({
  path: feedPath,
  size: z
    .int()
    .min(1)
    .max(8 * 1024 ** 3),
  sha256,
});

const targetSchema = z.strictObject({
  ...platformSchema.shape,
  release_digest: sha256,
  bundles: z.array(headBundleSchema).min(1).max(64),
});

/**
 * The channel head (claims as in RFC 7519). Strict: a member that this program does not know is refused, so that a
 * feed which holds a release back by a newer rule is never misread as offering it to everyone.
 */
export const headSchema = z
  .strictObject({
    iss: z.string().min(1).max(255),
    aud: z.string().min(1).max(64),
    sub: z.enum(['stable', 'edge']),
    iat: numericDate,
    nbf: numericDate,
    exp: numericDate,
    jti: z.string().min(1).max(64),
    epoch: z.int().min(0),
    seq: z.int().min(0),
    version: versionSchema,
    min_version: versionSchema.optional(),
    blocked: z.array(versionSchema).max(256).optional(),
    targets: z.array(targetSchema).min(1).max(64),
  })
  .superRefine((head, context) => {
    if (head.exp <= head.iat || head.exp - head.iat > HEAD_MAX_LIFETIME_S)
      context.addIssue({
        code: 'custom',
        path: ['exp'],
        message: 'expected after iat, and at most 14 days on',
      });
    const platforms = head.targets.map(({ os, arch, libc }) => `${os}/${arch}/${libc ?? ''}`);
    if (new Set(platforms).size !== platforms.length)
      context.addIssue({ code: 'custom', path: ['targets'], message: 'expected one target a platform' });
  });

/** A verified channel head. */
export type Head = z.infer<typeof headSchema>;

/** One platform's part of a head. */
export type HeadTarget = Head['targets'][number];
