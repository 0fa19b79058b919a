/**
 * The daemon where there is no update logic (Kubernetes without a state directory): the workload is supervised, the control API says
 * why nothing else happens, and refuses whatever would update.
 */
import { rm } from 'node:fs/promises';
import { systemClock } from '../adapters/clock.ts';
import { openJournal } from '../adapters/journal.ts';
import { createProbe } from '../adapters/probe.ts';
import { openStateDir } from '../adapters/state-dir.ts';
import { keyIds } from '../bundle/trust-set.ts';
import type { ConfigEntry, ControlApi, Status } from '../control/api.ts';
import { UpdateError } from '../errors.ts';
import type { ProbeResult } from '../services/ports.ts';
import type { Supervisor } from '../supervisor.ts';
import type { UpdaterOptions } from '../updater.ts';
import { baselineOf } from './adapter-options.ts';
import { feedUrlOf } from './open-feed.ts';
import { openSockets, openSupervisor } from './open-workload.ts';
import { createEventHub, type EventHub } from './events.ts';
import { createHealthLook } from './health-look.ts';
import { describeHost } from './host.ts';
import { teeLog } from './log-tee.ts';
import { createDaemonLog } from './log.ts';
import { workloadView } from './status.ts';

/** What {@link superviseOnly} needs. */
export interface SuperviseOnlyOptions extends UpdaterOptions {
  /** Absolute path; checked and locked like a state directory, and removed at the stop. */
  readonly folder: string;
  /** Why there are no updates. */
  readonly disabled: string;
  /** Serves the control API. A fault of it is logged: the workload matters more. */
  readonly serve: (api: ControlApi) => Promise<{ close(): Promise<void> }>;
}

/** A workload that is supervised. */
export interface Supervised {
  readonly api: ControlApi;
  stop(): Promise<void>;
}

interface Facts {
  readonly options: SuperviseOnlyOptions;
  readonly supervisor: Supervisor;
  readonly hub: EventHub;
  readonly lookAtHealth: () => Promise<ProbeResult>;
}

async function statusOf({ options, supervisor, lookAtHealth }: Facts): Promise<Status> {
  const { config, embedded, disabled } = options;
  const { trust } = describeHost(embedded);
  const workload = supervisor.status();
  return {
    state: 'idle',
    attempt: null,
    from: null,
    to: null,
    progress: null,
    channel: config.update.channel,
    feed_url: feedUrlOf(options),
    next_check_at: null,
    next_check_why: disabled,
    next_action: `No updates: ${disabled}.`,
    last_error: null,
    fleet: null,
    held_back: null,
    waiting: null,
    window: null,
    paused: null,
    disabled,
    current: { version: baselineOf(options).version, digest: null },
    versions: [],
    version_floor: null,
    watching: null,
    quarantine: [],
    workload: {
      ...workloadView(workload),
      health: workload.state === 'running' ? await lookAtHealth() : null,
    },
    last_attempt: null,
    updater: {
      version: embedded.version,
      commit: embedded.commit,
      key_ids: keyIds(trust),
      development_keys: trust.development,
      from: null,
      trial: null,
      failed: null,
    },
    warnings: [],
  };
}

function apiOf(facts: Facts): ControlApi {
  const { options, hub } = facts;
  const settings: readonly ConfigEntry[] = options.settings ?? [];
  const refuse = (): Promise<never> =>
    Promise.reject(new UpdateError('UPDATES_DISABLED', `no updates on this host: ${options.disabled}`));
  return {
    status: () => statusOf(facts),
    fleet: refuse,
    history: () => Promise.resolve([]),
    attempt: () => Promise.resolve(null),
    versions: () => Promise.resolve([]),
    quarantine: () => Promise.resolve([]),
    logs: (limit) => Promise.resolve(hub.logs(limit)),
    config: () => Promise.resolve(settings),
    events: (listener, after) => hub.subscribe(listener, after),
    check: refuse,
    update: refuse,
    apply: refuse,
    rollback: refuse,
    doctor: refuse,
    pause: refuse,
    approve: refuse,
    resume: refuse,
    retry: refuse,
    clearQuarantine: refuse,
  };
}

/**
 * Supervises the workload, and nothing else.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE`, `ALREADY_RUNNING` for the folder; the codes of a workload that cannot be started
 */
export async function superviseOnly(options: SuperviseOnlyOptions): Promise<Supervised> {
  const { config, disabled } = options;
  const hub = createEventHub(systemClock);
  const logger = teeLog(
    options.logger,
    () => systemClock.now(),
    (line) => {
      hub.publish({ kind: 'log', line });
    },
  );
  const probe = await createProbe(config.probe);
  const paths = await openStateDir(options.folder, options.disk);
  const { journal: lock } = openJournal({ path: paths.stateDb, clock: systemClock });
  const sockets = await openSockets(options, ({ code, message }) => {
    logger.warn({ code }, message);
  });
  const supervisor = openSupervisor(options, paths.workloadRecord, sockets);
  const log = createDaemonLog(logger);
  supervisor.subscribe((status) => {
    log.workload(status);
    hub.publish({ kind: 'workload', workload: workloadView(status) });
  });
  const api = apiOf({ options, supervisor, hub, lookAtHealth: createHealthLook(probe, systemClock) });
  const { version, entry } = baselineOf(options);
  const { signal } = new AbortController();
  logger.info(`no update logic: ${disabled}`);
  await supervisor.endSurvivor();
  await supervisor.start({ ref: { origin: 'baseline', version }, entry }, signal);
  const served = await options.serve(api).catch((error: unknown) => {
    const { code, message } = UpdateError.from(error);
    logger.warn({ code }, `no control API, so \`core sidecar status\` gets no answer: ${message}`);
    return null;
  });
  return {
    api,
    stop: async () => {
      await served?.close();
      await supervisor.stop(signal);
      sockets.close();
      await rm(paths.root, { recursive: true });
      lock.end();
    },
  };
}
