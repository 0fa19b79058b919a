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
  /** Delta only: the release digest of its base. */
  base: sha256.optional(),
});

const targetSchema = z.strictObject({
  ...platformSchema.shape,
  release_digest: sha256,
  bundles: z
    .array(headBundleSchema)
    .min(1)
    .max(64)
    .refine(
      (bundles) => bundles.filter(({ base }) => base === undefined).length === 1,
      'expected one full bundle, and deltas beside it',
    ),
});

const onePlatformEach = (targets: readonly z.infer<typeof targetSchema>[]): boolean =>
  new Set(targets.map(({ os, arch, libc }) => `${os}/${arch}/${libc ?? ''}`)).size === targets.length;

const targetsSchema = z
  .array(targetSchema)
  .min(1)
  .max(64)
  .refine(onePlatformEach, 'expected one target a platform');

/** A release that an updater older than it must install before the newest one (keys change between the two). */
const stepSchema = z.strictObject({ version: versionSchema, targets: targetsSchema });

/** How a release reaches hosts bit by bit; evaluated on each host, with no server. */
const lineShape = {
  /** When the first host may take it. */
  start: numericDate,
  /** Seconds over which the share of hosts grows from none to all. */
  duration: z
    .int()
    .min(1)
    .max(90 * 24 * 3600)
    .optional(),
  /** A fixed share of hosts instead, 0 to 100. */
  percent: z.number().min(0).max(100).optional(),
};

const eitherKind = ({ duration, percent }: { duration?: unknown; percent?: unknown }): boolean =>
  (duration === undefined) !== (percent === undefined);
const EITHER = { message: 'expected either duration or percent' };

/** The most groups that a rollout may name. */
export const ROLLOUT_MAX_GROUPS = 32;

/** The rollout of a head: the line of every host, but for those of the groups that have one of their own. */
const rolloutSchema = z
  .strictObject({
    ...lineShape,
    groups: z
      .record(
        z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/, 'expected the name of a group'),
        z.strictObject(lineShape).refine(eitherKind, EITHER),
      )
      .refine(
        (groups) => {
          const { length } = Object.keys(groups);
          return length >= 1 && length <= ROLLOUT_MAX_GROUPS;
        },
        `expected 1 to ${String(ROLLOUT_MAX_GROUPS)} groups`,
      )
      .optional(),
  })
  .refine(eitherKind, EITHER);

/** Publishes a stable release before its bake is over. Honoured only where the operator allows it. */
const securitySchema = z.strictObject({ reason: z.string().min(1).max(1024), at: numericDate });

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
    targets: targetsSchema,
    steps: z.array(stepSchema).max(8).optional(),
    rollout: rolloutSchema.optional(),
    /** Stable only: the complete edge head that first named this release, as it was published. */
    bake: z.string().max(HEAD_MAX_BYTES.edge).optional(),
    /** Stable only. */
    security: securitySchema.optional(),
  })
  .superRefine((head, context) => {
    if (head.exp <= head.iat || head.exp - head.iat > HEAD_MAX_LIFETIME_S)
      context.addIssue({
        code: 'custom',
        path: ['exp'],
        message: 'expected after iat, and at most 14 days on',
      });
    if (head.sub !== 'stable')
      for (const member of ['bake', 'security'] as const)
        if (head[member] !== undefined)
          context.addIssue({ code: 'custom', path: [member], message: 'expected on stable only' });
  });

/** A verified channel head. */
export type Head = z.infer<typeof headSchema>;

/** One platform's part of a head. */
export type HeadTarget = Head['targets'][number];

/** A release on the way to the newest one. */
export type HeadStep = z.infer<typeof stepSchema>;

/** The rollout of a head. */
export type HeadRollout = z.infer<typeof rolloutSchema>;

/** How a release reaches the hosts of one group, or those of none that is named. */
export type RolloutLine = Omit<HeadRollout, 'groups'>;
