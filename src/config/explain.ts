/**
 * Every key of the configuration as it is in force, in the words of the file, and where it came from.
 *
 * Invariant: no secret is told. The user and password of a proxy, the values of `workload.env` and `probe.headers` are hidden; files
 * that hold secrets (`control.token_file`, `http.key_file`) are only named, and never read.
 */
import type { Config, ProxySetting, Window } from './config.ts';
import { DISABLED_KEY, TENANT_KEY } from './environment.ts';
import type { LoadedConfig } from './load.ts';
import { DAYS, KEYS, type ROOT_KEYS, type SECTIONS } from './schema.ts';

/** What stands in the place of a secret. */
export const HIDDEN = '(hidden)';

/** One key of the configuration as it is in force. */
export interface ConfigEntry {
  /** Dotted, as in the file: `update.channel`; or the name of a variable that has no key: `CORESDK_UPDATE_DISABLED`. */
  readonly key: string;
  /** In the words of the file (times in seconds); null: not set. A secret is `(hidden)`. */
  readonly value: unknown;
  /** `default`, `file PATH:LINE` or `env NAME`. */
  readonly from: string;
}

type Section = typeof SECTIONS;
/** The dotted names of all keys: the compiler refuses a table that lacks one. */
type Key =
  | keyof typeof ROOT_KEYS
  | { [Name in keyof Section]: `${Name}.${keyof Section[Name] & string}` }[keyof Section];

const seconds = (ms: number): number => ms / 1000;
const two = (count: number): string => String(count).padStart(2, '0');

function windowInFile({ startMinute, lengthMs, days, timeZone }: Window): Record<string, unknown> {
  return {
    start: `${two(Math.floor(startMinute / 60))}:${two(startMinute % 60)}`,
    length: seconds(lengthMs),
    ...(days.length === 0 ? {} : { days: days.map((day) => DAYS[day - 1]) }),
    time_zone: timeZone,
  };
}

const hideValues = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.keys(map).map((name) => [name, HIDDEN]));

/** A proxy of the environment may be any text: what is not surely without a password is hidden as a whole. */
function withoutPassword(text: string): string {
  if (!text.includes('@')) return text;
  const [, scheme, host] = /^(https?:\/\/)[^@/?#]*@([^@/?#]+\/?)$/i.exec(text) ?? [];
  return scheme === undefined || host === undefined ? HIDDEN : `${scheme}${HIDDEN}@${host}`;
}

const KEY_OF_PROXY = 'http.proxy';

/** What the file says of the proxy; `none` leaves nothing behind but its origin. */
function proxyInFile({ http: { proxies } }: Config, from: string): string | null {
  if (from === 'default') return null;
  return proxies.https?.from === KEY_OF_PROXY ? withoutPassword(proxies.https.url) : 'none';
}

/** The keys of `fleet.nats` that are set; files are named, and never shown. */
function natsInFile(nats: Config['fleet']['nats']): unknown {
  if (nats === null) return null;
  const { urls, credentialsFile, caFile, certFile, keyFile, slots } = nats;
  const files = {
    credentials_file: credentialsFile,
    ca_file: caFile,
    cert_file: certFile,
    key_file: keyFile,
  };
  return {
    url: urls.map((url) => url.replace(/\/\/[^@/]*@/, '//')),
    ...Object.fromEntries(Object.entries(files).filter(([, path]) => path !== null)),
    slots,
  };
}

/** The value of each key, in the file's words. */
const VALUES: Readonly<Record<Key, (config: Config, from: string) => unknown>> = {
  state_dir: ({ stateDir }) => stateDir,
  'update.channel': ({ update }) => update.channel,
  'update.check_interval': ({ update }) => seconds(update.checkIntervalMs),
  'update.rollback_timeout': ({ update }) => seconds(update.rollbackTimeoutMs),
  'update.bundle_path': ({ update }) => update.bundlePath,
  'update.feed_url': ({ update }) => update.feedUrl,
  'update.jitter': ({ update }) => update.jitter,
  'update.min_age': ({ update }) => seconds(update.minAgeMs),
  'update.allow_security_override': ({ update }) => update.allowSecurityOverride,
  'update.stall_timeout': ({ update }) => seconds(update.stallTimeoutMs),
  'update.retries': ({ update }) => update.retries,
  'update.max_bytes_per_second': ({ update }) => update.maxBytesPerSecond,
  'update.windows': ({ update }) => (update.windows.length === 0 ? null : update.windows.map(windowInFile)),
  'update.approval': ({ update }) => update.approval,
  'update.gate': ({ update }) => update.gate,
  'update.mirrors': ({ update }) => (update.mirrors.length === 0 ? null : update.mirrors),
  'http.ca_file': ({ http }) => http.caFile,
  'http.cert_file': ({ http }) => http.certFile,
  'http.key_file': ({ http }) => http.keyFile,
  'http.proxy': proxyInFile,
  'workload.command': ({ workload }) => workload.command,
  'workload.binary': ({ workload }) => workload.binary,
  'workload.env': ({ workload }) => hideValues(workload.env),
  'workload.stop_timeout': ({ workload }) => seconds(workload.stopTimeoutMs),
  'workload.output': ({ workload }) => workload.output,
  'workload.backoff_initial': ({ workload }) => seconds(workload.backoffInitialMs),
  'workload.backoff_max': ({ workload }) => seconds(workload.backoffMaxMs),
  'workload.crash_loop': ({ workload }) => workload.crashLoop,
  'workload.stable_after': ({ workload }) => seconds(workload.stableAfterMs),
  'workload.listen': ({ workload }) => (workload.listen.length === 0 ? null : workload.listen),
  'workload.swap': ({ workload }) => workload.swap,
  'workload.drain_url': ({ workload }) => workload.drainUrl,
  'workload.drain_timeout': ({ workload }) => seconds(workload.drainTimeoutMs),
  'probe.url': ({ probe }) => probe.url,
  'probe.socket': ({ probe }) => probe.socket,
  'probe.exec': ({ probe }) => probe.exec,
  'probe.status': ({ probe }) => probe.status,
  'probe.body': ({ probe }) => probe.body,
  'probe.headers': ({ probe }) => hideValues(probe.headers),
  'probe.ca_file': ({ probe }) => probe.caFile,
  'probe.soak': ({ probe }) => seconds(probe.soakMs),
  'probe.failure_threshold': ({ probe }) => probe.failureThreshold,
  'probe.flap_threshold': ({ probe }) => probe.flapThreshold,
  'probe.interval': ({ probe }) => seconds(probe.intervalMs),
  'probe.timeout': ({ probe }) => seconds(probe.timeoutMs),
  'probe.success_threshold': ({ probe }) => probe.successThreshold,
  'probe.watch': ({ probe }) => seconds(probe.watchMs),
  'hooks.pre_swap': ({ hooks }) => hooks.preSwap,
  'hooks.drain': ({ hooks }) => hooks.drain,
  'hooks.post_commit': ({ hooks }) => hooks.postCommit,
  'hooks.post_rollback': ({ hooks }) => hooks.postRollback,
  'hooks.timeout': ({ hooks }) => seconds(hooks.timeoutMs),
  'fleet.group': ({ fleet }) => fleet.group,
  'fleet.host': ({ fleet }) => fleet.host,
  'fleet.fleetlock_url': ({ fleet }) => fleet.fleetlockUrl,
  'fleet.nats': ({ fleet }) => natsInFile(fleet.nats),
  'fleet.operator_keys_file': ({ fleet }) => fleet.operatorKeysFile,
  'control.socket': ({ control }) => control.socket,
  'control.group': ({ control }) => control.group,
  'control.http': ({ control }) => control.http,
  'control.token_file': ({ control }) => control.tokenFile,
  'control.hosts': ({ control }) => (control.hosts.length === 0 ? null : control.hosts),
  'log.level': ({ log }) => log.level,
};

const isKey = (key: string): key is Key => Object.hasOwn(VALUES, key);

/** A proxy that the environment names; null where it names none, or the file's wins. */
function ambientProxy(key: string, proxy: ProxySetting | null): ConfigEntry {
  return proxy === null || proxy.from === KEY_OF_PROXY
    ? { key, value: null, from: 'default' }
    : { key, value: withoutPassword(proxy.url), from: `env ${proxy.from}` };
}

function runtimeEntry({ runtime: { kind, reason } }: Config): ConfigEntry {
  const [name] = /^(CORESDK_RUNTIME|KUBERNETES_SERVICE_HOST)\b/.exec(reason) ?? [];
  return { key: 'CORESDK_RUNTIME', value: kind, from: name === undefined ? 'default' : `env ${name}` };
}

/** The switches that stand only in the environment. */
function ambient({ config, origins }: LoadedConfig): ConfigEntry[] {
  const { http, https, none } = config.http.proxies;
  const from = (key: string): string => origins[key] ?? 'default';
  return [
    { key: DISABLED_KEY, value: config.update.disabled, from: from(DISABLED_KEY) },
    { key: TENANT_KEY, value: config.tenant, from: from(TENANT_KEY) },
    runtimeEntry(config),
    ambientProxy('http_proxy', http),
    ambientProxy('https_proxy', https),
    { key: 'no_proxy', value: none === '' ? null : none, from: none === '' ? 'default' : 'env no_proxy' },
  ];
}

/**
 * Explains a configuration: first all keys of the file in their order, then what only the environment says.
 *
 * @param loaded - as `loadConfig` gives it
 * @returns an entry a key, also for those that are not set
 * @example
 * const loaded = await loadConfig();
 * for (const { key, value, from } of explain(loaded)) console.log(key, value, from);
 */
export function explain(loaded: LoadedConfig): ConfigEntry[] {
  const { config, origins } = loaded;
  const entries = [...KEYS.keys()].filter(isKey).map((key) => {
    const from = origins[key] ?? 'default';
    return { key, value: VALUES[key](config, from), from };
  });
  return [...entries, ...ambient(loaded)];
}
