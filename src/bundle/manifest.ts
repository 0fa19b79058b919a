import { createHash } from 'node:crypto';
import { z } from 'zod';
import semver from 'semver';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');

/** A version in strict SemVer 2.0.0, without build metadata (which has no order). */
export const versionSchema = z
  .string()
  .max(64)
  .refine((value) => semver.valid(value) === value, 'expected a SemVer version such as 1.2.3 or 1.3.0-rc.1');

/** A relative path of plain segments: no `..`, no empty segment, no leading dot or dash, at most 100 bytes (POSIX tar). */
export const pathSchema = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._+@-]*(\/[A-Za-z0-9_][A-Za-z0-9._+@-]*)*$/,
    'expected a plain relative path',
  )
  .refine((path) => path.toLowerCase() !== 'manifest.json', 'manifest.json is the manifest itself');

const platformMembers = {
  os: z.enum(['linux', 'darwin']),
  arch: z.enum(['x64', 'arm64']),
  libc: z.enum(['glibc', 'musl']).optional(),
};
/** The platform of a bundle: `process.platform`, `process.arch`, and the C library where it matters. */
export const platformSchema = z.strictObject(platformMembers);

const fileMembers = {
  path: pathSchema,
  mode: z.literal([0o644, 0o755]),
  /** Bytes once decoded. */
  size: z
    .int()
    .min(0)
    .max(8 * 1024 ** 3),
  /** SHA-256 once decoded. */
  sha256,
  /**
   * How the member is stored: `zstd`, the whole file compressed; `patch`, what it differs in from a file of the base; `same`, nothing
   * at all, since it is a file of the base.
   */
  encoding: z.enum(['zstd', 'patch', 'same']),
  /** The base's file for `patch` and `same`; the same path unless told. */
  base_path: pathSchema.optional(),
  /** Bytes as they stand in the archive. */
  stored_size: z
    .int()
    .min(0)
    .max(8 * 1024 ** 3),
};

const baseMembers = { version: versionSchema, release_digest: sha256 };
const members = {
  schema: z.literal(1),
  product: z.string().min(1).max(64),
  version: versionSchema,
  audience: z.union([z.tuple([z.literal('stable'), z.literal('edge')]), z.tuple([z.literal('airgap')])]),
  platform: platformSchema,
  created_at: z.iso.datetime(),
  /** The workload's program; absent where the release carries the daemon alone. */
  entrypoint: pathSchema.optional(),
  /** The daemon's program, which may be the same file; absent where the release carries the workload alone. */
  daemon: pathSchema.optional(),
  /** Delta only: the release that its files are made from. */
  base: z.strictObject(baseMembers).optional(),
  min_updater: versionSchema.optional(),
  rollback_safe_to: versionSchema.optional(),
  notes: z.string().max(16_384).optional(),
};

const filesOf = <T extends z.ZodType>(file: T): z.ZodArray<T> => z.array(file).min(1).max(4096);
const shape = z.strictObject({ ...members, files: filesOf(z.strictObject(fileMembers)) });

/** What no type says: paths that differ, encodings that fit, programs that are there. */
function rules(manifest: z.infer<typeof shape>, context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const { path } of manifest.files) {
    const folded = path.toLowerCase();
    if (seen.has(folded))
      context.addIssue({ code: 'custom', path: ['files'], message: `duplicate path ${path}` });
    seen.add(folded);
  }
  for (const path of seen) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      if (seen.has(path.slice(0, at)))
        context.addIssue({
          code: 'custom',
          path: ['files'],
          message: `${path.slice(0, at)} is a file and a folder`,
        });
    }
  }
  for (const [index, { encoding, base_path: basePath, stored_size: stored }] of manifest.files.entries()) {
    const fault =
      encoding === 'zstd'
        ? basePath !== undefined && 'expected no base_path for a whole file'
        : manifest.base === undefined
          ? `expected a base for encoding ${encoding}`
          : encoding === 'same' && stored !== 0 && 'expected stored_size 0 for encoding same';
    if (fault !== false) context.addIssue({ code: 'custom', path: ['files', index], message: fault });
  }
  if (manifest.entrypoint === undefined && manifest.daemon === undefined)
    context.addIssue({
      code: 'custom',
      path: ['entrypoint'],
      message: 'expected a workload (entrypoint), a daemon, or both',
    });
  for (const role of ['entrypoint', 'daemon'] as const) {
    const program = manifest[role];
    if (program === undefined) continue;
    if (manifest.files.find(({ path }) => path === program)?.mode !== 0o755)
      context.addIssue({
        code: 'custom',
        path: [role],
        message: 'expected one of the files, with mode 0755',
      });
  }
}

/** The manifest: the first member of a bundle's archive. Strict: an unknown member is refused, so that it fails closed. */
export const manifestSchema = shape.superRefine(rules);

/** A manifest as it was stored once it was verified, perhaps by a newer daemon: members that are not known are passed over. */
export const storedManifestSchema = z
  .object({
    ...members,
    platform: z.object(platformMembers),
    base: z.object(baseMembers).optional(),
    files: filesOf(z.object(fileMembers)),
  })
  .superRefine(rules);

/** A verified manifest. */
export type Manifest = z.infer<typeof manifestSchema>;

/** The paths of the programs that a release carries: the workload's, the daemon's; once where they are the same file. */
export function programsOf({ entrypoint, daemon }: Pick<Manifest, 'entrypoint' | 'daemon'>): string[] {
  return [...new Set([entrypoint, daemon])].filter((path) => path !== undefined);
}

/** One file of a manifest. */
export type ManifestFile = Manifest['files'][number];

/**
 * The release digest: SHA-256 over one line `path NUL mode NUL size NUL sha256 LF` a file, sorted by path (bytes). It is
 * the same for a full bundle and for every delta to the same release, whatever their encodings.
 *
 * @param files - the files of a manifest, in any order; `mode` is written in octal
 * @returns 64 hex digits
 */
export function releaseDigest(
  files: readonly Pick<ManifestFile, 'path' | 'mode' | 'size' | 'sha256'>[],
): string {
  const hash = createHash('sha256');
  const sorted = [...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  for (const { path, mode, size, sha256: sum } of sorted)
    hash.update(`${path}\0${mode.toString(8)}\0${String(size)}\0${sum}\n`);
  return hash.digest('hex');
}
