/**
 * What is written into the state directory in the words that the first daemons know: their readers take others for damage
 * (docs/decisions/0017).
 *
 * Invariants:
 * - The lists of this file never grow: daemons that know exactly these words are in the field.
 * - What stands for a newer word leads an older daemon to do what is safe: a swap that was interrupted, goes back; what was committed
 *   before its daemon was to change, stays; an error is nobody's release's fault.
 */
import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';
import type { ErrorRecord } from '../errors.ts';
import type { AttemptFacts } from '../services/ports.ts';
import type { StateName } from '../types.ts';

/** The error codes of the first layout. */
const FIRST_CODES: ReadonlySet<string> = new Set(
  `
  JWS_MALFORMED JWS_HEADER_INVALID JWS_TYPE_MISMATCH JWS_KEY_UNKNOWN JWS_KEY_NOT_ALLOWED
  JWS_ALGORITHM_MISMATCH JWS_SIGNATURE_INVALID JWS_TOO_LARGE JSON_INVALID TRUST_SET_INVALID
  TRUST_SET_MISSING HEAD_INVALID HEAD_WRONG_CHANNEL HEAD_EXPIRED HEAD_FROM_FUTURE HEAD_EQUIVOCATION
  HEAD_STALE CLOCK_BEHIND BAKE_MISSING BAKE_INVALID BAKE_TOO_SHORT HELD_BACK FEED_NOT_CONFIGURED
  FEED_UNREACHABLE FEED_REFUSED FEED_REDIRECTED FEED_STALLED FEED_PATH_INVALID DOWNLOAD_TOO_LARGE
  DOWNLOAD_TRUNCATED DISK_FULL BUNDLE_NOT_FOUND MANIFEST_INVALID BUNDLE_ARCHIVE_INVALID
  BUNDLE_CHECKSUM_MISMATCH DELTA_BASE_MISSING DELTA_FAILED BUNDLE_CHANGED BUNDLE_NOT_NAMED WRONG_PRODUCT
  WRONG_PLATFORM WRONG_AUDIENCE VERSION_TOO_LOW BELOW_FLOOR BASELINE_PREFERRED VERSION_BLOCKED
  RELEASE_QUARANTINED UPDATER_TOO_OLD NO_TARGET STAGE_FAILED STAGE_NOT_EXECUTABLE VERSION_DAMAGED
  VERSION_NOT_FOUND ROLLBACK_IMPOSSIBLE GATE_CLOSED HOOK_DEFERRED HOOK_FAILED SUPERSEDED
  WORKLOAD_START_FAILED WORKLOAD_SPAWN_FAILED WORKLOAD_STOP_FAILED PROBE_ADDRESS_TAKEN PROBE_TIMEOUT
  PROBE_EXITED SOAK_FAILED CRASH_LOOP ATTEMPT_INTERRUPTED ROLLED_BACK_BY_OPERATOR ROLLBACK_FAILED
  QUARANTINE_FAILED COMMIT_FAILED CONFIG_INVALID CONFIG_UNREADABLE USAGE STATE_DIR_UNUSABLE ALREADY_RUNNING
  JOURNAL_DAMAGED JOURNAL_WRITE_FAILED UPDATES_DISABLED UPDATES_PAUSED MANUAL_CHANNEL BUSY
  DAEMON_UNREACHABLE NOTHING_TO_APPROVE UNAUTHORIZED HOST_NOT_ALLOWED RATE_LIMITED
  SERVICE_MANAGER_UNREACHABLE ATTEMPT_NOT_FOUND CONTROL_FAILED KEYS_EXIST WRITE_FAILED SIGNING_FAILED
  SERVE_FAILED PUBLISH_REFUSED CANCELLED INTERNAL
`
    .trim()
    .split(/\s+/),
);

/** The states that the first layout does not know, and what is written for each. */
const STATES_FOR = {
  overlapping: 'swapping',
  draining: 'swapping',
  handingOver: 'committed',
} as const satisfies Partial<Record<StateName, StateName>>;

const isNewer = (state: StateName): state is keyof typeof STATES_FOR => Object.hasOwn(STATES_FOR, state);

/** A state in the words of the first layout. */
export function firstState(state: StateName): StateName {
  return isNewer(state) ? STATES_FOR[state] : state;
}

/** An error code in the words of the first layout: of a newer one it knows only that no release is to blame. */
export function firstCode(code: ErrorCode): ErrorCode {
  return FIRST_CODES.has(code) ? code : 'INTERNAL';
}

/** An error in the words of the first layout; its message begins with the code that it really has ({@link knownError}). */
export function firstError(error: ErrorRecord): ErrorRecord {
  const code = firstCode(error.code);
  return code === error.code ? error : { code, message: `${error.code}: ${error.message}` };
}

const isCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CODES, code);

/**
 * An error as it was meant: what {@link firstError} wrote is undone, and of a code that only a newer daemon knows the message tells.
 *
 * @example
 * knownError({ code: 'INTERNAL', message: 'DAEMON_FAILED: it hung' }); // { code: 'DAEMON_FAILED', message: 'it hung' }
 * knownError({ code: 'NOT_YET_INVENTED', message: 'x' }); // { code: 'UNKNOWN_CODE', message: 'NOT_YET_INVENTED: x' }
 */
export function knownError({ code, message }: { code: string; message: string }): ErrorRecord {
  if (!isCode(code)) return { code: 'UNKNOWN_CODE', message: `${code}: ${message}` };
  const [, meant = '', rest = ''] = /^([A-Z_]+): (.*)$/s.exec(message) ?? [];
  return code === 'INTERNAL' && isCode(meant) && !FIRST_CODES.has(meant)
    ? { code: meant, message: rest }
    : { code, message };
}

/** The attempt in flight, as far as it is kept in its row. */
export interface Flight {
  readonly state: StateName;
  readonly facts: AttemptFacts;
}

/**
 * The attempt in flight in the words of the first layout.
 *
 * Where only the daemon was at stake, an older daemon must not take it for a swap: after a commit it sees an attempt that is about to
 * be recorded as committed; a release of the daemon alone it sees as one that still waits.
 */
export function firstFlight({ state, facts }: Flight): Flight {
  const { successor, afterCommit, plan, error, owed, ...rest } = facts;
  // A daemon that failed is nothing that an older daemon could put into quarantine; its release would be.
  const owing = owed
    ?.filter((it) => it.successor === undefined)
    .map((it) => ({
      attempt: it.attempt,
      plan: it.plan,
      error: firstError(it.error),
      interruptions: it.interruptions,
    }));
  const common = { ...rest, ...(owing !== undefined && owing.length > 0 && { owed: owing }) };
  const daemonAtStake = successor !== undefined && (state === 'handingOver' || state === 'rolledBack');
  if (daemonAtStake && afterCommit !== true) return { state: 'waiting', facts: common };
  if (daemonAtStake) return { state: 'committed', facts: { ...common, ...(plan !== undefined && { plan }) } };
  return {
    state: firstState(state),
    facts: {
      ...common,
      ...(plan !== undefined && { plan }),
      ...(error !== undefined && { error: firstError(error) }),
    },
  };
}
