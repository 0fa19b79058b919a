/**
 * The one table of error codes. Codes are stable: they are part of the public interface (CLI `--json`, logs,
 * journal, exit codes) and are never renamed, only added. `docs/errors.md` is generated from this table.
 *
 * - `exit`: the exit code that the CLI ends with (0 done, 1 error, 2 usage, 3 not trusted, 4 rolled back,
 *   5 deferred or disabled, 6 daemon unreachable).
 * - `retryable`: whether the same attempt may succeed later with nothing changed by a person.
 * - `blames`: whose doing it is. Only what the `release` did by itself puts a release into quarantine; bytes that
 *   were refused (`bundle`) hold back the fetch of the same bytes; everything else is tried again.
 */

/** Whose doing an error is; decides about quarantine and back-off. */
export type Blame = 'release' | 'bundle' | 'feed' | 'host' | 'operator' | 'program';

/** A row of the table of codes. */
export interface CodeInfo {
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6;
  readonly retryable: boolean;
  readonly blames: Blame;
  /** What it means, in one sentence. */
  readonly means: string;
  /** What to do next, in one sentence, imperative. */
  readonly next: string;
}

const row = (
  exit: CodeInfo['exit'],
  blames: Blame,
  retryable: boolean,
  means: string,
  next: string,
): CodeInfo => ({ exit, retryable, blames, means, next });

const TRUST_NEXT = 'Do not install it; fetch the file again, and if it is refused again tell the publisher.';

/** Every code, with what it means and what to do next. */
export const ERROR_CODES = {
  // -- signed documents -------------------------------------------------------------------------------------
  JWS_MALFORMED: row(3, 'bundle', false, 'The bytes are not a JWS in compact serialisation.', TRUST_NEXT),
  JWS_HEADER_INVALID: row(3, 'bundle', false, 'The protected header is not exactly { alg, kid, typ }.', TRUST_NEXT),
  JWS_TYPE_MISMATCH: row(3, 'bundle', false, 'The document is of another type than the one that is read here.', 'Give the right file: a bundle where a bundle is expected, a head where a head is.'),
  JWS_KEY_UNKNOWN: row(3, 'bundle', false, 'The document is signed by a key that is not in the trust set.', 'Check that this program was built for the publisher of this file; a program that is too old for a new key must be updated by hand.'),
  JWS_KEY_NOT_ALLOWED: row(3, 'bundle', false, 'The key is in the trust set, but not for this use or audience.', TRUST_NEXT),
  JWS_ALGORITHM_MISMATCH: row(3, 'bundle', false, 'The header names another algorithm than the one its key is bound to.', TRUST_NEXT),
  JWS_SIGNATURE_INVALID: row(3, 'bundle', false, 'The signature does not fit the bytes.', TRUST_NEXT),
  JWS_TOO_LARGE: row(3, 'bundle', false, 'The document is larger than its cap.', TRUST_NEXT),
  JSON_INVALID: row(3, 'bundle', false, 'A signed JSON text is not strict JSON (syntax, duplicate member, BOM or invalid UTF-8).', TRUST_NEXT),
  TRUST_SET_INVALID: row(1, 'program', false, 'A trust set holds a key that may not be used.', 'Make the trust set again with `core keys generate`.'),
  TRUST_FILE_NOT_FOUND: row(1, 'operator', false, 'The trust file cannot be read.', 'Check the path and its permissions; `core keys generate` writes it as `trust.json`.'),
  TRUST_SET_MISSING: row(1, 'program', false, 'This program was built without public keys.', 'Build it with `npm run build -- --trust FILE`.'),

  // -- channel head -----------------------------------------------------------------------------------------
  HEAD_INVALID: row(3, 'feed', true, 'The channel head does not have the agreed shape.', 'Tell the publisher; `core feed publish` makes heads of the right shape.'),
  HEAD_WRONG_CHANNEL: row(3, 'feed', true, 'The head is for another channel or product.', 'Check `update.feed_url` and the publisher.'),
  HEAD_EXPIRED: row(3, 'feed', true, 'The head is past its `exp`.', 'Check the clock of this host; else ask the publisher for a fresh head.'),
  HEAD_FROM_FUTURE: row(3, 'feed', true, 'The head is dated later than this host’s clock allows.', 'Check the clock of this host.'),
  HEAD_EQUIVOCATION: row(3, 'feed', true, 'The head has the sequence number of an accepted one, but other bytes.', 'Treat the feed as compromised and tell the publisher.'),
  HEAD_STALE: row(1, 'feed', true, 'The head is older than one that was accepted here.', 'Nothing to do: a mirror lags; the next check will see the newer one.'),
  CLOCK_BEHIND: row(1, 'host', true, 'The clock of this host is earlier than is possible.', 'Set the clock (NTP); the workload is not touched, and updates go on by themselves once it is right.'),
  BAKE_MISSING: row(3, 'feed', true, 'The stable head does not carry the edge head that first named its release.', 'Ask the publisher to promote the release with `core feed promote`.'),
  BAKE_INVALID: row(3, 'feed', true, 'The edge head inside the stable head does not vouch for this release.', 'Tell the publisher; treat the feed as suspect.'),
  BAKE_TOO_SHORT: row(3, 'feed', true, 'The release did not bake on edge for 7 days.', 'Nothing to do: the publisher has to promote it later; `update.allow_security_override` accepts a signed exception.'),
  HELD_BACK: row(5, 'feed', true, 'The release is not for this host yet.', 'Nothing to do: it is taken when its turn comes.'),

  // -- feed and download ------------------------------------------------------------------------------------
  FEED_NOT_CONFIGURED: row(5, 'operator', false, 'There is no feed to check.', 'Set `update.feed_url`, or apply a file with `core sidecar update --bundle FILE`.'),
  FEED_UNREACHABLE: row(1, 'feed', true, 'The feed did not answer.', 'Check the network and `update.feed_url`; the next check tries again by itself.'),
  FEED_REFUSED: row(1, 'feed', true, 'The feed answered with an error status.', 'Check that the feed holds the file; the next check tries again by itself.'),
  FEED_REDIRECTED: row(1, 'feed', true, 'The feed answered with a redirect, which is never followed.', 'Set `update.feed_url` to the final address.'),
  FEED_STALLED: row(1, 'feed', true, 'The feed sent nothing for too long.', 'Check the network; the next check tries again by itself.'),
  FEED_PATH_INVALID: row(3, 'feed', false, 'A path in the head leaves the feed.', 'Tell the publisher.'),
  DOWNLOAD_TOO_LARGE: row(3, 'feed', true, 'More bytes came than the signed head promises.', 'Treat the mirror as broken or hostile; the next check tries again.'),
  DOWNLOAD_TRUNCATED: row(1, 'feed', true, 'Fewer bytes came than the signed head promises.', 'Nothing to do: the next check resumes the download.'),
  DISK_FULL: row(1, 'host', true, 'There is not enough free space in the state directory.', 'Free the space that the message names, or move `state_dir` to a larger disk.'),
  BUNDLE_NOT_FOUND: row(1, 'operator', false, 'The bundle file cannot be read.', 'Check the path and its permissions.'),

  // -- bundle -----------------------------------------------------------------------------------------------
  MANIFEST_INVALID: row(3, 'bundle', false, 'The manifest in the bundle does not have the agreed shape.', TRUST_NEXT),
  BUNDLE_ARCHIVE_INVALID: row(3, 'bundle', false, 'The archive in the bundle is not exactly what its manifest lists.', TRUST_NEXT),
  BUNDLE_CHECKSUM_MISMATCH: row(3, 'bundle', false, 'A file’s size or SHA-256 differs from the signed manifest.', TRUST_NEXT),
  DELTA_BASE_MISSING: row(1, 'bundle', false, 'No version on this host is the base that the delta needs.', 'Apply the full bundle of this release.'),
  DELTA_FAILED: row(1, 'bundle', false, 'Applied to its base, the delta did not give the files of its manifest.', 'Apply the full bundle of this release; from a feed that happens by itself.'),
  BUNDLE_CHANGED: row(3, 'bundle', true, 'The bundle changed on disk while it was read.', 'Find out who writes into the state directory; then try again.'),
  BUNDLE_NOT_NAMED: row(3, 'bundle', false, 'The bundle is not the one that the channel head names.', 'Use the airgap bundle of this release, or let the daemon fetch it from the feed.'),
  WRONG_PRODUCT: row(3, 'bundle', false, 'The bundle is for another product.', 'Give the bundle of this product.'),
  WRONG_PLATFORM: row(3, 'bundle', false, 'The bundle is for another platform.', 'Give the bundle for this host’s platform.'),
  WRONG_AUDIENCE: row(3, 'bundle', false, 'The bundle is for another audience than the one that it came by.', 'Use stable and edge bundles from a feed, and airgap bundles from a file.'),
  VERSION_TOO_LOW: row(3, 'bundle', false, 'The release is not newer than what may be installed here.', 'To go back, use `core sidecar rollback`.'),
  BELOW_FLOOR: row(1, 'host', true, 'What runs is below the version floor, as it may be after a rollback.', 'Install a newer release as soon as there is one: `core sidecar update`.'),
  BASELINE_PREFERRED: row(1, 'operator', true, 'The program of the image or package runs instead of the version that an update had brought.', 'Nothing to do if it was deployed on purpose; else install the other one again: `core sidecar update`, or `--bundle FILE`.'),
  VERSION_BLOCKED: row(3, 'bundle', false, 'The publisher has blocked this version.', 'Install another version.'),
  RELEASE_QUARANTINED: row(5, 'release', false, 'The release failed on this host before.', 'Wait for a newer release, or fix the cause and run `core sidecar quarantine clear DIGEST`.'),
  UPDATER_TOO_OLD: row(1, 'bundle', false, 'The release needs a newer updater than this one.', 'Install the updater version that the message names.'),
  NO_TARGET: row(1, 'feed', true, 'The release has no bundle for this platform.', 'Ask the publisher for a build for this platform.'),

  // -- staging and version store ----------------------------------------------------------------------------
  STAGE_FAILED: row(1, 'host', true, 'The version could not be written to the version store.', 'Check the disk and the permissions of the state directory.'),
  STAGE_NOT_EXECUTABLE: row(1, 'bundle', false, 'The program in the bundle cannot be executed on this machine.', 'Check that the release is built for this machine, and that the state directory is not mounted noexec.'),
  VERSION_DAMAGED: row(1, 'host', true, 'A version on disk differs from its signed manifest.', 'Check the disk; the version is replaced at the next update.'),
  VERSION_NOT_FOUND: row(1, 'operator', false, 'The version is not on this host, or was never committed here.', 'See `core sidecar status` for the versions that are.'),
  ROLLBACK_IMPOSSIBLE: row(1, 'operator', false, 'There is no version to go back to.', 'Install a release with `core sidecar update`.'),

  // -- swap, probe, rollback --------------------------------------------------------------------------------
  GATE_CLOSED: row(5, 'operator', true, 'The gate holds the update.', 'Wait, or open the gate.'),
  HOOK_DEFERRED: row(5, 'operator', true, 'The hook before the swap asked to put the update off (exit 75).', 'Nothing to do: it is tried again at the next check.'),
  HOOK_FAILED: row(1, 'operator', true, 'A hook failed, or took too long.', 'Mend the program that the message names; see `hooks` in the configuration.'),
  SUPERSEDED: row(5, 'feed', true, 'A newer release appeared while the update waited.', 'Nothing to do: the newer one is taken at the next check.'),
  WORKLOAD_START_FAILED: row(4, 'release', false, 'The workload’s program could not be started.', 'See the reason; check `workload.command` and the program.'),
  WORKLOAD_SPAWN_FAILED: row(4, 'host', true, 'The host could not start another process.', 'Free what the message names (processes, memory, file descriptors), or mend the output file.'),
  WORKLOAD_STOP_FAILED: row(4, 'host', true, 'The workload did not end, not even by SIGKILL.', 'Look for processes that hang in the kernel (state D).'),
  DAEMON_SELF_TEST_FAILED: row(4, 'release', false, 'The new daemon did not pass its self-test with the configuration of this host.', 'See the reason; this daemon stays. Report it to the publisher.'),
  DAEMON_FAILED: row(4, 'release', false, 'The new daemon did not come up, or did not stay up; the one before it runs again.', 'See the reason; report it to the publisher.'),
  HANDOVER_FAILED: row(4, 'host', true, 'The daemon could not give way to its new version.', 'See the reason; this daemon stays, and the next check tries again.'),
  LISTEN_FAILED: row(1, 'host', true, 'A listening socket of the workload could not be had.', 'Find who listens at the address that the message names (`ss -ltnp`), or correct `workload.listen`.'),
  DRAIN_INCOMPLETE: row(1, 'operator', true, 'The old version was stopped before everybody was known to be served.', 'Raise `workload.drain_timeout`, or mend what the message names.'),
  PROBE_ADDRESS_TAKEN: row(4, 'host', true, 'After the old version was stopped, something still answered at the probe’s address.', 'Find the process that listens there (`ss -ltnp`) and end it.'),
  PROBE_TIMEOUT: row(4, 'release', false, 'The new version was not healthy within the rollback timeout.', 'Read the workload’s log; report it to the publisher.'),
  PROBE_EXITED: row(4, 'release', false, 'The new version ended while it was probed.', 'Read the workload’s log; report it to the publisher.'),
  SOAK_FAILED: row(4, 'release', false, 'The new version became healthy, but did not stay so while it soaked.', 'Read the workload’s log; report it to the publisher.'),
  CRASH_LOOP: row(4, 'release', false, 'The new version kept crashing after its commit.', 'Read the workload’s log; report it to the publisher.'),
  ATTEMPT_INTERRUPTED: row(4, 'host', true, 'The daemon or the host stopped in the middle of the attempt.', 'Nothing to do: it is tried once more by itself.'),
  ROLLED_BACK_BY_OPERATOR: row(4, 'operator', false, 'An operator asked for the rollback.', 'Nothing to do: the release is held back until a newer one, or until its quarantine is cleared.'),
  ROLLBACK_FAILED: row(1, 'host', true, 'The previous version did not become healthy again.', 'Act now: see the workload’s log; the supervisor keeps trying, and `core sidecar retry` runs the rollback again.'),
  QUARANTINE_FAILED: row(1, 'host', true, 'The failed release could not be recorded in quarantine.', 'Free the disk or mend the state directory, then `core sidecar resume`.'),
  COMMIT_FAILED: row(1, 'host', true, 'The update is healthy, but its commit could not be recorded.', 'Check the disk and the permissions of the state directory.'),

  // -- fleet ------------------------------------------------------------------------------------------------
  ROLLOUT_HALTED: row(5, 'operator', true, 'The rollout of this release was halted.', 'Nothing to do here: see `core fleet rollout`; `core fleet resume` lets it go on.'),
  HALT_INVALID: row(1, 'operator', false, 'An order to halt or resume a rollout is not signed by a key of `fleet.operator_keys_file`, or not for this product.', 'Find out who sends it; orders that are not signed are never obeyed.'),
  FLEET_UNREACHABLE: row(1, 'host', true, 'The system that coordinates the fleet did not answer.', 'Check the address, the credentials and that the server runs (`fleet` in the configuration, or --nats and --creds); the workload is not touched, and a daemon tries again by itself.'),
  FLEET_NOT_CONFIGURED: row(2, 'operator', false, 'No fleet is configured.', 'Set `fleet.nats.url` in the configuration, or give --nats URL.'),
  LEASE_HELD: row(5, 'operator', true, 'As many hosts of the group as may are updating now.', 'Nothing to do: it is tried again by itself.'),

  // -- daemon, configuration, control -----------------------------------------------------------------------
  CONFIG_INVALID: row(2, 'operator', false, 'The configuration is not valid.', 'Correct the key that the message names.'),
  CONFIG_UNREADABLE: row(2, 'operator', false, 'The configuration file cannot be read.', 'Check the path, the permissions and the YAML.'),
  USAGE: row(2, 'operator', false, 'The command was not understood.', 'See `--help`.'),
  STATE_DIR_UNUSABLE: row(1, 'host', false, 'The state directory cannot be used.', 'Make it a directory of the daemon’s user with mode 0700 on a writable disk.'),
  ALREADY_RUNNING: row(1, 'operator', false, 'Another daemon uses this state directory.', 'Stop it first, or give this one a `state_dir` of its own.'),
  JOURNAL_DAMAGED: row(1, 'host', false, 'The journal could not be read and was moved aside.', 'Nothing to do: history before this is in the file that the message names.'),
  UNKNOWN_CODE: row(1, 'program', false, 'A newer daemon recorded an error whose code this one does not know.', 'See the message, which begins with the code, and the documentation of the newer daemon.'),
  JOURNAL_WRITE_FAILED: row(1, 'host', true, 'The journal could not be written.', 'Check the disk and the permissions of the state directory.'),
  UPDATES_DISABLED: row(5, 'operator', false, 'The updater is switched off on this host.', 'Unset CORESDK_UPDATE_DISABLED, and on Kubernetes change the image tag instead.'),
  UPDATES_PAUSED: row(5, 'operator', false, 'Automatic updates are paused.', 'See `core sidecar status` for the reason, then `core sidecar resume`.'),
  MANUAL_CHANNEL: row(5, 'operator', false, 'On the manual channel nothing is fetched.', 'Give the file: `core sidecar update --bundle FILE`, or set `update.bundle_path`.'),
  BUSY: row(1, 'operator', true, 'Another attempt is under way.', 'Wait for it: `core sidecar status`.'),
  DAEMON_UNREACHABLE: row(6, 'operator', true, 'No daemon answers at the control socket.', 'Start it (`systemctl start coresdk-sidecar`), or give its socket with --socket.'),
  NOTHING_TO_APPROVE: row(1, 'operator', false, 'No release waits for an approval.', 'See `core sidecar status` for what waits.'),
  UNAUTHORIZED: row(1, 'operator', false, 'The request has no valid token.', 'Send `Authorization: Bearer …` with the token in `control.token_file`.'),
  HOST_NOT_ALLOWED: row(1, 'operator', false, 'The request names a host that is not this listener’s.', 'Add the name to `control.hosts`, or use the address itself.'),
  RATE_LIMITED: row(1, 'operator', true, 'Too many requests came from this address.', 'Wait for as long as Retry-After says.'),
  SERVICE_MANAGER_UNREACHABLE: row(1, 'host', true, 'systemd could not be told how the daemon does.', 'Check that `systemd-notify` is installed and that the unit has `NotifyAccess=all`; or use `Type=simple` without `WatchdogSec=`.'),
  ATTEMPT_NOT_FOUND: row(1, 'operator', false, 'The daemon knows no attempt with this id.', 'See `core sidecar history` for the attempts that it knows.'),
  CONTROL_FAILED: row(1, 'program', true, 'The daemon refused or could not serve the request.', 'See the message and the daemon’s log.'),
  KEYS_EXIST: row(1, 'operator', false, 'The folder holds keys already, and keys are never overwritten.', 'Give another folder; move the old keys away only when nothing signed by them is needed any more.'),
  WRITE_FAILED: row(1, 'host', true, 'A file that the publisher asked for could not be written.', 'Check the path that the message names, its permissions and the free space.'),
  SIGNING_FAILED: row(1, 'operator', false, 'A document could not be signed.', 'Check the private key and its passphrase, or the signer command.'),
  SERVE_FAILED: row(1, 'operator', false, 'The feed could not be served.', 'Check the folder, the address and the port that the message names.'),
  PUBLISH_REFUSED: row(1, 'operator', false, 'The feed would not be right after this publication.', 'Mend what the message names.'),
  CANCELLED: row(1, 'operator', true, 'The work was cancelled.', 'Nothing to do.'),
  INTERNAL: row(1, 'program', false, 'A fault in this program.', 'Report it with the stack trace in the log.'),
} as const satisfies Record<string, CodeInfo>;

/** A stable error code: a key of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;
