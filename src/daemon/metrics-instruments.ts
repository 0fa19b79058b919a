/**
 * Every metric of the updater: its name, its labels and what it means. Names and labels are stable, as fields of the control API are;
 * `docs/observability.md` lists them.
 *
 * Invariant: every label takes values from a closed list (states, steps, outcomes, triggers, codes, channels) or has one value at a
 * time (versions), so that the number of series is bounded.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** From a check that finds nothing to an update that waits for its window. */
const ATTEMPT_BUCKETS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 6 * 3600, 24 * 3600];
const STEP_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** The metrics, by what they measure. */
export interface Instruments {
  readonly state: Gauge<'state'>;
  readonly attempts: Counter<'outcome' | 'stage' | 'trigger'>;
  readonly errors: Counter<'code'>;
  readonly lastOutcome: Gauge<'outcome'>;
  readonly attemptDuration: Histogram<'outcome'>;
  readonly stepDuration: Histogram<'step' | 'result'>;
  readonly downloadBytes: Counter;
  readonly retries: Counter;
  readonly mirrorUp: Gauge<'mirror'>;
  readonly fleetConnected: Gauge;
  readonly fleetOutbox: Gauge;
  readonly warnings: Counter<'code'>;
  readonly restarts: Counter;
  readonly workloadUp: Gauge;
  readonly workloadHealthy: Gauge;
  readonly workloadStarted: Gauge;
  readonly headAge: Gauge<'channel'>;
  readonly headExpiry: Gauge<'channel'>;
  readonly headSeq: Gauge<'channel'>;
  readonly headEpoch: Gauge<'channel'>;
  readonly current: Gauge<'version' | 'digest' | 'origin'>;
  readonly build: Gauge<'version' | 'commit' | 'development_keys'>;
  readonly channel: Gauge<'channel'>;
  readonly quarantined: Gauge;
  readonly paused: Gauge;
  readonly disabled: Gauge;
  readonly waiting: Gauge<'for'>;
  readonly heldBack: Gauge;
  readonly started: Gauge;
  readonly checkInterval: Gauge;
  readonly lastCheckSuccess: Gauge;
  readonly lastSuccess: Gauge;
  readonly nextCheck: Gauge;
  readonly unreadable: Counter;
}

/** Makes the metrics in a registry of their own. */
export function createInstruments(registry: Registry): Instruments {
  const registers = [registry];
  const gauge = <const L extends string = never>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers });
  const counter = <const L extends string = never>(
    name: string,
    help: string,
    ...labelNames: L[]
  ): Counter<L> => new Counter({ name, help, labelNames, registers });
  return {
    state: gauge(
      'coresdk_update_state',
      '1 for the state that the update machine is in, 0 for the others',
      'state',
    ),
    attempts: counter(
      'coresdk_update_attempts_total',
      'Attempts that ended: how, in which state that was decided, and what set them off',
      'outcome',
      'stage',
      'trigger',
    ),
    errors: counter('coresdk_update_errors_total', 'Attempts that ended with an error, by its code', 'code'),
    lastOutcome: gauge(
      'coresdk_update_last_outcome_timestamp_seconds',
      'When an attempt last ended so, since the updater started',
      'outcome',
    ),
    attemptDuration: new Histogram({
      name: 'coresdk_update_attempt_duration_seconds',
      help: 'From the first step of an attempt to its end',
      labelNames: ['outcome'],
      buckets: ATTEMPT_BUCKETS,
      registers,
    }),
    stepDuration: new Histogram({
      name: 'coresdk_update_step_duration_seconds',
      help: 'One step of an attempt, or the recovery at start-up; result is done or failed',
      labelNames: ['step', 'result'],
      buckets: STEP_BUCKETS,
      registers,
    }),
    downloadBytes: counter(
      'coresdk_update_download_bytes_total',
      'Bytes of bundles that were received; those of local bundles that were copied too',
    ),
    retries: counter(
      'coresdk_update_request_retries_total',
      'Requests to the feed that failed and were made again',
    ),
    mirrorUp: gauge(
      'coresdk_update_mirror_up',
      '1 while a mirror of the feed is asked in its order, 0 while it is put back; absent where there is only the feed',
      'mirror',
    ),
    fleetConnected: gauge(
      'coresdk_fleet_connected',
      '1 while there is a connection to NATS, 0 while there is none; absent where none is configured',
    ),
    fleetOutbox: gauge(
      'coresdk_fleet_outbox',
      'Outcomes that wait to be sent to the fleet, counted up to 1000; absent where no NATS is configured',
    ),
    warnings: counter('coresdk_update_warnings_total', 'Warnings, by code', 'code'),
    restarts: counter('coresdk_workload_restarts_total', 'Restarts of the workload after it ended by itself'),
    workloadUp: gauge('coresdk_workload_up', '1 while the process of the workload runs'),
    workloadHealthy: gauge(
      'coresdk_workload_healthy',
      '1 if the workload answered as a healthy one when it was looked at for this scrape',
    ),
    workloadStarted: gauge(
      'coresdk_workload_start_timestamp_seconds',
      'When the process of the workload was started; absent while none runs',
    ),
    headAge: gauge(
      'coresdk_update_head_age_seconds',
      'Time since the accepted head of a channel was issued',
      'channel',
    ),
    headExpiry: gauge(
      'coresdk_update_head_expiry_timestamp_seconds',
      'When the accepted head of a channel expires',
      'channel',
    ),
    headSeq: gauge('coresdk_update_head_seq', 'Sequence number of the accepted head of a channel', 'channel'),
    headEpoch: gauge('coresdk_update_head_epoch', 'Epoch of the accepted head of a channel', 'channel'),
    current: gauge(
      'coresdk_update_current_version_info',
      'Always 1; the version that `current` points to; origin is store, or baseline for what was there before any update',
      'version',
      'digest',
      'origin',
    ),
    build: gauge(
      'coresdk_update_build_info',
      'Always 1; the version of the updater, its commit, and whether it trusts throw-away keys',
      'version',
      'commit',
      'development_keys',
    ),
    channel: gauge('coresdk_update_channel_info', 'Always 1; the configured channel', 'channel'),
    quarantined: gauge('coresdk_update_quarantined_releases', 'Releases in quarantine'),
    paused: gauge('coresdk_update_paused', '1 while automatic updates are paused'),
    disabled: gauge('coresdk_update_disabled', '1 where the updater is switched off'),
    waiting: gauge('coresdk_update_waiting', '1 while an update waits for a window or an approval', 'for'),
    heldBack: gauge('coresdk_update_held_back', '1 while a newer release is not for this host yet'),
    started: gauge('coresdk_update_start_timestamp_seconds', 'When the updater was started'),
    checkInterval: gauge(
      'coresdk_update_check_interval_seconds',
      'How often checks come by themselves; absent where none does (manual channel, disabled, no feed, no keys)',
    ),
    lastCheckSuccess: gauge(
      'coresdk_update_last_check_success_timestamp_seconds',
      'When a channel head was last fetched and accepted, or found unchanged; absent before the first',
    ),
    lastSuccess: gauge(
      'coresdk_update_last_success_timestamp_seconds',
      'When the newest of the versions on disk was committed; absent where none was',
    ),
    nextCheck: gauge(
      'coresdk_update_next_check_timestamp_seconds',
      'When the next check is due; absent where none is',
    ),
    unreadable: counter(
      'coresdk_update_unreadable_total',
      'Scrapes for which the state directory could not be read; they tell what was known before',
    ),
  };
}
