/**
 * Which error codes each service of the update machine may reject with. The states carry it as `meta.rejects`, so that the
 * tests which are made from the machine (`src/statechart/plans`) make one for every code.
 *
 * Invariants:
 * - A code stands here if and only if its service can reject with it while its state lasts: the tests fail when a service
 *   rejects with a code that is not listed, and when a code of the table is neither here nor in their list of exceptions.
 * - `CANCELLED` is not listed: every service rejects with it once its state is left, and then nobody listens any more.
 * - `INTERNAL` is what the one door makes of anything that is no `UpdateError`: a fault of the program, or of an adapter that
 *   breaks its port. Only `rollback` and `quarantine` turn even that into a code of their own.
 */
import type { ErrorCode } from '../error-codes.ts';
import type { StepName } from '../steps.ts';

/** The intent of the state could not be written; only where it must be (`DOORS` in `src/services/index.ts`). */
const INTENT = ['JOURNAL_WRITE_FAILED'] as const;

/** What the disk says wherever the state directory is read or written. */
const DISK = ['STATE_DIR_UNUSABLE', 'DISK_FULL'] as const;

/** What a signed document is refused for before anything in it is believed. */
const SIGNED = [
  'JWS_MALFORMED',
  'JWS_HEADER_INVALID',
  'JWS_TYPE_MISMATCH',
  'JWS_KEY_UNKNOWN',
  'JWS_KEY_NOT_ALLOWED',
  'JWS_ALGORITHM_MISMATCH',
  'JWS_SIGNATURE_INVALID',
  'JWS_TOO_LARGE',
  'JSON_INVALID',
] as const;

/** What a feed that is away, or wrong for now, is told by. */
const FEED_AWAY = [
  'FEED_UNREACHABLE',
  'FEED_REFUSED',
  'FEED_REDIRECTED',
  'FEED_STALLED',
  'DOWNLOAD_TRUNCATED',
] as const;

/** What a head is refused for that arrived whole. */
const HEAD = [
  ...SIGNED,
  'FEED_PATH_INVALID',
  'HEAD_INVALID',
  'HEAD_WRONG_CHANNEL',
  'HEAD_EXPIRED',
  'HEAD_FROM_FUTURE',
  'HEAD_EQUIVOCATION',
  'CLOCK_BEHIND',
] as const;

const BAKE = ['BAKE_MISSING', 'BAKE_INVALID', 'BAKE_TOO_SHORT'] as const;

/** Every code of every service. */
export const UPDATE_ERRORS = {
  recover: [
    'STATE_DIR_UNUSABLE',
    // The record of a survivor, and what it names.
    'WORKLOAD_STOP_FAILED',
    'WORKLOAD_SPAWN_FAILED',
    'JOURNAL_DAMAGED',
    'INTERNAL',
  ],
  schedule: ['INTERNAL'],
  watch: [...DISK, 'COMMIT_FAILED', 'VERSION_NOT_FOUND', 'INTERNAL'],
  check: [
    ...INTENT,
    ...DISK,
    ...FEED_AWAY,
    ...HEAD,
    ...BAKE,
    'FEED_NOT_CONFIGURED',
    'MANUAL_CHANNEL',
    'HEAD_STALE',
    'NO_TARGET',
    'UPDATER_TOO_OLD',
    'JOURNAL_DAMAGED',
    'INTERNAL',
  ],
  download: [
    ...INTENT,
    ...DISK,
    ...FEED_AWAY,
    'FEED_PATH_INVALID',
    'DOWNLOAD_TOO_LARGE',
    'BUNDLE_NOT_FOUND',
    'BUNDLE_CHANGED',
    'INTERNAL',
  ],
  verify: [
    ...INTENT,
    ...DISK,
    ...SIGNED,
    ...BAKE,
    'CLOCK_BEHIND',
    'BUNDLE_NOT_FOUND',
    'BUNDLE_CHANGED',
    'BUNDLE_NOT_NAMED',
    'MANIFEST_INVALID',
    'BUNDLE_ARCHIVE_INVALID',
    'BUNDLE_CHECKSUM_MISMATCH',
    'DELTA_BASE_MISSING',
    'DELTA_FAILED',
    'WRONG_PRODUCT',
    'WRONG_PLATFORM',
    'WRONG_AUDIENCE',
    'UPDATER_TOO_OLD',
    'VERSION_TOO_LOW',
    'VERSION_BLOCKED',
    'RELEASE_QUARANTINED',
    'INTERNAL',
  ],
  stage: [...INTENT, ...DISK, 'STAGE_FAILED', 'STAGE_NOT_EXECUTABLE', 'BUNDLE_CHANGED', 'INTERNAL'],
  gate: [
    ...INTENT,
    ...DISK,
    ...HEAD,
    ...BAKE,
    'GATE_CLOSED',
    'LEASE_HELD',
    'FLEET_UNREACHABLE',
    'HOOK_DEFERRED',
    'HOOK_FAILED',
    'NO_TARGET',
    'UPDATER_TOO_OLD',
    'JOURNAL_DAMAGED',
    'VERSION_DAMAGED',
    'VERSION_NOT_FOUND',
    'INTERNAL',
  ],
  swap: [
    ...INTENT,
    ...DISK,
    'WORKLOAD_STOP_FAILED',
    'PROBE_ADDRESS_TAKEN',
    'STAGE_FAILED',
    'VERSION_DAMAGED',
    'VERSION_NOT_FOUND',
    'LISTEN_FAILED',
    'WORKLOAD_START_FAILED',
    'WORKLOAD_SPAWN_FAILED',
    'INTERNAL',
  ],
  overlap: [
    ...INTENT,
    ...DISK,
    'PROBE_TIMEOUT',
    'PROBE_EXITED',
    'LISTEN_FAILED',
    'VERSION_DAMAGED',
    'VERSION_NOT_FOUND',
    'WORKLOAD_START_FAILED',
    'WORKLOAD_SPAWN_FAILED',
    'INTERNAL',
  ],
  drain: [...INTENT, ...DISK, 'WORKLOAD_STOP_FAILED', 'STAGE_FAILED', 'PROBE_EXITED', 'INTERNAL'],
  probe: [...INTENT, 'PROBE_TIMEOUT', 'PROBE_EXITED', 'SOAK_FAILED', 'INTERNAL'],
  commit: ['COMMIT_FAILED', 'INTERNAL'],
  handOver: [
    ...INTENT,
    ...DISK,
    'VERSION_DAMAGED',
    'VERSION_NOT_FOUND',
    'DAEMON_SELF_TEST_FAILED',
    'DAEMON_FAILED',
    'HANDOVER_FAILED',
    'INTERNAL',
  ],
  rollback: ['ROLLBACK_FAILED'],
  quarantine: ['QUARANTINE_FAILED'],
} as const satisfies Record<StepName, readonly ErrorCode[]>;

/**
 * The `meta` of a state: what its services may reject with.
 *
 * @param services - the services that the state invokes
 * @example
 * idle: { meta: rejects('schedule', 'watch'), … }
 */
export function rejects(...services: readonly StepName[]): {
  readonly rejects: Readonly<Partial<Record<StepName, readonly ErrorCode[]>>>;
} {
  return { rejects: Object.fromEntries(services.map((service) => [service, UPDATE_ERRORS[service]])) };
}
