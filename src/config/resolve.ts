/** Fills in the defaults and turns the file's words into the program's: camelCase, times in milliseconds. */
import { DEFAULT_STATE_DIR } from './defaults.ts';
import { join } from 'node:path';
import type { Config, Window } from './config.ts';
import type { Runtime } from './runtime.ts';
import { DAYS, type ConfigFile } from './schema.ts';

/** What only the environment says. */
export interface Ambient {
  readonly disabled: boolean;
  readonly tenant: string | null;
  readonly runtime: Runtime;
  readonly proxies: Config['http']['proxies'];
  /** Where the control socket is for a daemon that only supervises, by its state directory; null for any other. */
  readonly superviseOnlyFolder?: ((stateDir: string) => string | null) | undefined;
}

const ms = (seconds: number): number => Math.round(seconds * 1000);

/** `http.proxy` stands for both schemes and wins over the environment's proxies; which hosts need none is still `NO_PROXY`. */
function proxiesOf(
  configured: string | undefined,
  { http, https, none }: Ambient['proxies'],
): Ambient['proxies'] {
  if (configured === undefined) return { http, https, none };
  const proxy = configured === 'none' ? null : { url: configured, from: 'http.proxy' };
  return { http: proxy, https: proxy, none };
}

type WindowInFile = NonNullable<NonNullable<ConfigFile['update']>['windows']>[number];

function windowOf({ start, length, days = [], time_zone: timeZone = 'UTC' }: WindowInFile): Window {
  const [hours = '', minutes = ''] = start.split(':');
  return {
    startMinute: Number(hours) * 60 + Number(minutes),
    lengthMs: ms(length),
    days: days.map((day) => DAYS.indexOf(day) + 1),
    timeZone,
  };
}

function fleetOf(fleet: NonNullable<ConfigFile['fleet']>): Config['fleet'] {
  const { nats } = fleet;
  return {
    group: fleet.group ?? 'default',
    host: fleet.host ?? null,
    fleetlockUrl: fleet.fleetlock_url ?? null,
    nats:
      nats === undefined
        ? null
        : {
            urls: typeof nats.url === 'string' ? [nats.url] : nats.url,
            credentialsFile: nats.credentials_file ?? null,
            caFile: nats.ca_file ?? null,
            certFile: nats.cert_file ?? null,
            keyFile: nats.key_file ?? null,
            slots: nats.slots ?? 1,
          },
    operatorKeysFile: fleet.operator_keys_file ?? null,
  };
}

/**
 * A complete configuration.
 *
 * @param file - a valid file, with the environment's overrides in it already
 * @param ambient - what only the environment says
 */
export function resolve(file: ConfigFile, ambient: Ambient): Config {
  const update = file.update ?? {};
  const http = file.http ?? {};
  const workload = file.workload ?? {};
  const probe = file.probe ?? {};
  const hooks = file.hooks ?? {};
  const control = file.control ?? {};
  const stateDir = file.state_dir ?? DEFAULT_STATE_DIR;
  const { tenant } = ambient;
  return {
    update: {
      channel: update.channel ?? 'stable',
      checkIntervalMs: ms(update.check_interval ?? 3600),
      rollbackTimeoutMs: ms(update.rollback_timeout ?? 60),
      bundlePath: update.bundle_path ?? null,
      feedUrl: update.feed_url ?? null,
      jitter: update.jitter ?? 0.1,
      minAgeMs: ms(update.min_age ?? 0),
      allowSecurityOverride: update.allow_security_override ?? false,
      stallTimeoutMs: ms(update.stall_timeout ?? 30),
      retries: update.retries ?? 4,
      maxBytesPerSecond: update.max_bytes_per_second ?? null,
      windows: (update.windows ?? []).map(windowOf),
      approval: update.approval ?? 'none',
      gate: update.gate ?? 'none',
      mirrors: update.mirrors ?? [],
      disabled: ambient.disabled,
    },
    http: {
      caFile: http.ca_file ?? null,
      certFile: http.cert_file ?? null,
      keyFile: http.key_file ?? null,
      proxies: proxiesOf(http.proxy, ambient.proxies),
    },
    workload: {
      command: workload.command ?? ['{binary}', 'serve'],
      binary: workload.binary ?? null,
      env: { ...workload.env, ...(tenant === null ? {} : { CORESDK_TENANT: tenant }) },
      stopTimeoutMs: ms(workload.stop_timeout ?? 10),
      output: workload.output ?? 'inherit',
      backoffInitialMs: ms(workload.backoff_initial ?? 1),
      backoffMaxMs: ms(workload.backoff_max ?? 30),
      crashLoop: workload.crash_loop ?? 3,
      stableAfterMs: ms(workload.stable_after ?? 60),
      listen: workload.listen ?? [],
      swap: workload.swap ?? 'stop-start',
      drainUrl: workload.drain_url ?? null,
      drainTimeoutMs: ms(workload.drain_timeout ?? 10),
    },
    probe: {
      url: probe.url ?? 'http://127.0.0.1:7701/healthz',
      socket: probe.socket ?? null,
      exec: probe.exec ?? null,
      status: probe.status ?? [200],
      body: probe.body ?? null,
      headers: probe.headers ?? {},
      caFile: probe.ca_file ?? null,
      soakMs: ms(probe.soak ?? 0),
      failureThreshold: probe.failure_threshold ?? 3,
      flapThreshold: probe.flap_threshold ?? 3,
      intervalMs: ms(probe.interval ?? 1),
      timeoutMs: ms(probe.timeout ?? 2),
      successThreshold: probe.success_threshold ?? 1,
      watchMs: ms(probe.watch ?? 600),
    },
    stateDir,
    hooks: {
      preSwap: hooks.pre_swap ?? null,
      drain: hooks.drain ?? null,
      postCommit: hooks.post_commit ?? null,
      postRollback: hooks.post_rollback ?? null,
      timeoutMs: ms(hooks.timeout ?? 60),
    },
    fleet: fleetOf(file.fleet ?? {}),
    control: {
      socket: control.socket ?? join(ambient.superviseOnlyFolder?.(stateDir) ?? stateDir, 'control.sock'),
      group: control.group ?? null,
      http: control.http ?? null,
      tokenFile: control.token_file ?? null,
      hosts: control.hosts ?? [],
    },
    log: { level: file.log?.level ?? 'info' },
    tenant,
    runtime: ambient.runtime,
  };
}
