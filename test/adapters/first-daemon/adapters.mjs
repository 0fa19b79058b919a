// The adapters of the first daemons, as they are in the field: what reads and writes a state directory, at commit
// fcc0eba08 ("Only a start may run what it cannot point to: …"), bundled by esbuild with --packages=external.
// Never edited: what is written today must be read by exactly this (docs/decisions/0017-schemas-that-two-versions-read.md).
// src/error-codes.ts
var row = (exit, blames, retryable, means, next) => ({ exit, retryable, blames, means, next });
var TRUST_NEXT = "Do not install it; fetch the file again, and if it is refused again tell the publisher.";
var ERROR_CODES = {
  // -- signed documents -------------------------------------------------------------------------------------
  JWS_MALFORMED: row(3, "bundle", false, "The bytes are not a JWS in compact serialisation.", TRUST_NEXT),
  JWS_HEADER_INVALID: row(3, "bundle", false, "The protected header is not exactly { alg, kid, typ }.", TRUST_NEXT),
  JWS_TYPE_MISMATCH: row(3, "bundle", false, "The document is of another type than the one that is read here.", "Give the right file: a bundle where a bundle is expected, a head where a head is."),
  JWS_KEY_UNKNOWN: row(3, "bundle", false, "The document is signed by a key that is not in the trust set.", "Check that this program was built for the publisher of this file; a program that is too old for a new key must be updated by hand."),
  JWS_KEY_NOT_ALLOWED: row(3, "bundle", false, "The key is in the trust set, but not for this use or audience.", TRUST_NEXT),
  JWS_ALGORITHM_MISMATCH: row(3, "bundle", false, "The header names another algorithm than the one its key is bound to.", TRUST_NEXT),
  JWS_SIGNATURE_INVALID: row(3, "bundle", false, "The signature does not fit the bytes.", TRUST_NEXT),
  JWS_TOO_LARGE: row(3, "bundle", false, "The document is larger than its cap.", TRUST_NEXT),
  JSON_INVALID: row(3, "bundle", false, "A signed JSON text is not strict JSON (syntax, duplicate member, BOM or invalid UTF-8).", TRUST_NEXT),
  TRUST_SET_INVALID: row(1, "program", false, "A trust set holds a key that may not be used.", "Make the trust set again with `core keys generate`."),
  TRUST_SET_MISSING: row(1, "program", false, "This program was built without public keys.", "Build it with `npm run build -- --trust FILE`."),
  // -- channel head -----------------------------------------------------------------------------------------
  HEAD_INVALID: row(3, "feed", true, "The channel head does not have the agreed shape.", "Tell the publisher; `core feed publish` makes heads of the right shape."),
  HEAD_WRONG_CHANNEL: row(3, "feed", true, "The head is for another channel or product.", "Check `update.feed_url` and the publisher."),
  HEAD_EXPIRED: row(3, "feed", true, "The head is past its `exp`.", "Check the clock of this host; else ask the publisher for a fresh head."),
  HEAD_FROM_FUTURE: row(3, "feed", true, "The head is dated later than this host\u2019s clock allows.", "Check the clock of this host."),
  HEAD_EQUIVOCATION: row(3, "feed", true, "The head has the sequence number of an accepted one, but other bytes.", "Treat the feed as compromised and tell the publisher."),
  HEAD_STALE: row(1, "feed", true, "The head is older than one that was accepted here.", "Nothing to do: a mirror lags; the next check will see the newer one."),
  CLOCK_BEHIND: row(1, "host", true, "The clock of this host is earlier than is possible.", "Set the clock (NTP); the workload is not touched, and updates go on by themselves once it is right."),
  BAKE_MISSING: row(3, "feed", true, "The stable head does not carry the edge head that first named its release.", "Ask the publisher to promote the release with `core feed promote`."),
  BAKE_INVALID: row(3, "feed", true, "The edge head inside the stable head does not vouch for this release.", "Tell the publisher; treat the feed as suspect."),
  BAKE_TOO_SHORT: row(3, "feed", true, "The release did not bake on edge for 7 days.", "Nothing to do: the publisher has to promote it later; `update.allow_security_override` accepts a signed exception."),
  HELD_BACK: row(5, "feed", true, "The release is not for this host yet.", "Nothing to do: it is taken when its turn comes."),
  // -- feed and download ------------------------------------------------------------------------------------
  FEED_NOT_CONFIGURED: row(5, "operator", false, "There is no feed to check.", "Set `update.feed_url`, or apply a file with `core sidecar update --bundle FILE`."),
  FEED_UNREACHABLE: row(1, "feed", true, "The feed did not answer.", "Check the network and `update.feed_url`; the next check tries again by itself."),
  FEED_REFUSED: row(1, "feed", true, "The feed answered with an error status.", "Check that the feed holds the file; the next check tries again by itself."),
  FEED_REDIRECTED: row(1, "feed", true, "The feed answered with a redirect, which is never followed.", "Set `update.feed_url` to the final address."),
  FEED_STALLED: row(1, "feed", true, "The feed sent nothing for too long.", "Check the network; the next check tries again by itself."),
  FEED_PATH_INVALID: row(3, "feed", false, "A path in the head leaves the feed.", "Tell the publisher."),
  DOWNLOAD_TOO_LARGE: row(3, "feed", true, "More bytes came than the signed head promises.", "Treat the mirror as broken or hostile; the next check tries again."),
  DOWNLOAD_TRUNCATED: row(1, "feed", true, "Fewer bytes came than the signed head promises.", "Nothing to do: the next check resumes the download."),
  DISK_FULL: row(1, "host", true, "There is not enough free space in the state directory.", "Free the space that the message names, or move `state_dir` to a larger disk."),
  BUNDLE_NOT_FOUND: row(1, "operator", false, "The bundle file cannot be read.", "Check the path and its permissions."),
  // -- bundle -----------------------------------------------------------------------------------------------
  MANIFEST_INVALID: row(3, "bundle", false, "The manifest in the bundle does not have the agreed shape.", TRUST_NEXT),
  BUNDLE_ARCHIVE_INVALID: row(3, "bundle", false, "The archive in the bundle is not exactly what its manifest lists.", TRUST_NEXT),
  BUNDLE_CHECKSUM_MISMATCH: row(3, "bundle", false, "A file\u2019s size or SHA-256 differs from the signed manifest.", TRUST_NEXT),
  DELTA_BASE_MISSING: row(1, "bundle", false, "No version on this host is the base that the delta needs.", "Apply the full bundle of this release."),
  DELTA_FAILED: row(1, "bundle", false, "Applied to its base, the delta did not give the files of its manifest.", "Apply the full bundle of this release; from a feed that happens by itself."),
  BUNDLE_CHANGED: row(3, "bundle", true, "The bundle changed on disk while it was read.", "Find out who writes into the state directory; then try again."),
  BUNDLE_NOT_NAMED: row(3, "bundle", false, "The bundle is not the one that the channel head names.", "Use the airgap bundle of this release, or let the daemon fetch it from the feed."),
  WRONG_PRODUCT: row(3, "bundle", false, "The bundle is for another product.", "Give the bundle of this product."),
  WRONG_PLATFORM: row(3, "bundle", false, "The bundle is for another platform.", "Give the bundle for this host\u2019s platform."),
  WRONG_AUDIENCE: row(3, "bundle", false, "The bundle is for another audience than the one that it came by.", "Use stable and edge bundles from a feed, and airgap bundles from a file."),
  VERSION_TOO_LOW: row(3, "bundle", false, "The release is not newer than what may be installed here.", "To go back, use `core sidecar rollback`."),
  BELOW_FLOOR: row(1, "host", true, "What runs is below the version floor, as it may be after a rollback.", "Install a newer release as soon as there is one: `core sidecar update`."),
  BASELINE_PREFERRED: row(1, "operator", true, "The program of the image or package runs instead of the version that an update had brought.", "Nothing to do if it was deployed on purpose; else install the other one again: `core sidecar update`, or `--bundle FILE`."),
  VERSION_BLOCKED: row(3, "bundle", false, "The publisher has blocked this version.", "Install another version."),
  RELEASE_QUARANTINED: row(5, "release", false, "The release failed on this host before.", "Wait for a newer release, or fix the cause and run `core sidecar quarantine clear DIGEST`."),
  UPDATER_TOO_OLD: row(1, "bundle", false, "The release needs a newer updater than this one.", "Install the updater version that the message names."),
  NO_TARGET: row(1, "feed", true, "The release has no bundle for this platform.", "Ask the publisher for a build for this platform."),
  // -- staging and version store ----------------------------------------------------------------------------
  STAGE_FAILED: row(1, "host", true, "The version could not be written to the version store.", "Check the disk and the permissions of the state directory."),
  STAGE_NOT_EXECUTABLE: row(1, "bundle", false, "The program in the bundle cannot be executed on this machine.", "Check that the release is built for this machine, and that the state directory is not mounted noexec."),
  VERSION_DAMAGED: row(1, "host", true, "A version on disk differs from its signed manifest.", "Check the disk; the version is replaced at the next update."),
  VERSION_NOT_FOUND: row(1, "operator", false, "The version is not on this host, or was never committed here.", "See `core sidecar status` for the versions that are."),
  ROLLBACK_IMPOSSIBLE: row(1, "operator", false, "There is no version to go back to.", "Install a release with `core sidecar update`."),
  // -- swap, probe, rollback --------------------------------------------------------------------------------
  GATE_CLOSED: row(5, "operator", true, "The gate holds the update.", "Wait, or open the gate."),
  HOOK_DEFERRED: row(5, "operator", true, "The hook before the swap asked to put the update off (exit 75).", "Nothing to do: it is tried again at the next check."),
  HOOK_FAILED: row(1, "operator", true, "A hook failed, or took too long.", "Mend the program that the message names; see `hooks` in the configuration."),
  SUPERSEDED: row(5, "feed", true, "A newer release appeared while the update waited.", "Nothing to do: the newer one is taken at the next check."),
  WORKLOAD_START_FAILED: row(4, "release", false, "The workload\u2019s program could not be started.", "See the reason; check `workload.command` and the program."),
  WORKLOAD_SPAWN_FAILED: row(4, "host", true, "The host could not start another process.", "Free what the message names (processes, memory, file descriptors), or mend the output file."),
  WORKLOAD_STOP_FAILED: row(4, "host", true, "The workload did not end, not even by SIGKILL.", "Look for processes that hang in the kernel (state D)."),
  PROBE_ADDRESS_TAKEN: row(4, "host", true, "After the old version was stopped, something still answered at the probe\u2019s address.", "Find the process that listens there (`ss -ltnp`) and end it."),
  PROBE_TIMEOUT: row(4, "release", false, "The new version was not healthy within the rollback timeout.", "Read the workload\u2019s log; report it to the publisher."),
  PROBE_EXITED: row(4, "release", false, "The new version ended while it was probed.", "Read the workload\u2019s log; report it to the publisher."),
  SOAK_FAILED: row(4, "release", false, "The new version became healthy, but did not stay so while it soaked.", "Read the workload\u2019s log; report it to the publisher."),
  CRASH_LOOP: row(4, "release", false, "The new version kept crashing after its commit.", "Read the workload\u2019s log; report it to the publisher."),
  ATTEMPT_INTERRUPTED: row(4, "host", true, "The daemon or the host stopped in the middle of the attempt.", "Nothing to do: it is tried once more by itself."),
  ROLLED_BACK_BY_OPERATOR: row(4, "operator", false, "An operator asked for the rollback.", "Nothing to do: the release is held back until a newer one, or until its quarantine is cleared."),
  ROLLBACK_FAILED: row(1, "host", true, "The previous version did not become healthy again.", "Act now: see the workload\u2019s log; the supervisor keeps trying, and `core sidecar retry` runs the rollback again."),
  QUARANTINE_FAILED: row(1, "host", true, "The failed release could not be recorded in quarantine.", "Free the disk or mend the state directory, then `core sidecar resume`."),
  COMMIT_FAILED: row(1, "host", true, "The update is healthy, but its commit could not be recorded.", "Check the disk and the permissions of the state directory."),
  // -- daemon, configuration, control -----------------------------------------------------------------------
  CONFIG_INVALID: row(2, "operator", false, "The configuration is not valid.", "Correct the key that the message names."),
  CONFIG_UNREADABLE: row(2, "operator", false, "The configuration file cannot be read.", "Check the path, the permissions and the YAML."),
  USAGE: row(2, "operator", false, "The command was not understood.", "See `--help`."),
  STATE_DIR_UNUSABLE: row(1, "host", false, "The state directory cannot be used.", "Make it a directory of the daemon\u2019s user with mode 0700 on a writable disk."),
  ALREADY_RUNNING: row(1, "operator", false, "Another daemon uses this state directory.", "Stop it first, or give this one a `state_dir` of its own."),
  JOURNAL_DAMAGED: row(1, "host", false, "The journal could not be read and was moved aside.", "Nothing to do: history before this is in the file that the message names."),
  JOURNAL_WRITE_FAILED: row(1, "host", true, "The journal could not be written.", "Check the disk and the permissions of the state directory."),
  UPDATES_DISABLED: row(5, "operator", false, "The updater is switched off on this host.", "Unset CORESDK_UPDATE_DISABLED, and on Kubernetes change the image tag instead."),
  UPDATES_PAUSED: row(5, "operator", false, "Automatic updates are paused.", "See `core sidecar status` for the reason, then `core sidecar resume`."),
  MANUAL_CHANNEL: row(5, "operator", false, "On the manual channel nothing is fetched.", "Give the file: `core sidecar update --bundle FILE`, or set `update.bundle_path`."),
  BUSY: row(1, "operator", true, "Another attempt is under way.", "Wait for it: `core sidecar status`."),
  DAEMON_UNREACHABLE: row(6, "operator", true, "No daemon answers at the control socket.", "Start it (`systemctl start coresdk-sidecar`), or give its socket with --socket."),
  NOTHING_TO_APPROVE: row(1, "operator", false, "No release waits for an approval.", "See `core sidecar status` for what waits."),
  UNAUTHORIZED: row(1, "operator", false, "The request has no valid token.", "Send `Authorization: Bearer \u2026` with the token in `control.token_file`."),
  HOST_NOT_ALLOWED: row(1, "operator", false, "The request names a host that is not this listener\u2019s.", "Add the name to `control.hosts`, or use the address itself."),
  RATE_LIMITED: row(1, "operator", true, "Too many requests came from this address.", "Wait for as long as Retry-After says."),
  SERVICE_MANAGER_UNREACHABLE: row(1, "host", true, "systemd could not be told how the daemon does.", "Check that `systemd-notify` is installed and that the unit has `NotifyAccess=all`; or use `Type=simple` without `WatchdogSec=`."),
  ATTEMPT_NOT_FOUND: row(1, "operator", false, "The daemon knows no attempt with this id.", "See `core sidecar history` for the attempts that it knows."),
  CONTROL_FAILED: row(1, "program", true, "The daemon refused or could not serve the request.", "See the message and the daemon\u2019s log."),
  KEYS_EXIST: row(1, "operator", false, "The folder holds keys already, and keys are never overwritten.", "Give another folder; move the old keys away only when nothing signed by them is needed any more."),
  WRITE_FAILED: row(1, "host", true, "A file that the publisher asked for could not be written.", "Check the path that the message names, its permissions and the free space."),
  SIGNING_FAILED: row(1, "operator", false, "A document could not be signed.", "Check the private key and its passphrase, or the signer command."),
  SERVE_FAILED: row(1, "operator", false, "The feed could not be served.", "Check the folder, the address and the port that the message names."),
  PUBLISH_REFUSED: row(1, "operator", false, "The feed would not be right after this publication.", "Mend what the message names."),
  CANCELLED: row(1, "operator", true, "The work was cancelled.", "Nothing to do."),
  INTERNAL: row(1, "program", false, "A fault in this program.", "Report it with the stack trace in the log.")
};

// src/errors.ts
var UpdateError = class _UpdateError extends Error {
  name = "UpdateError";
  code;
  stage;
  retryable;
  /** null: to ask again at once would change nothing. Not the same as `retryable`, which is about another attempt. */
  retry;
  evidence;
  /**
   * @param code - a key of {@link ERROR_CODES}
   * @param message - what was expected and what was found, without a full stop
   */
  constructor(code2, message, options = {}) {
    super(message, options.cause === void 0 ? void 0 : { cause: options.cause });
    this.code = code2;
    this.stage = options.stage;
    this.retryable = options.retryable ?? ERROR_CODES[code2].retryable;
    this.retry = options.retry ?? null;
    this.evidence = options.evidence ?? [];
  }
  /** The row of this error's code: exit code, blame, meaning and what to do next. */
  get info() {
    return ERROR_CODES[this.code];
  }
  /** This error as data, for the machine's context and the journal. */
  toRecord() {
    return { code: this.code, message: this.message };
  }
  /**
   * Turns whatever was thrown into an `UpdateError`: an `UpdateError` stays what it is, anything else gets `code`
   * and keeps the original as its `cause`.
   *
   * @param error - what was thrown
   * @param code - the code for anything that is not an `UpdateError` yet; `INTERNAL` unless told
   * @param what - what was being done, put before the original message
   */
  static from(error2, code2 = "INTERNAL", what) {
    if (error2 instanceof _UpdateError) return error2;
    const message = error2 instanceof Error ? error2.message : String(error2);
    return new _UpdateError(code2, what === void 0 ? message : `${what}: ${message}`, { cause: error2 });
  }
};
function hasErrno(error2, ...codes) {
  return error2 instanceof Error && "code" in error2 && codes.includes(String(error2.code));
}

// src/adapters/journal-file.ts
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

// src/adapters/journal-schema.ts
import { z } from "zod";
var JOURNAL_VERSION = 1;
var JOURNAL_APPLICATION_ID = 1129530443;
var TABLES = `
  CREATE TABLE attempts (
    id TEXT NOT NULL UNIQUE, trigger TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, outcome TEXT,
    reason TEXT NOT NULL, error_code TEXT, error_message TEXT, from_version TEXT, to_version TEXT, digest TEXT
  ) STRICT;
  CREATE INDEX attempts_by_digest ON attempts (digest);
  CREATE TABLE steps (
    attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, state TEXT NOT NULL, at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX steps_by_attempt ON steps (attempt);
  CREATE TABLE in_flight (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    attempt TEXT NOT NULL, state TEXT NOT NULL, facts TEXT NOT NULL, suspended INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE budgets (name TEXT NOT NULL UNIQUE, spent_ms REAL NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE refusals (sha256 TEXT NOT NULL UNIQUE, code TEXT NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE seen (digest TEXT NOT NULL UNIQUE, at INTEGER NOT NULL) STRICT;
`;
function createTables(db) {
  db.exec(`BEGIN IMMEDIATE; ${TABLES}
    PRAGMA application_id = ${String(JOURNAL_APPLICATION_ID)};
    PRAGMA user_version = ${String(JOURNAL_VERSION)};
    COMMIT`);
}
var STATES = [
  "recovering",
  "idle",
  "checking",
  "downloading",
  "verifying",
  "staging",
  "waiting",
  "swapping",
  "probing",
  "committed",
  "rollingBack",
  "rolledBack",
  "failed"
];
var TRIGGERS = [
  "schedule",
  "check",
  "update",
  "bundle",
  "rollback",
  "watch",
  "recovery"
];
var OUTCOMES = [
  "committed",
  "rolledBack",
  "failed",
  "nothing",
  "available",
  "refused",
  "deferred",
  "error",
  "interrupted"
];
var state = z.enum(STATES);
var trigger = z.enum(TRIGGERS);
var digest = z.string().regex(/^[0-9a-f]{64}$/);
var code = z.custom(
  (value) => typeof value === "string" && value in ERROR_CODES,
  "unknown error code"
);
var attempt = z.strictObject({
  id: z.string().min(1),
  trigger,
  mode: z.enum(["apply", "report"])
});
var error = z.strictObject({ code, message: z.string() });
var ref = z.discriminatedUnion("origin", [
  z.strictObject({ origin: z.literal("store"), version: z.string(), digest }),
  z.strictObject({ origin: z.literal("baseline"), version: z.string() })
]);
var plan = z.strictObject({ from: ref, to: ref });
var interruptions = z.int().min(0);
var facts = z.strictObject({
  plan: plan.optional(),
  digest: digest.optional(),
  version: z.string().optional(),
  error: error.optional(),
  interruptions: interruptions.optional(),
  owed: z.array(z.strictObject({ attempt, plan, error, interruptions })).optional(),
  note: z.string().optional()
});
var json = (schema) => z.string().transform((text, context) => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "expected JSON" });
    return z.NEVER;
  }
}).pipe(schema);
var inFlightRow = z.object({ attempt: json(attempt), state, facts: json(facts), suspended: z.literal([0, 1]) }).transform((row2) => ({
  attempt: row2.attempt,
  state: row2.state,
  facts: row2.facts,
  suspended: row2.suspended === 1
}));
var attemptRow = z.object({
  id: z.string().min(1),
  trigger,
  started_at: z.number(),
  ended_at: z.number().nullable(),
  outcome: z.enum(OUTCOMES).nullable(),
  reason: z.string(),
  error_code: code.nullable(),
  error_message: z.string().nullable(),
  from_version: z.string().nullable(),
  to_version: z.string().nullable(),
  digest: z.string().nullable()
});
var stepRow = z.object({ state, at: z.number() });
var refusalRow = z.object({ sha256: digest, code, count: z.int().min(1), at: z.number() });
var numberRow = z.object({ value: z.number() });

// src/adapters/journal-file.ts
var SQLITE = {
  ERROR: 1,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  CORRUPT: 11,
  FULL: 13,
  TOOBIG: 18,
  MISMATCH: 20,
  NOTADB: 26
};
var UNREADABLE = [
  SQLITE.ERROR,
  SQLITE.READONLY,
  SQLITE.CORRUPT,
  SQLITE.TOOBIG,
  SQLITE.MISMATCH,
  SQLITE.NOTADB
];
var KEEP_ASIDE = 5;
var Unreadable = class extends Error {
  name = "Unreadable";
};
function resultCode(error2) {
  return error2 instanceof Error && "errcode" in error2 && typeof error2.errcode === "number" ? error2.errcode & 255 : null;
}
function isCorruption(error2) {
  const code2 = resultCode(error2);
  return code2 === SQLITE.CORRUPT || code2 === SQLITE.NOTADB;
}
function openJournalFile(path, now, expected = false) {
  try {
    const { identity, made, kind } = create(path);
    try {
      if (kind !== "file") throw new Unreadable(`${kind} at ${path}`);
      const { db, wasEmpty } = openValid(path);
      const lost = made ? expected && `no file at ${path}` : wasEmpty && `an empty file at ${path}`;
      return { db, damage: lost === false ? null : lost };
    } catch (error2) {
      if (!(error2 instanceof Unreadable) && !UNREADABLE.includes(resultCode(error2))) throw error2;
      const why = error2 instanceof Error ? error2.message : String(error2);
      const aside = moveAside(path, identity, now);
      const left = deleteOldest(path);
      create(path);
      return { db: openValid(path).db, damage: `${why}; it is now ${aside}${left}` };
    }
  } catch (error2) {
    const code2 = resultCode(error2);
    if (code2 === SQLITE.BUSY || code2 === SQLITE.LOCKED)
      throw new UpdateError(
        "ALREADY_RUNNING",
        `expected to be the only daemon on ${path}, found that another holds it`,
        {
          cause: error2
        }
      );
    const full = code2 === SQLITE.FULL || hasErrno(error2, "ENOSPC", "EDQUOT");
    throw UpdateError.from(
      error2,
      full ? "DISK_FULL" : "STATE_DIR_UNUSABLE",
      `could not open the journal ${path}`
    );
  }
}
function create(path) {
  let made = true;
  try {
    fs.closeSync(fs.openSync(path, "wx", 384));
    syncFolder(path);
  } catch (error2) {
    if (!hasErrno(error2, "EEXIST")) throw error2;
    made = false;
  }
  const stats = fs.lstatSync(path, { bigint: true });
  const kind = stats.isFile() ? "file" : stats.isDirectory() ? "a folder" : "something that is no file";
  return { identity: stats.ino, made, kind };
}
function openValid(path) {
  const db = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    db.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=EXTRA; PRAGMA trusted_schema=OFF");
    db.exec("BEGIN EXCLUSIVE; COMMIT");
    db.exec("PRAGMA journal_mode=DELETE");
    const wasEmpty = isEmpty(db);
    if (wasEmpty) createTables(db);
    validate(db);
    requireWritable(db);
    return { db, wasEmpty };
  } catch (error2) {
    db.close();
    throw error2;
  }
}
var pragma = (db, name) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
function isEmpty(db) {
  const tables = db.prepare("SELECT COUNT(*) AS count FROM sqlite_schema").get()?.["count"];
  return tables === 0 && pragma(db, "user_version") === 0 && pragma(db, "application_id") === 0;
}
function layoutOf(db) {
  return new Set(
    db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").all().map(({ sql }) => String(sql))
  );
}
function expectedLayout() {
  const db = new DatabaseSync(":memory:");
  try {
    createTables(db);
    return layoutOf(db);
  } finally {
    db.close();
  }
}
function validate(db) {
  const application = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  if (application !== JOURNAL_APPLICATION_ID || version !== JOURNAL_VERSION)
    throw new Unreadable(
      `expected a journal of layout ${String(JOURNAL_VERSION)}, found application ${String(application)}, layout ${String(version)}`
    );
  const integrity = pragma(db, "integrity_check");
  if (integrity !== "ok") throw new Unreadable(`expected an intact file, found ${String(integrity)}`);
  const layout = layoutOf(db);
  const expected = expectedLayout();
  const odd = [.../* @__PURE__ */ new Set([...layout, ...expected])].find((sql) => !layout.has(sql) || !expected.has(sql));
  if (odd !== void 0)
    throw new Unreadable(
      `expected the tables of layout ${String(JOURNAL_VERSION)}, found a difference at: ${odd.slice(0, 60)}`
    );
  const tables = [
    ["in_flight", "SELECT attempt, state, facts, suspended FROM in_flight", inFlightRow],
    ["attempts", "SELECT * FROM attempts", attemptRow],
    ["steps", "SELECT state, at FROM steps", stepRow]
  ];
  for (const [table, sql, schema] of tables) {
    for (const row2 of db.prepare(sql).all()) {
      const issue = schema.safeParse(row2).error?.issues[0];
      if (issue !== void 0)
        throw new Unreadable(`a row of ${table}: ${issue.path.join(".")}: ${issue.message}`);
    }
  }
}
function requireWritable(db) {
  try {
    db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${String(JOURNAL_VERSION)}`);
  } catch (error2) {
    if (resultCode(error2) === SQLITE.READONLY)
      throw new Unreadable("expected a file that can be written, found that SQLite only reads it");
  } finally {
    if (db.isTransaction) db.exec("ROLLBACK");
  }
}
function moveAside(path, identity, now) {
  if (fs.lstatSync(path, { bigint: true }).ino !== identity)
    throw new UpdateError(
      "ALREADY_RUNNING",
      `expected to be the only daemon on ${path}, found that another replaced it`
    );
  const stamp = new Date(now).toISOString().replaceAll(/[-:]/g, "");
  let aside = `${path}.damaged-${stamp}`;
  for (let count = 2; isThere(aside); count += 1) aside = `${path}.damaged-${stamp}-${String(count)}`;
  for (const suffix of ["-journal", "-wal", "-shm", ""])
    if (isThere(path + suffix)) fs.renameSync(path + suffix, aside + suffix);
  syncFolder(path);
  return aside;
}
var isThere = (path) => fs.lstatSync(path, { throwIfNoEntry: false }) !== void 0;
function deleteOldest(path) {
  const folder = dirname(path);
  const prefix = `${basename(path)}.damaged-`;
  const asides = fs.readdirSync(folder).filter((name) => name.startsWith(prefix));
  const stem = (name) => name.replace(/-(journal|wal|shm)$/, "");
  const old = [...new Set(asides.map(stem))].sort().slice(0, -KEEP_ASIDE);
  const left = [];
  for (const name of asides.filter((each) => old.includes(stem(each)))) {
    try {
      fs.rmSync(join(folder, name), { recursive: true });
    } catch (error2) {
      left.push(error2 instanceof Error ? error2.message : String(error2));
    }
  }
  return left.length === 0 ? "" : `; older ones could not be deleted: ${left.join(", ")}`;
}
function syncFolder(path) {
  const folder = fs.openSync(dirname(path), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

// src/adapters/journal.ts
var KEEP = 500;
var SPENT = "SELECT spent_ms AS value FROM budgets WHERE name = ?";
var INTERRUPTED = `digest = ? AND ended_at IS NOT NULL AND outcome = 'rolledBack' AND error_code = 'ATTEMPT_INTERRUPTED'`;
var pardonOf = (digest2) => `pardoned:${digest2}`;
function openJournal({ path, clock, expected = false }) {
  const { db, damage: found } = openJournalFile(path, clock.now(), expected);
  const damage = found === null ? null : new UpdateError("JOURNAL_DAMAGED", `expected a readable journal, found ${found}`);
  return { journal: sqliteJournal(db, clock), damage: damage?.toRecord() ?? null };
}
function sqliteJournal(db, clock) {
  let ended = false;
  const run = (sql, ...values) => {
    db.prepare(sql).run(...values);
  };
  const rows = (schema, sql, ...values) => db.prepare(sql).all(...values).map((row2) => parseRow(schema, row2));
  const readInFlight = () => rows(inFlightRow, "SELECT attempt, state, facts, suspended FROM in_flight")[0] ?? null;
  function write(what, work) {
    try {
      assertOpen(ended);
      db.exec("BEGIN IMMEDIATE");
      work();
      db.exec("COMMIT");
      return Promise.resolve();
    } catch (error2) {
      try {
        if (db.isOpen && db.isTransaction) db.exec("ROLLBACK");
      } catch (second) {
        return Promise.reject(fault(second, "JOURNAL_WRITE_FAILED", `could not undo: ${what}`));
      }
      return Promise.reject(fault(error2, "JOURNAL_WRITE_FAILED", `could not ${what}`));
    }
  }
  function read(what, work) {
    try {
      assertOpen(ended);
      return Promise.resolve(work());
    } catch (error2) {
      return Promise.reject(fault(error2, "JOURNAL_DAMAGED", `could not read ${what}`));
    }
  }
  const trim = (table, order) => {
    run(
      `DELETE FROM ${table} WHERE rowid NOT IN (SELECT rowid FROM ${table} ORDER BY ${order} DESC, rowid DESC LIMIT ${String(KEEP)})`
    );
  };
  return {
    enter: (attempt2, state2, facts2) => write(`write that attempt ${attempt2.id} enters ${state2}`, () => {
      const now = clock.now();
      const before = readInFlight();
      if (before !== null && before.attempt.id !== attempt2.id) {
        const { error: error2 } = before.state === "rolledBack" ? before.facts : {};
        run(
          `UPDATE attempts SET ended_at = ?, outcome = ?, reason = ?, error_code = ?, error_message = ?
             WHERE id = ? AND ended_at IS NULL`,
          now,
          error2 === void 0 ? "interrupted" : "rolledBack",
          error2?.message ?? `attempt ${attempt2.id} began`,
          error2?.code ?? null,
          error2?.message ?? null,
          before.attempt.id
        );
      }
      const known = {
        ...before?.attempt.id === attempt2.id ? before.facts : {},
        ...Object.fromEntries(Object.entries(facts2).filter(([, value]) => value !== void 0))
      };
      const { plan: plan2 } = known;
      run(
        `INSERT INTO attempts (id, trigger, started_at, reason, from_version, to_version, digest)
           VALUES (?, ?, ?, '', ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET ended_at = NULL, outcome = NULL, reason = '', error_code = NULL, error_message = NULL,
             from_version = COALESCE(excluded.from_version, from_version),
             to_version = COALESCE(excluded.to_version, to_version), digest = COALESCE(excluded.digest, digest)`,
        attempt2.id,
        attempt2.trigger,
        now,
        plan2?.from.version ?? null,
        plan2?.to.version ?? known.version ?? null,
        known.digest ?? (plan2?.to.origin === "store" ? plan2.to.digest : null)
      );
      run("INSERT INTO steps (attempt, state, at) VALUES (?, ?, ?)", attempt2.id, state2, now);
      run(
        "INSERT OR REPLACE INTO in_flight (one, attempt, state, facts, suspended) VALUES (1, ?, ?, ?, 0)",
        JSON.stringify(attempt2),
        state2,
        JSON.stringify(known)
      );
      trim("attempts", "rowid");
    }),
    close: (end) => write(`write that attempt ${end.attempt.id} ended`, () => {
      const { id } = end.attempt;
      const flying = readInFlight();
      const note = flying?.attempt.id === id ? flying.facts.note : void 0;
      if (flying?.attempt.id === id) run("DELETE FROM in_flight");
      if (end.outcome === "nothing" || end.outcome === "available") {
        run("DELETE FROM attempts WHERE id = ? AND ended_at IS NULL", id);
        return;
      }
      run(
        `UPDATE attempts SET ended_at = ?, outcome = ?, reason = ?, error_code = ?, error_message = ?,
             from_version = COALESCE(?, from_version), to_version = COALESCE(?, to_version), digest = COALESCE(?, digest)
           WHERE id = ? AND ended_at IS NULL`,
        clock.now(),
        end.outcome,
        note === void 0 ? end.reason : `${end.reason}; ${note}`,
        end.error?.code ?? null,
        end.error?.message ?? null,
        end.from?.version ?? null,
        end.to?.version ?? null,
        end.to?.origin === "store" ? end.to.digest : null,
        id
      );
    }),
    inFlight: () => read("the attempt in flight", readInFlight),
    suspend: () => write("mark the attempt in flight as suspended", () => {
      run("UPDATE in_flight SET suspended = 1");
    }),
    history: (limit) => read(
      "the history",
      () => rows(
        attemptRow,
        "SELECT * FROM attempts ORDER BY rowid DESC LIMIT ?",
        Math.max(0, Math.trunc(limit))
      ).map(
        (row2) => toRecord(
          row2,
          rows(stepRow, "SELECT state, at FROM steps WHERE attempt = ? ORDER BY rowid", row2.id)
        )
      )
    ),
    interruptions: (digest2) => read("the interruptions", () => {
      const pardoned = rows(numberRow, SPENT, pardonOf(digest2))[0]?.value ?? 0;
      const sql = `SELECT COUNT(*) AS value FROM attempts WHERE ${INTERRUPTED} AND rowid > ?`;
      return rows(numberRow, sql, digest2, pardoned)[0]?.value ?? 0;
    }),
    pardon: (digest2) => write(`forget the interruptions of ${digest2}`, () => {
      const sql = `SELECT COALESCE(MAX(rowid), 0) AS value FROM attempts WHERE ${INTERRUPTED}`;
      const last = rows(numberRow, sql, digest2)[0]?.value ?? 0;
      run(
        "INSERT OR REPLACE INTO budgets (name, spent_ms, at) VALUES (?, ?, ?)",
        pardonOf(digest2),
        last,
        clock.now()
      );
      trim("budgets", "at");
    }),
    spent: (budget) => read(`the budget ${budget}`, () => rows(numberRow, SPENT, budget)[0]?.value ?? 0),
    spend: (budget, totalMs) => write(`write the budget ${budget}`, () => {
      run(
        "INSERT OR REPLACE INTO budgets (name, spent_ms, at) VALUES (?, ?, ?)",
        budget,
        totalMs,
        clock.now()
      );
      trim("budgets", "at");
    }),
    refuse: (sha2563, code2) => write(`record the refusal of ${sha2563}`, () => {
      run(
        `INSERT INTO refusals (sha256, code, count, at) VALUES (?, ?, 1, ?)
           ON CONFLICT (sha256) DO UPDATE SET code = excluded.code, count = count + 1, at = excluded.at`,
        sha2563,
        code2,
        clock.now()
      );
      trim("refusals", "at");
    }),
    refusal: (sha2563) => read(
      "a refusal",
      () => rows(refusalRow, "SELECT sha256, code, count, at FROM refusals WHERE sha256 = ?", sha2563)[0] ?? null
    ),
    seen: async (digest2) => {
      const now = clock.now();
      const sql = "SELECT at AS value FROM seen WHERE digest = ?";
      const first = (await read("when a release was first seen", () => rows(numberRow, sql, digest2)))[0]?.value;
      if (first !== void 0 && first <= now) return first;
      await write(`record that ${digest2} was seen`, () => {
        run("INSERT OR REPLACE INTO seen (digest, at) VALUES (?, ?)", digest2, now);
        trim("seen", "rowid");
      });
      return now;
    },
    end: () => {
      if (ended) return;
      ended = true;
      db.close();
    }
  };
}
function assertOpen(ended) {
  if (ended) throw new Error("the journal is closed");
}
function parseRow(schema, row2) {
  const parsed = schema.safeParse(row2);
  if (parsed.success) return parsed.data;
  throw new UpdateError(
    "JOURNAL_DAMAGED",
    `expected a row of the agreed shape, found another: ${parsed.error.message}`
  );
}
function fault(error2, code2, what) {
  const base = UpdateError.from(error2, code2, isCorruption(error2) ? `${what} (the file is damaged)` : what);
  return base.code === code2 ? base : new UpdateError(code2, `${what}: ${base.message}`, { cause: error2 });
}
function toRecord(row2, steps) {
  return {
    id: row2.id,
    trigger: row2.trigger,
    startedAt: row2.started_at,
    endedAt: row2.ended_at,
    outcome: row2.outcome,
    reason: row2.reason,
    error: row2.error_code === null ? null : { code: row2.error_code, message: row2.error_message ?? "" },
    from: row2.from_version,
    to: row2.to_version,
    digest: row2.digest,
    steps
  };
}

// src/adapters/quarantine.ts
import { join as join4 } from "node:path";
import { z as z2 } from "zod";

// src/adapters/atomic-file.ts
import { randomBytes } from "node:crypto";
import { dirname as dirname2, join as join3 } from "node:path";

// src/adapters/disk-tree.ts
import { join as join2 } from "node:path";
async function statOrNull(disk, path) {
  try {
    return await disk.lstat(path);
  } catch (error2) {
    if (hasErrno(error2, "ENOENT", "ENOTDIR")) return null;
    throw error2;
  }
}
async function removeTree(disk, path) {
  const stat2 = await statOrNull(disk, path);
  if (stat2 === null) return;
  if (stat2.kind !== "folder") {
    await disk.unlink(path);
    return;
  }
  for (const name of await disk.readdir(path)) await removeTree(disk, join2(path, name));
  await disk.rmdir(path);
}
async function syncTree(disk, path) {
  for (const name of await disk.readdir(path)) {
    const child = join2(path, name);
    const { kind } = await disk.lstat(child);
    if (kind === "folder") await syncTree(disk, child);
    else if (kind === "file") await syncFile(disk, child);
  }
  await disk.fsyncDir(path);
}
async function syncFile(disk, path) {
  const handle = await disk.openRead(path, "refuse");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

// src/adapters/atomic-file.ts
var PREFIX = ".tmp-";
function freshName(path, prefix) {
  return join3(dirname2(path), `${prefix}${randomBytes(8).toString("hex")}`);
}
async function writeFileAtomically(disk, path, bytes, mode) {
  const temporary = freshName(path, PREFIX);
  try {
    const handle = await disk.createExclusive(temporary, mode);
    try {
      await handle.write(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await disk.rename(temporary, path);
  } catch (error2) {
    await removeTree(disk, temporary).catch(() => void 0);
    throw error2;
  }
  await disk.fsyncDir(dirname2(path));
}
async function removeLeftovers(disk, folder) {
  for (const name of await disk.readdir(folder))
    if (name.startsWith(PREFIX)) await removeTree(disk, join3(folder, name));
}

// src/adapters/disk-errors.ts
function diskFault(error2, code2, what) {
  return UpdateError.from(error2, hasErrno(error2, "ENOSPC", "EDQUOT") ? "DISK_FULL" : code2, what);
}
async function guarded(code2, what, work) {
  try {
    return await work();
  } catch (error2) {
    throw diskFault(error2, code2, what);
  }
}
function throwIfCancelled(signal) {
  if (signal.aborted) throw new UpdateError("CANCELLED", "the work was cancelled", { cause: signal.reason });
}

// src/adapters/json-file.ts
var JsonFileError = class extends Error {
  name = "JsonFileError";
};
var strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
async function readJsonFile(disk, path, cap, schema) {
  const bytes = await disk.readFile(path, cap);
  let value;
  try {
    value = JSON.parse(strictUtf8.decode(bytes));
  } catch (error2) {
    throw new JsonFileError(`expected JSON in ${path}, found ${String(bytes.length)} bytes that are not`, {
      cause: error2
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === void 0 ? "" : ` (${issue.path.join(".")}: ${issue.message})`;
  throw new JsonFileError(`expected the agreed shape in ${path}, found another${where}`, {
    cause: parsed.error
  });
}
function jsonBytes(value) {
  return Buffer.from(`${JSON.stringify(value, null, 2)}
`);
}

// src/adapters/quarantine.ts
var DIGEST = /^[0-9a-f]{64}$/;
var FILE = /^([0-9a-f]{64})\.json$/;
var EVIDENCE = { lines: 100, characters: 1e3 };
var FILE_CAP = 1024 * 1024;
var errorCode = z2.custom(
  (code2) => typeof code2 === "string" && code2 in ERROR_CODES,
  "unknown error code"
);
var entrySchema = z2.strictObject({
  digest: z2.string().regex(DIGEST),
  version: z2.string(),
  at: z2.number(),
  attempt: z2.string(),
  reason: z2.strictObject({ code: errorCode, message: z2.string() }),
  evidence: z2.array(z2.string())
});
function unreadable(digest2, error2) {
  const why = error2 instanceof Error ? error2.message : String(error2);
  return {
    digest: digest2,
    version: "unknown",
    at: 0,
    attempt: "unknown",
    reason: { code: "RELEASE_QUARANTINED", message: `its quarantine file could not be read: ${why}` },
    evidence: []
  };
}
async function openQuarantine(disk, folder) {
  const file = (digest2) => join4(folder, `${digest2}.json`);
  await guarded("QUARANTINE_FAILED", `could not tidy ${folder}`, () => removeLeftovers(disk, folder));
  async function get(digest2) {
    if (!DIGEST.test(digest2)) return null;
    try {
      const entry = await readJsonFile(disk, file(digest2), FILE_CAP, entrySchema);
      return entry.digest === digest2 ? entry : unreadable(digest2, `it is about ${entry.digest}`);
    } catch (error2) {
      return hasErrno(error2, "ENOENT") ? null : unreadable(digest2, error2);
    }
  }
  return {
    get,
    list: async () => {
      const names = await guarded(
        "QUARANTINE_FAILED",
        `could not list ${folder}`,
        () => disk.readdir(folder)
      );
      const digests = names.flatMap((name) => FILE.exec(name)?.[1] ?? []);
      const entries = await Promise.all(digests.map(get));
      return entries.filter((entry) => entry !== null).sort((a, b) => b.at - a.at || (a.digest < b.digest ? -1 : 1));
    },
    add: async (entry) => {
      try {
        if (!DIGEST.test(entry.digest))
          throw new Error(`expected 64 hex digits as digest, found ${entry.digest}`);
        const evidence = entry.evidence.slice(0, EVIDENCE.lines).map((line) => line.slice(0, EVIDENCE.characters));
        const message = entry.reason.message.slice(0, EVIDENCE.characters);
        const bytes = jsonBytes({ ...entry, reason: { code: entry.reason.code, message }, evidence });
        if (await statOrNull(disk, file(entry.digest)) === null)
          await writeFileAtomically(disk, file(entry.digest), bytes, 384);
        else await disk.fsyncDir(folder);
      } catch (error2) {
        throw UpdateError.from(error2, "QUARANTINE_FAILED", `could not record release ${entry.digest}`);
      }
    },
    clear: async (digest2) => {
      if (!DIGEST.test(digest2)) return false;
      return guarded("QUARANTINE_FAILED", `could not clear release ${digest2}`, async () => {
        if (await statOrNull(disk, file(digest2)) === null) return false;
        await removeTree(disk, file(digest2));
        await disk.fsyncDir(folder);
        return true;
      });
    }
  };
}

// src/adapters/version-store.ts
import { join as join11 } from "node:path";
import semver2 from "semver";

// src/adapters/can-execute.ts
import { constants as constants2 } from "node:fs";
import * as fs2 from "node:fs/promises";
import { delimiter, isAbsolute, join as join5 } from "node:path";
var ARCHITECTURES = {
  x64: { elf: 62, mach: 16777223 },
  arm64: { elf: 183, mach: 16777228 }
};
var HEAD_BYTES = 4096;
var PT_INTERP = 3;
var no = (path, message, cause) => new UpdateError("STAGE_NOT_EXECUTABLE", `${path}: ${message}`, { cause });
var hex = (value) => `0x${value.toString(16)}`;
async function canExecute(path, machine = {}) {
  const {
    platform = process.platform,
    arch = process.arch,
    searchPath = process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
  } = machine;
  try {
    await fs2.access(path, constants2.X_OK);
  } catch (error2) {
    throw no(path, "expected a file with execute permission, on a disk that is not mounted noexec", error2);
  }
  const head = await readHead(path);
  const magic = head.subarray(0, 4).toString("latin1");
  if (magic.startsWith("#!")) await checkScript(path, head, searchPath);
  else if (platform === "linux" && magic === "\x7FELF") await checkElf(path, head, arch);
  else if (platform === "darwin" && /^(\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe)$/.test(magic))
    checkMach(path, head, arch);
  else
    throw no(
      path,
      `expected ${platform === "darwin" ? "a Mach-O" : "an ELF"} program or a script that begins with #!, found ${JSON.stringify(magic)}`
    );
}
async function readHead(path) {
  try {
    await using file = await fs2.open(path, constants2.O_RDONLY | constants2.O_NONBLOCK);
    const buffer = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await file.read(buffer, 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error2) {
    throw no(path, "expected a file that can be read", error2);
  }
}
async function checkScript(path, head, searchPath) {
  const line = head.subarray(2).toString("latin1").split("\n", 1)[0] ?? "";
  const words = line.trim().split(/[ \t]+/);
  const interpreter = words[0] ?? "";
  if (!isAbsolute(interpreter))
    throw no(path, `expected an absolute path after #!, found ${JSON.stringify(interpreter)}`);
  await checkInterpreter(path, interpreter);
  if (!interpreter.endsWith("/env")) return;
  const name = words.slice(1).find((word) => !word.startsWith("-") && !word.includes("="));
  if (name === void 0) throw no(path, `expected a program after ${interpreter}, found none`);
  if (name.includes("/")) return checkInterpreter(path, name);
  for (const folder of searchPath.split(delimiter)) if (await isExecutable(join5(folder, name))) return;
  throw no(path, `expected ${name} in PATH (${searchPath}), found none`);
}
async function checkInterpreter(path, interpreter) {
  if (!await isExecutable(interpreter))
    throw no(
      path,
      `expected its interpreter ${interpreter} to be there and executable, found that it is not`
    );
}
async function isExecutable(path) {
  try {
    await fs2.access(path, constants2.X_OK);
    return (await fs2.stat(path)).isFile();
  } catch {
    return false;
  }
}
async function checkElf(path, head, arch) {
  if (head.length < 64) throw no(path, `expected an ELF header of 64 bytes, found ${String(head.length)}`);
  if (head[4] !== 2 || head[5] !== 1)
    throw no(path, "expected a 64-bit little-endian ELF program, found another class");
  const type = head.readUInt16LE(16);
  if (type !== 2 && type !== 3)
    throw no(path, `expected an ELF program (e_type 2 or 3), found ${String(type)}`);
  const machine = head.readUInt16LE(18);
  const expected = ARCHITECTURES[arch]?.elf;
  if (expected !== void 0 && machine !== expected)
    throw no(path, `expected a program for ${arch} (e_machine ${hex(expected)}), found ${hex(machine)}`);
  const loader = elfInterpreter(head);
  if (loader !== null) await checkInterpreter(path, loader);
}
function elfInterpreter(head) {
  const table = head.readBigUInt64LE(32);
  const entrySize = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let index = 0; index < count; index += 1) {
    const at = Number(table) + index * entrySize;
    if (at + 56 > head.length) return null;
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const offset = Number(head.readBigUInt64LE(at + 8));
    const end = head.indexOf(0, offset);
    return offset < head.length && end > offset ? head.subarray(offset, end).toString("latin1") : null;
  }
  return null;
}
function checkMach(path, head, arch) {
  const expected = ARCHITECTURES[arch]?.mach;
  if (head.readUInt32BE(0) === 3405691582 || expected === void 0 || head.length < 8) return;
  const found = head.readUInt32LE(4);
  if (found !== expected)
    throw no(path, `expected a program for ${arch} (cputype ${hex(expected)}), found ${hex(found)}`);
}

// src/adapters/version-base.ts
import { join as join7 } from "node:path";

// src/adapters/version-folder.ts
import { join as join6 } from "node:path";
import { z as z4 } from "zod";

// src/bundle/manifest.ts
import { createHash } from "node:crypto";
import { z as z3 } from "zod";
import semver from "semver";
var sha256 = z3.string().regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hex digits");
var versionSchema = z3.string().max(64).refine((value) => semver.valid(value) === value, "expected a SemVer version such as 1.2.3 or 1.3.0-rc.1");
var pathSchema = z3.string().max(100).regex(
  /^[A-Za-z0-9_][A-Za-z0-9._+@-]*(\/[A-Za-z0-9_][A-Za-z0-9._+@-]*)*$/,
  "expected a plain relative path"
).refine((path) => path.toLowerCase() !== "manifest.json", "manifest.json is the manifest itself");
var platformSchema = z3.strictObject({
  os: z3.enum(["linux", "darwin"]),
  arch: z3.enum(["x64", "arm64"]),
  libc: z3.enum(["glibc", "musl"]).optional()
});
var fileSchema = z3.strictObject({
  path: pathSchema,
  mode: z3.literal([420, 493]),
  /** Bytes once decoded. */
  size: z3.int().min(0).max(8 * 1024 ** 3),
  /** SHA-256 once decoded. */
  sha256,
  /**
   * How the member is stored: `zstd`, the whole file compressed; `patch`, what it differs in from a file of the base; `same`, nothing
   * at all, since it is a file of the base.
   */
  encoding: z3.enum(["zstd", "patch", "same"]),
  /** The base's file for `patch` and `same`; the same path unless told. */
  base_path: pathSchema.optional(),
  /** Bytes as they stand in the archive. */
  stored_size: z3.int().min(0).max(8 * 1024 ** 3)
});
var manifestSchema = z3.strictObject({
  schema: z3.literal(1),
  product: z3.string().min(1).max(64),
  version: versionSchema,
  audience: z3.union([z3.tuple([z3.literal("stable"), z3.literal("edge")]), z3.tuple([z3.literal("airgap")])]),
  platform: platformSchema,
  created_at: z3.iso.datetime(),
  entrypoint: pathSchema,
  files: z3.array(fileSchema).min(1).max(4096),
  /** Delta only: the release that its files are made from. */
  base: z3.strictObject({ version: versionSchema, release_digest: sha256 }).optional(),
  min_updater: versionSchema.optional(),
  rollback_safe_to: versionSchema.optional(),
  notes: z3.string().max(16384).optional()
}).superRefine((manifest, context) => {
  const seen = /* @__PURE__ */ new Set();
  for (const { path } of manifest.files) {
    const folded = path.toLowerCase();
    if (seen.has(folded))
      context.addIssue({ code: "custom", path: ["files"], message: `duplicate path ${path}` });
    seen.add(folded);
  }
  for (const path of seen) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      if (seen.has(path.slice(0, at)))
        context.addIssue({
          code: "custom",
          path: ["files"],
          message: `${path.slice(0, at)} is a file and a folder`
        });
    }
  }
  for (const [index, { encoding, base_path: basePath, stored_size: stored }] of manifest.files.entries()) {
    const fault2 = encoding === "zstd" ? basePath !== void 0 && "expected no base_path for a whole file" : manifest.base === void 0 ? `expected a base for encoding ${encoding}` : encoding === "same" && stored !== 0 && "expected stored_size 0 for encoding same";
    if (fault2 !== false) context.addIssue({ code: "custom", path: ["files", index], message: fault2 });
  }
  const entry = manifest.files.find(({ path }) => path === manifest.entrypoint);
  if (entry?.mode !== 493)
    context.addIssue({
      code: "custom",
      path: ["entrypoint"],
      message: "expected one of the files, with mode 0755"
    });
});
function releaseDigest(files) {
  const hash = createHash("sha256");
  const sorted = [...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  for (const { path, mode, size, sha256: sum } of sorted)
    hash.update(`${path}\0${mode.toString(8)}\0${String(size)}\0${sum}
`);
  return hash.digest("hex");
}

// src/adapters/version-folder.ts
var MANIFEST = "manifest.json";
var MARK = "committed";
var MANIFEST_CAP = 4 * 1024 * 1024;
var MARK_CAP = 64 * 1024;
var refSchema = z4.discriminatedUnion("origin", [
  z4.strictObject({
    origin: z4.literal("store"),
    version: versionSchema,
    digest: z4.string().regex(/^[0-9a-f]{64}$/)
  }),
  z4.strictObject({ origin: z4.literal("baseline"), version: z4.string() })
]);
var markSchema = z4.strictObject({
  at: z4.number(),
  previous: refSchema,
  watched: z4.boolean(),
  appliedOver: z4.string().optional()
});
var filesOf = (folder) => join6(folder, "files");
var isVersionName = (name) => versionSchema.safeParse(name).success;
async function readVersionFolder(disk, folder, version, baseline) {
  const stat2 = await statOrNull(disk, folder);
  if (stat2 === null) return { missing: true };
  if (stat2.kind !== "folder") return { missing: false, why: `expected a folder, found a ${stat2.kind}` };
  const manifest = await readManifest(disk, folder);
  if (typeof manifest === "string") return { missing: false, why: manifest };
  if (manifest.version !== version)
    return { missing: false, why: `expected the manifest of ${version}, found that of ${manifest.version}` };
  const entry = await statOrNull(disk, join6(filesOf(folder), manifest.entrypoint));
  if (entry?.kind !== "file")
    return {
      missing: false,
      why: `expected the entry file ${manifest.entrypoint}, found ${entry?.kind ?? "nothing"}`
    };
  return {
    folder,
    manifest,
    ref: { origin: "store", version, digest: releaseDigest(manifest.files) },
    mark: await readMark(disk, folder, baseline),
    size: manifest.files.reduce((sum, { size }) => sum + size, 0)
  };
}
async function readManifest(disk, folder) {
  try {
    return await readJsonFile(disk, join6(folder, MANIFEST), MANIFEST_CAP, manifestSchema);
  } catch (error2) {
    if (error2 instanceof JsonFileError || hasErrno(error2, "ENOENT", "EFBIG", "EINVAL", "ELOOP"))
      return error2.message;
    throw error2;
  }
}
async function readMark(disk, folder, baseline) {
  try {
    return await readJsonFile(disk, join6(folder, MARK), MARK_CAP, markSchema);
  } catch (error2) {
    if (hasErrno(error2, "ENOENT")) return null;
    if (error2 instanceof JsonFileError || hasErrno(error2, "EFBIG", "EINVAL", "ELOOP"))
      return { at: 0, previous: baseline, watched: true };
    throw error2;
  }
}
async function writeManifest(disk, folder, manifest) {
  await writeFileAtomically(disk, join6(folder, MANIFEST), jsonBytes(manifest), 384);
}
async function writeMark(disk, folder, mark) {
  await writeFileAtomically(disk, join6(folder, MARK), jsonBytes(mark), 384);
}

// src/adapters/version-base.ts
function baseFiles(disk, { folder, manifest, ref: ref2 }) {
  return {
    open: async (path) => {
      const entry = manifest.files.find((file) => file.path === path);
      if (entry === void 0)
        throw new UpdateError(
          "DELTA_BASE_MISSING",
          `expected ${path} in the base ${ref2.version}, found no such file in its manifest`
        );
      const what = `could not read ${path} of ${ref2.version}`;
      try {
        const handle = await disk.openRead(join7(filesOf(folder), path), "refuse");
        return {
          size: entry.size,
          read: async (buffer, position) => {
            try {
              return await handle.read(buffer, position);
            } catch (error2) {
              throw diskFault(error2, "VERSION_DAMAGED", what);
            }
          },
          close: () => handle.close()
        };
      } catch (error2) {
        throw diskFault(error2, "DELTA_BASE_MISSING", what);
      }
    }
  };
}

// src/adapters/version-files.ts
import { createHash as createHash2 } from "node:crypto";
import { join as join8 } from "node:path";

// src/bundle/read-ahead.ts
async function* readAhead(source) {
  const items = source[Symbol.asyncIterator]();
  let next = items.next();
  try {
    for (; ; ) {
      const current = await next;
      if (current.done === true) return;
      next = items.next();
      next.catch(() => void 0);
      yield current.value;
    }
  } finally {
    await next.catch(() => void 0);
    await items.return?.();
  }
}

// src/adapters/version-files.ts
var CHUNK_BYTES = 1024 * 1024;
var damaged = (message) => new UpdateError("VERSION_DAMAGED", message);
async function checkFiles(disk, folder, manifest, signal, since = /* @__PURE__ */ new Map()) {
  const expected = new Map(manifest.files.map((file) => [file.path, file]));
  const folders = new Set(manifest.files.flatMap(({ path }) => parents(path)));
  await checkNames(disk, folder, "", expected, folders);
  const seal = /* @__PURE__ */ new Map();
  for (const file of manifest.files) {
    const stamp = await checkFile(disk, folder, file, since.get(file.path), signal);
    if (stamp !== null) seal.set(file.path, stamp);
  }
  return seal;
}
function parents(path) {
  const segments = path.split("/");
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join("/"));
}
async function checkNames(disk, root, below, files, folders) {
  for (const name of await disk.readdir(join8(root, below))) {
    const path = below === "" ? name : `${below}/${name}`;
    if (files.has(path)) continue;
    if (!folders.has(path))
      throw damaged(`expected only the files of the manifest in ${root}, found ${path}`);
    const { kind } = await disk.lstat(join8(root, path));
    if (kind !== "folder") throw damaged(`expected ${join8(root, path)} to be a folder, found a ${kind}`);
    await checkNames(disk, root, path, files, folders);
  }
}
async function checkFile(disk, root, file, before, signal) {
  throwIfCancelled(signal);
  const path = join8(root, file.path);
  let handle;
  try {
    handle = await disk.openRead(path, "refuse");
  } catch (error2) {
    throw UpdateError.from(error2, "VERSION_DAMAGED", "expected a file of the manifest");
  }
  try {
    const { kind, mode, size, stamp, settled } = await handle.stat();
    if (kind !== "file") throw damaged(`expected ${path} to be a file, found a ${kind}`);
    if (mode !== file.mode)
      throw damaged(`expected ${path} to have mode 0${file.mode.toString(8)}, found 0${mode.toString(8)}`);
    if (size !== file.size)
      throw damaged(`expected ${path} to have ${String(file.size)} bytes, found ${String(size)}`);
    if (stamp === before) return stamp;
    const hash = createHash2("sha256");
    for await (const chunk of readAhead(chunksOf(handle, size, signal))) hash.update(chunk);
    const found = hash.digest("hex");
    if (found !== file.sha256)
      throw damaged(`expected ${path} to have SHA-256 ${file.sha256}, found ${found}`);
    return settled ? stamp : null;
  } finally {
    await handle.close();
  }
}
async function* chunksOf(handle, size, signal) {
  const length = Math.max(1, Math.min(CHUNK_BYTES, size));
  const buffers = [new Uint8Array(length), new Uint8Array(length)];
  for (let [position, turn] = [0, 0]; position < size; turn += 1) {
    throwIfCancelled(signal);
    const buffer = turn % 2 === 0 ? buffers[0] : buffers[1];
    const count = await handle.read(buffer, position);
    if (count === 0) return;
    yield buffer.subarray(0, count);
    position += count;
  }
}

// src/adapters/version-pointer.ts
import { dirname as dirname3, join as join9 } from "node:path";
var PREFIX2 = ".current-";
async function readPointer(disk, current) {
  try {
    const version = /^versions\/([^/]+)$/.exec(await disk.readlink(current))?.[1];
    return version !== void 0 && isVersionName(version) ? version : null;
  } catch (error2) {
    if (hasErrno(error2, "ENOENT", "EINVAL")) return null;
    throw error2;
  }
}
async function swapPointer(disk, current, version) {
  if (await readPointer(disk, current) !== version) {
    if ((await statOrNull(disk, current))?.kind === "folder") await removeTree(disk, current);
    const fresh = freshName(current, PREFIX2);
    await disk.symlink(`versions/${version}`, fresh);
    await disk.rename(fresh, current);
  }
  await disk.fsyncDir(dirname3(current));
}
async function removePointer(disk, current) {
  await removeTree(disk, current);
  await disk.fsyncDir(dirname3(current));
}
async function tidyPointer(disk, current) {
  const root = dirname3(current);
  for (const name of await disk.readdir(root))
    if (name.startsWith(PREFIX2)) await removeTree(disk, join9(root, name));
}

// src/adapters/version-stage.ts
import { join as join10 } from "node:path";
var failed = (message) => new UpdateError("STAGE_FAILED", message);
async function stageVersion(request) {
  const { disk, paths, manifest, digest: digest2, current, signal } = request;
  const { version } = manifest;
  const computed = releaseDigest(manifest.files);
  if (computed !== digest2)
    throw failed(`expected the manifest of release ${digest2}, found that of ${computed}`);
  const final = join10(paths.versions, version);
  if (await isIntact(request, final)) {
    await disk.fsyncDir(paths.versions);
    return;
  }
  if (current === version)
    throw failed(`expected ${version} to be replaced while it is not current, found that it is current`);
  const staging = join10(paths.versions, `.staging-${version}`);
  if (await statOrNull(disk, join10(paths.downloads, request.unpacked)) !== null)
    await prepare(request, staging);
  else if (!await isIntact(request, staging))
    throw failed(`expected the folder ${request.unpacked} in downloads, found nothing`);
  throwIfCancelled(signal);
  await keepMark(request, final, staging);
  const old = await statOrNull(disk, final) === null ? null : freshName(final, `.old-${version}-`);
  if (old !== null) await disk.rename(final, old);
  await disk.rename(staging, final);
  await disk.fsyncDir(paths.versions);
  if (old !== null) await removeTree(disk, old);
}
async function keepMark({ disk, manifest, digest: digest2, baseline }, final, staging) {
  const found = await readVersionFolder(disk, final, manifest.version, baseline);
  if (!("missing" in found) && found.ref.digest === digest2 && found.mark !== null)
    await writeMark(disk, staging, found.mark);
}
async function isIntact({ disk, manifest, digest: digest2, baseline, signal }, folder) {
  const found = await readVersionFolder(disk, folder, manifest.version, baseline);
  if ("missing" in found || found.ref.digest !== digest2) return false;
  try {
    await checkFiles(disk, filesOf(folder), found.manifest, signal);
    return true;
  } catch (error2) {
    if (error2 instanceof UpdateError && error2.code === "VERSION_DAMAGED") return false;
    throw error2;
  }
}
async function prepare(request, staging) {
  const { disk, paths, manifest, signal } = request;
  const source = join10(paths.downloads, request.unpacked);
  const files = filesOf(source);
  for (const { path, mode } of manifest.files) {
    throwIfCancelled(signal);
    if ((await statOrNull(disk, join10(files, path)))?.kind === "file")
      await disk.chmod(join10(files, path), mode);
  }
  try {
    await checkFiles(disk, files, manifest, signal);
  } catch (error2) {
    if (error2 instanceof UpdateError && error2.code === "VERSION_DAMAGED")
      throw new UpdateError("BUNDLE_CHANGED", `after it was verified: ${error2.message}`, { cause: error2 });
    throw error2;
  }
  await request.canExecute(join10(files, manifest.entrypoint));
  throwIfCancelled(signal);
  await removeTree(disk, staging);
  await writeManifest(disk, source, manifest);
  await syncTree(disk, source);
  await disk.rename(source, staging);
  await disk.fsyncDir(paths.versions);
  await disk.fsyncDir(paths.downloads);
}

// src/adapters/version-store.ts
function openVersionStore(options) {
  const { disk, paths, canExecute: canExecute2 = canExecute } = options;
  const baseline = { origin: "baseline", version: options.baseline.version };
  const reading = "STATE_DIR_UNUSABLE";
  const read = (version) => readVersionFolder(disk, join11(paths.versions, version), version, baseline);
  async function find(ref2) {
    const found = await read(ref2.version);
    if ("missing" in found) {
      const why = found.missing ? "nothing" : `a damaged one: ${found.why}`;
      throw new UpdateError("VERSION_NOT_FOUND", `expected version ${ref2.version}, found ${why}`);
    }
    if (found.ref.digest !== ref2.digest)
      throw new UpdateError(
        "VERSION_NOT_FOUND",
        `expected version ${ref2.version} of release ${ref2.digest}, found that of ${found.ref.digest}`
      );
    return found;
  }
  async function all() {
    const names = (await disk.readdir(paths.versions)).filter(isVersionName);
    const found = await Promise.all(names.map(read));
    return found.filter((each) => !("missing" in each)).sort((a, b) => semver2.rcompare(a.ref.version, b.ref.version));
  }
  async function pointed() {
    const version = await readPointer(disk, paths.current);
    const found = version === null ? null : await read(version);
    return found === null || "missing" in found ? null : found;
  }
  async function discard(version) {
    const folder = join11(paths.versions, version);
    const old = freshName(folder, `.old-${version}-`);
    await disk.rename(folder, old);
    await disk.fsyncDir(paths.versions);
    await removeTree(disk, old);
  }
  return {
    baseline,
    current: () => guarded(reading, "could not read the current version", async () => (await pointed())?.ref ?? baseline),
    list: () => guarded(
      reading,
      "could not list the versions",
      async () => (await all()).map(({ ref: ref2, mark, size }) => ({ ref: ref2, mark, size }))
    ),
    entry: async (ref2) => {
      if (ref2.origin === "baseline") return options.baseline.entry;
      const { folder, manifest } = await guarded(reading, `could not read ${ref2.version}`, () => find(ref2));
      return join11(filesOf(folder), manifest.entrypoint);
    },
    files: (ref2) => guarded(reading, `could not read ${ref2.version}`, async () => baseFiles(disk, await find(ref2))),
    check: async (ref2, signal, since) => {
      if (ref2.origin === "baseline") return /* @__PURE__ */ new Map();
      return guarded("VERSION_DAMAGED", `could not check ${ref2.version}`, async () => {
        const found = await read(ref2.version);
        if ("missing" in found && !found.missing)
          throw new UpdateError("VERSION_DAMAGED", `version ${ref2.version}: ${found.why}`);
        const { folder, manifest } = await find(ref2);
        return checkFiles(disk, filesOf(folder), manifest, signal, since);
      });
    },
    stage: (unpacked, manifest, digest2, signal) => guarded("STAGE_FAILED", `could not stage ${manifest.version}`, async () => {
      if (!/^[A-Za-z0-9_][A-Za-z0-9._+@-]*$/.test(unpacked))
        throw new UpdateError(
          "INTERNAL",
          `expected a plain folder name, found ${JSON.stringify(unpacked)}`
        );
      const current = await readPointer(disk, paths.current);
      await stageVersion({
        disk,
        paths,
        canExecute: canExecute2,
        unpacked,
        manifest,
        digest: digest2,
        current,
        baseline,
        signal
      });
    }),
    activate: (ref2) => guarded("STAGE_FAILED", `could not make ${ref2.version} the current version`, async () => {
      if (ref2.origin === "baseline") return removePointer(disk, paths.current);
      await find(ref2);
      await swapPointer(disk, paths.current, ref2.version);
    }),
    mark: async (ref2, mark) => {
      if (ref2.origin === "baseline") return;
      await guarded(
        "COMMIT_FAILED",
        `could not mark ${ref2.version} as committed`,
        async () => writeMark(disk, (await find(ref2)).folder, mark)
      );
    },
    prune: (keep) => guarded("STAGE_FAILED", "could not prune the versions", async () => {
      const versions = await all();
      const kept = new Set(keep.filter(({ origin }) => origin === "store").map(({ version }) => version));
      const current = await readPointer(disk, paths.current);
      if (current !== null) kept.add(current);
      const floor = versions.find(({ mark }) => mark?.watched === true);
      if (floor !== void 0) kept.add(floor.ref.version);
      const gone = versions.filter(({ ref: ref2 }) => !kept.has(ref2.version));
      for (const { ref: ref2 } of gone) await discard(ref2.version);
      return gone.map(({ ref: ref2 }) => ref2);
    }),
    tidy: () => guarded(reading, "could not tidy the version store", async () => {
      for (const name of await disk.readdir(paths.versions)) {
        if (name.startsWith(".")) await removeTree(disk, join11(paths.versions, name));
        else if ((await disk.lstat(join11(paths.versions, name))).kind === "folder")
          await removeLeftovers(disk, join11(paths.versions, name));
      }
      await disk.fsyncDir(paths.versions);
      await tidyPointer(disk, paths.current);
      if (await pointed() === null) await removePointer(disk, paths.current);
    })
  };
}

// src/adapters/approvals.ts
import { z as z5 } from "zod";
var FILE_CAP2 = 64 * 1024;
var KEPT = 20;
var approvalsSchema = z5.array(
  z5.strictObject({ digest: z5.string().regex(/^[0-9a-f]{64}$/), version: z5.string(), at: z5.number() })
);
function openApprovals(disk, file) {
  const waiting = /* @__PURE__ */ new Map();
  let written = Promise.resolve();
  const read = () => guarded("STATE_DIR_UNUSABLE", `could not read ${file}`, async () => {
    try {
      return await readJsonFile(disk, file, FILE_CAP2, approvalsSchema);
    } catch (error2) {
      if (hasErrno(error2, "ENOENT") || error2 instanceof JsonFileError) return [];
      throw error2;
    }
  });
  const get = async (digest2) => (await read()).find((it) => it.digest === digest2) ?? null;
  const write = async (approval) => {
    const others = await read();
    if (others.some(({ digest: digest2 }) => digest2 === approval.digest)) return;
    const bytes = jsonBytes([approval, ...others].slice(0, KEPT));
    await guarded(
      "STATE_DIR_UNUSABLE",
      `could not write ${file}`,
      () => writeFileAtomically(disk, file, bytes, 384)
    );
  };
  return {
    get,
    add: async (approval) => {
      const turn = written.then(() => write(approval));
      written = turn.catch(() => void 0);
      await turn;
      for (const [tell, digest2] of waiting) if (digest2 === approval.digest) tell();
    },
    approved: async (digest2, signal) => {
      throwIfCancelled(signal);
      const heard = Promise.withResolvers();
      const tell = () => {
        heard.resolve(void 0);
      };
      const abort = () => {
        heard.reject(
          new UpdateError("CANCELLED", "no longer waiting for an approval", { cause: signal.reason })
        );
      };
      waiting.set(tell, digest2);
      signal.addEventListener("abort", abort, { once: true });
      get(digest2).then((found) => {
        if (found !== null) tell();
      }, heard.reject);
      try {
        await heard.promise;
      } finally {
        waiting.delete(tell);
        signal.removeEventListener("abort", abort);
      }
    }
  };
}

// src/adapters/pauses.ts
import { dirname as dirname4 } from "node:path";
import { z as z6 } from "zod";
var FILE_CAP3 = 64 * 1024;
var MESSAGE_CHARACTERS = 1e3;
var recordSchema = z6.strictObject({
  code: z6.custom((code2) => typeof code2 === "string" && Object.hasOwn(ERROR_CODES, code2)),
  message: z6.string()
});
function openPauses(disk, file) {
  return {
    read: () => guarded("STATE_DIR_UNUSABLE", `could not read ${file}`, async () => {
      try {
        return await readJsonFile(disk, file, FILE_CAP3, recordSchema);
      } catch (error2) {
        if (hasErrno(error2, "ENOENT")) return null;
        if (!(error2 instanceof JsonFileError)) throw error2;
        return { code: "UPDATES_PAUSED", message: `updates were paused, but ${file} does not say why` };
      }
    }),
    write: async ({ code: code2, message }) => {
      const bytes = jsonBytes({ code: code2, message: message.slice(0, MESSAGE_CHARACTERS) });
      await guarded(
        "STATE_DIR_UNUSABLE",
        `could not write ${file}`,
        () => writeFileAtomically(disk, file, bytes, 384)
      );
    },
    clear: () => guarded("STATE_DIR_UNUSABLE", `could not remove ${file}`, async () => {
      if (await statOrNull(disk, file) === null) return;
      await removeTree(disk, file);
      await disk.fsyncDir(dirname4(file));
    })
  };
}

// src/adapters/head-store.ts
import { join as join12 } from "node:path";
import { z as z8 } from "zod";

// src/bundle/head.ts
import { z as z7 } from "zod";
var sha2562 = z7.string().regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hex digits");
var numericDate = z7.int().min(0).max(253402300799);
var HEAD_MAX_LIFETIME_S = 14 * 24 * 3600;
var HEAD_MAX_BYTES = { edge: 64 * 1024, stable: 256 * 1024 };
var feedPath = z7.string().max(255).regex(
  /^[A-Za-z0-9_][A-Za-z0-9._+@-]*(\/[A-Za-z0-9_][A-Za-z0-9._+@-]*)*$/,
  "expected a plain relative path"
);
var headBundleSchema = z7.strictObject({
  path: feedPath,
  size: z7.int().min(1).max(8 * 1024 ** 3),
  sha256: sha2562,
  /** Delta only: the release digest of its base. */
  base: sha2562.optional()
});
var targetSchema = z7.strictObject({
  ...platformSchema.shape,
  release_digest: sha2562,
  bundles: z7.array(headBundleSchema).min(1).max(64).refine(
    (bundles) => bundles.filter(({ base }) => base === void 0).length === 1,
    "expected one full bundle, and deltas beside it"
  )
});
var onePlatformEach = (targets) => new Set(targets.map(({ os, arch, libc }) => `${os}/${arch}/${libc ?? ""}`)).size === targets.length;
var targetsSchema = z7.array(targetSchema).min(1).max(64).refine(onePlatformEach, "expected one target a platform");
var stepSchema = z7.strictObject({ version: versionSchema, targets: targetsSchema });
var rolloutSchema = z7.strictObject({
  /** When the first host may take it. */
  start: numericDate,
  /** Seconds over which the share of hosts grows from none to all. */
  duration: z7.int().min(1).max(90 * 24 * 3600).optional(),
  /** A fixed share of hosts instead, 0 to 100. */
  percent: z7.number().min(0).max(100).optional()
}).refine(({ duration, percent }) => duration === void 0 !== (percent === void 0), {
  message: "expected either duration or percent"
});
var securitySchema = z7.strictObject({ reason: z7.string().min(1).max(1024), at: numericDate });
var headSchema = z7.strictObject({
  iss: z7.string().min(1).max(255),
  aud: z7.string().min(1).max(64),
  sub: z7.enum(["stable", "edge"]),
  iat: numericDate,
  nbf: numericDate,
  exp: numericDate,
  jti: z7.string().min(1).max(64),
  epoch: z7.int().min(0),
  seq: z7.int().min(0),
  version: versionSchema,
  min_version: versionSchema.optional(),
  blocked: z7.array(versionSchema).max(256).optional(),
  targets: targetsSchema,
  steps: z7.array(stepSchema).max(8).optional(),
  rollout: rolloutSchema.optional(),
  /** Stable only: the complete edge head that first named this release, as it was published. */
  bake: z7.string().max(HEAD_MAX_BYTES.edge).optional(),
  /** Stable only. */
  security: securitySchema.optional()
}).superRefine((head, context) => {
  if (head.exp <= head.iat || head.exp - head.iat > HEAD_MAX_LIFETIME_S)
    context.addIssue({
      code: "custom",
      path: ["exp"],
      message: "expected after iat, and at most 14 days on"
    });
  if (head.sub !== "stable") {
    for (const member of ["bake", "security"])
      if (head[member] !== void 0)
        context.addIssue({ code: "custom", path: [member], message: "expected on stable only" });
  }
});

// src/adapters/entity-tag.ts
var TAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,250}"$/;
function entityTag(header) {
  const tag = header?.trim() ?? "";
  return TAG.test(tag) ? tag : null;
}

// src/adapters/head-store.ts
var TAG_MAX_BYTES = 4 * 1024;
var tagSchema = z8.strictObject({
  etag: z8.string().refine((tag) => entityTag(tag) === tag),
  kid: z8.string().max(64).nullable(),
  sha256: z8.string().regex(/^[0-9a-f]{64}$/)
});
function parseTag(bytes) {
  try {
    return tagSchema.safeParse(JSON.parse(Buffer.from(bytes).toString())).data ?? null;
  } catch (error2) {
    if (error2 instanceof SyntaxError) return null;
    throw error2;
  }
}
async function openHeadStore(disk, folder) {
  const file = (channel) => join12(folder, `${channel}.jws`);
  const tagFile = (channel) => join12(folder, `${channel}.etag.json`);
  await guarded("STATE_DIR_UNUSABLE", `could not tidy ${folder}`, () => removeLeftovers(disk, folder));
  return {
    read: (channel) => guarded("STATE_DIR_UNUSABLE", `could not read the stored ${channel} head`, async () => {
      try {
        return await disk.readFile(file(channel), HEAD_MAX_BYTES[channel]);
      } catch (error2) {
        if (hasErrno(error2, "ENOENT")) return null;
        if (hasErrno(error2, "EFBIG"))
          throw new UpdateError("JWS_TOO_LARGE", error2.message, { cause: error2 });
        throw error2;
      }
    }),
    write: (channel, bytes) => guarded("STATE_DIR_UNUSABLE", `could not store the ${channel} head`, () => {
      const cap = HEAD_MAX_BYTES[channel];
      if (bytes.length > cap)
        throw new UpdateError(
          "JWS_TOO_LARGE",
          `expected a head of at most ${String(cap)} bytes, found ${String(bytes.length)}`
        );
      return writeFileAtomically(disk, file(channel), bytes, 384);
    }),
    readTag: (channel) => guarded("STATE_DIR_UNUSABLE", `could not read the tag of the ${channel} head`, async () => {
      try {
        return parseTag(await disk.readFile(tagFile(channel), TAG_MAX_BYTES));
      } catch (error2) {
        if (hasErrno(error2, "ENOENT", "EFBIG", "EINVAL", "ELOOP")) return null;
        throw error2;
      }
    }),
    writeTag: (channel, tag) => guarded(
      "STATE_DIR_UNUSABLE",
      `could not store the tag of the ${channel} head`,
      () => writeFileAtomically(disk, tagFile(channel), Buffer.from(`${JSON.stringify(tag)}
`), 384)
    )
  };
}

// src/adapters/process-record.ts
import { z as z9 } from "zod";
var CAP = 4096;
var recordSchema2 = z9.strictObject({
  schema: z9.literal(1),
  bootId: z9.string().min(1),
  /** Never 0 or 1, nor negative: these would mean whole groups, or init. */
  pid: z9.int().min(2),
  startTime: z9.int().min(0),
  launchId: z9.string().min(16),
  version: z9.string()
});
function parse(bytes) {
  try {
    const { schema: _, ...record } = recordSchema2.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    return record;
  } catch (error2) {
    if (error2 instanceof SyntaxError || error2 instanceof z9.ZodError) return null;
    throw error2;
  }
}
function processRecordFile(disk, path) {
  const code2 = "STATE_DIR_UNUSABLE";
  return {
    read: () => guarded(code2, `cannot read ${path}`, async () => {
      try {
        return parse(await disk.readFile(path, CAP));
      } catch (error2) {
        if (hasErrno(error2, "ENOENT", "EFBIG", "EINVAL")) return null;
        throw error2;
      }
    }),
    write: (record) => guarded(
      code2,
      `cannot write ${path}`,
      () => writeFileAtomically(disk, path, Buffer.from(`${JSON.stringify({ schema: 1, ...record })}
`), 384)
    ),
    remove: () => guarded(code2, `cannot remove ${path}`, async () => {
      try {
        await disk.unlink(path);
      } catch (error2) {
        if (!hasErrno(error2, "ENOENT")) throw error2;
      }
    })
  };
}

// src/adapters/state-dir.ts
import { isAbsolute as isAbsolute2, join as join13, normalize } from "node:path";

// src/adapters/disk.ts
import { constants as constants3 } from "node:fs";
import * as fs3 from "node:fs/promises";
function errnoError(code2, message, path) {
  return Object.assign(new Error(`${code2}: ${message}, '${path}'`), { code: code2, path });
}
var SETTLED_MS = 100;
function toStat(stats) {
  const kind = stats.isFile() ? "file" : stats.isDirectory() ? "folder" : stats.isSymbolicLink() ? "symlink" : "other";
  const { dev, ino, size, mtimeMs, ctimeMs } = stats;
  return {
    kind,
    size: Number(size),
    mode: Number(stats.mode) & 4095,
    uid: Number(stats.uid),
    stamp: [dev, ino, size, mtimeMs, ctimeMs].map(String).join(":"),
    settled: Date.now() - Number(ctimeMs) >= SETTLED_MS
  };
}
function nodeHandle(file) {
  return {
    stat: async () => toStat(await file.stat()),
    read: async (buffer, position) => {
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    write: async (bytes) => {
      let written = 0;
      while (written < bytes.length)
        written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
    },
    truncate: (size) => file.truncate(size),
    sync: () => file.sync(),
    close: () => file.close()
  };
}
var { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants3;
async function openRead(path, links) {
  return nodeHandle(await fs3.open(path, O_RDONLY | O_NONBLOCK | (links === "refuse" ? O_NOFOLLOW : 0)));
}
var nodeDisk = {
  mkdir: async (path, mode) => {
    await fs3.mkdir(path, { mode });
  },
  createExclusive: async (path, mode) => {
    const file = await fs3.open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, mode);
    try {
      await file.chmod(mode);
    } catch (error2) {
      await file.close();
      throw error2;
    }
    return nodeHandle(file);
  },
  openAppend: async (path, mode) => nodeHandle(await fs3.open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode)),
  openRead,
  readFile: async (path, cap) => {
    const handle = await openRead(path, "refuse");
    try {
      const { kind, size } = await handle.stat();
      if (kind !== "file") throw errnoError("EINVAL", `expected a regular file, found a ${kind}`, path);
      if (size > cap)
        throw errnoError("EFBIG", `expected at most ${String(cap)} bytes, found ${String(size)}`, path);
      const buffer = new Uint8Array(size);
      return buffer.subarray(0, await handle.read(buffer, 0));
    } finally {
      await handle.close();
    }
  },
  readdir: (path) => fs3.readdir(path),
  lstat: async (path) => toStat(await fs3.lstat(path)),
  rename: (from, to) => fs3.rename(from, to),
  symlink: (target, path) => fs3.symlink(target, path),
  readlink: (path) => fs3.readlink(path),
  unlink: (path) => fs3.unlink(path),
  rmdir: (path) => fs3.rmdir(path),
  chmod: async (path, mode) => {
    const file = await fs3.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      await file.chmod(mode);
    } finally {
      await file.close();
    }
  },
  fsyncDir: async (path) => {
    const folder = await fs3.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  freeBytes: async (path) => {
    const { bavail, bsize } = await fs3.statfs(path);
    return bavail * bsize;
  }
};

// src/adapters/state-dir.ts
function statePaths(root) {
  return {
    root,
    stateDb: join13(root, "state.db"),
    heads: join13(root, "heads"),
    quarantine: join13(root, "quarantine"),
    downloads: join13(root, "downloads"),
    versions: join13(root, "versions"),
    current: join13(root, "current"),
    controlSocket: join13(root, "control.sock"),
    workloadRecord: join13(root, "workload.json"),
    machineId: join13(root, "machine-id"),
    paused: join13(root, "paused.json"),
    approvals: join13(root, "approvals.json")
  };
}
var unusable = (message) => new UpdateError("STATE_DIR_UNUSABLE", message);
var octal = (mode) => `0${mode.toString(8).padStart(3, "0")}`;
async function openStateDir(path, disk = nodeDisk) {
  if (!isAbsolute2(path)) throw unusable(`expected an absolute path for the state directory, found ${path}`);
  const paths = statePaths(normalize(path).replace(/(?<=.)\/$/, ""));
  const { root, heads, quarantine, downloads, versions } = paths;
  try {
    for (let at = root.indexOf("/", 1); at > 0; at = root.indexOf("/", at + 1))
      await makeFolder(disk, root.slice(0, at), 493);
    for (const folder of [root, heads, quarantine, downloads, versions]) {
      await makeFolder(disk, folder, 448);
      await checkFolder(disk, folder);
    }
    await checkWritable(disk, root);
  } catch (error2) {
    throw diskFault(error2, "STATE_DIR_UNUSABLE", `cannot use the state directory ${root}`);
  }
  return paths;
}
async function makeFolder(disk, path, mode) {
  if (await statOrNull(disk, path) !== null) return;
  try {
    await disk.mkdir(path, mode);
  } catch (error2) {
    if (hasErrno(error2, "EEXIST")) return;
    throw error2;
  }
  await disk.fsyncDir(join13(path, ".."));
}
async function checkFolder(disk, path) {
  const { kind, mode, uid } = await disk.lstat(path);
  if (kind === "symlink")
    throw unusable(
      `expected ${path} to be a folder, found a symbolic link to ${await disk.readlink(path)}; set state_dir to the folder itself`
    );
  if (kind !== "folder")
    throw unusable(`expected ${path} to be a folder, found a ${kind === "file" ? "file" : "special file"}`);
  const own = process.geteuid?.() ?? uid;
  if (uid !== own)
    throw unusable(`expected ${path} to belong to uid ${String(own)}, found uid ${String(uid)}`);
  if ((mode & 18) !== 0)
    throw unusable(`expected ${path} to have mode 0700, found ${octal(mode)}, into which others can write`);
  if ((mode & 511) !== 448) await disk.chmod(path, 448);
}
async function checkWritable(disk, root) {
  const probe = freshName(join13(root, "probe"), ".tmp-probe-");
  const handle = await disk.createExclusive(probe, 384);
  await handle.close();
  await disk.unlink(probe);
}
export {
  nodeDisk,
  openApprovals,
  openHeadStore,
  openJournal,
  openPauses,
  openQuarantine,
  openStateDir,
  openVersionStore,
  processRecordFile
};
