/** What services and guards are for, in one sentence each: what their names alone do not say. The tests ask for one for every name. */

/** Services of both machines. */
export const SERVICE_WORDS: Readonly<Record<string, string>> = {
  recover: 'Reads the journal and the version store, ends a survivor, repairs, and starts the workload.',
  schedule: 'Writes down how the last attempt ended, and waits for the time of the next check.',
  watch: 'Looks whether the version that was just committed falls into a crash loop.',
  check: 'Fetches the channel head, verifies it, and decides whether it names a release for this host.',
  download: 'Brings the bundle to a private temporary file; goes on where an earlier one stopped.',
  verify: 'Checks the signature over the raw bytes, then the manifest, then size and SHA-256 of every file.',
  stage: 'Makes a complete version directory, durably, and tries whether its program can execute.',
  gate: 'Waits for the window, the approval, the hook and the fleet; then looks at everything once more.',
  swap: 'Stops the old version, sees that nobody answers any more, points `current` at the new one, starts it.',
  overlap:
    'Starts the new version beside the old one and probes it at its own address; no client meets it if it fails.',
  drain: 'Points `current` at the new version, lets the old one serve whom it has, and stops it.',
  probe: 'Asks the new version how it is until it is healthy, and for as long as it soaks.',
  commit: 'Records the new version as good, prunes old ones, and frees the gate.',
  handOver: 'The daemon becomes the one in the release, or says why it did not; the workload runs on.',
  rollback: 'Ends the new version, points back, starts the version before, and probes it.',
  quarantine: 'Records a release that failed by its own doing, with the evidence.',
  launch:
    'Starts the program in a process group of its own, its identity on disk before its first instruction.',
  attend: 'Waits until the process ends.',
  sweep: 'Ends what is left of the group of a process that ended by itself.',
  backOff: 'Waits before the next start: longer after each crash in a row.',
  terminate: 'SIGTERM; after the grace SIGKILL to the whole group.',
};

/** Guards of both machines. */
export const GUARD_WORDS: Readonly<Record<string, string>> = {
  else: 'None of the guards before it held.',
  stillHealthy:
    'Recovery found a swapped version whose probe was cut short by a stop in good order: it is probed on.',
  halfDone: 'Recovery found an attempt that was interrupted after the workload was touched.',
  crashLoops: 'The version that is watched crashed several times in a row.',
  calm: 'The watch is over, and the version held.',
  releaseFound: 'The head names a release to install here, and the attempt may apply it.',
  hasPlan: 'It is known what to go back from and to: recovery itself did not fail.',
  mayTakeFull: 'What failed was a delta, and its release has a full bundle.',
  runsAlready: 'The bundle holds the very release that runs.',
  owesQuarantine: 'The last failed release could not be written into quarantine.',
  mayStart: 'No quarantine is owed.',
  maySwap:
    'The gate is open, the last look found nothing against it, and the workload is stopped and started.',
  mayOverlap: 'The gate is open, and the new version is started beside the old one.',
  mayHandOver: 'The gate is open, and the release carries the daemon alone.',
  hasSuccessor: 'The release carries a daemon that is to take this one’s place.',
  handsOver: 'The daemon changed while an attempt was handing over.',
  stopWanted: 'A stop was asked for meanwhile.',
  leftBehind: 'A process group that would not end may still be there.',
};
