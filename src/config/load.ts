/** Builds the configuration: defaults, then the file, then the environment. */
import { UpdateError } from '../errors.ts';
import type { Config } from './config.ts';
import { DEFAULT_CONFIG_PATH } from './defaults.ts';
import { parseConfig, readConfigFile, type ConfigDocument } from './document.ts';
import {
  DISABLED_KEY,
  proxiesIn,
  readEnvironment,
  TENANT_KEY,
  type Env,
  type EnvOverrides,
} from './environment.ts';
import { problemsOf } from './problems.ts';
import { resolve } from './resolve.ts';
import { detectRuntime, type Runtime } from './runtime.ts';
import { superviseOnlyFolder } from './supervise-only.ts';
import { fileSchema, KEYS, SOCKET_PATH_MAX, type ConfigFile } from './schema.ts';

/** What {@link loadConfig} reads. */
export interface ConfigSource {
  /** The file; {@link DEFAULT_CONFIG_PATH} unless given. */
  readonly path?: string | undefined;
  /** Whether a person named the file: then it must be there. */
  readonly explicit?: boolean | undefined;
  /** The environment; the process's own unless given. */
  readonly env?: Env | undefined;
  /** For the detection of the runtime; the real disk unless given. */
  readonly exists?: ((path: string) => boolean) | undefined;
}

/** A configuration, and where it came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** By dotted key of the file: `default`, `file PATH:LINE` or `env NAME`. */
  readonly origins: Readonly<Record<string, string>>;
  /** One line each. */
  readonly warnings: readonly string[];
}

const NOTHING: ConfigDocument = { value: {}, where: () => '' };

async function readDocument(path: string, explicit: boolean): Promise<ConfigDocument> {
  const bytes = await readConfigFile(path);
  if (bytes !== null) return parseConfig(bytes, path);
  if (!explicit) return NOTHING;
  throw new UpdateError('CONFIG_UNREADABLE', `${path}: expected a configuration file, found none`);
}

/** The dotted keys that a valid file sets. */
function* keysIn(file: ConfigFile): Generator<string> {
  for (const [name, value] of Object.entries(file)) {
    if (KEYS.has(name)) yield name;
    else if (value !== null && typeof value === 'object')
      for (const key of Object.keys(value)) yield `${name}.${key}`;
  }
}

/** The file as if the environment's values stood in it. */
function merge(file: ConfigFile, overrides: EnvOverrides): ConfigFile {
  const merged = new Map<string, unknown>(Object.entries(file));
  for (const [key, { value }] of overrides.values) {
    const [section = '', name = ''] = key.split('.');
    merged.set(section, { ...(merged.get(section) ?? {}), [name]: value });
  }
  return fileSchema.parse(Object.fromEntries(merged));
}

function* tenantWarnings(file: ConfigFile, tenant: string | null): Generator<string> {
  const inFile = file.workload?.env?.[TENANT_KEY];
  if (tenant !== null && inFile !== undefined && inFile !== tenant)
    yield `workload.env.${TENANT_KEY} is ignored: the environment’s ${TENANT_KEY} wins`;
}

/** What single keys cannot tell. */
function* contradictions(config: Config, origin: (key: string) => string): Generator<string> {
  const { backoffInitialMs, backoffMaxMs } = config.workload;
  if (backoffMaxMs < backoffInitialMs)
    yield `${origin('workload.backoff_max')}: workload.backoff_max: expected at least workload.backoff_initial (${String(backoffInitialMs / 1000)}), found ${String(backoffMaxMs / 1000)}`;
  const { certFile, keyFile } = config.http;
  for (const [has, wants, found] of [
    ['http.cert_file', 'http.key_file', certFile !== null && keyFile === null],
    ['http.key_file', 'http.cert_file', keyFile !== null && certFile === null],
  ] as const)
    if (found) yield `${origin(has)}: ${wants}: expected an absolute path beside ${has}, found nothing`;
  const { probe, control } = config;
  if (probe.exec !== null && origin('probe.url') !== 'default')
    yield `${origin('probe.exec')}: probe.exec: expected either probe.url or probe.exec, found both`;
  if (probe.socket !== null && !/^(https?|grpc):/.test(probe.url))
    yield `${origin('probe.socket')}: probe.socket: expected an http:, https: or grpc: probe.url beside it, found ${probe.url}`;
  if (control.http !== null && control.tokenFile === null)
    yield `${origin('control.http')}: control.token_file: expected an absolute path beside control.http, found nothing`;
  const { update, fleet } = config;
  if (update.gate === 'fleetlock' && fleet.fleetlockUrl === null)
    yield `${origin('update.gate')}: fleet.fleetlock_url: expected an http: or https: URL beside update.gate fleetlock, found nothing`;
  if (update.gate === 'nats' && fleet.nats === null)
    yield `${origin('update.gate')}: fleet.nats: expected a map with url beside update.gate nats, found nothing`;
  if (fleet.nats !== null && (fleet.nats.certFile === null) !== (fleet.nats.keyFile === null))
    yield `${origin('fleet.nats')}: fleet.nats: expected cert_file and key_file together, found only one of them`;
  // "FleetLock protocol", section "Body".
  if (update.gate === 'fleetlock' && !/^[a-zA-Z0-9.-]+$/.test(fleet.group))
    yield `${origin('fleet.group')}: fleet.group: expected letters, digits and - beside update.gate fleetlock, found ${fleet.group}`;
  const { socket } = config.control;
  if (Buffer.byteLength(socket) > SOCKET_PATH_MAX)
    yield `${origin('state_dir')}: control.socket: expected a path of at most ${String(SOCKET_PATH_MAX)} bytes, found ${socket}; set control.socket to a shorter one`;
}

function* doubts(config: Config): Generator<string> {
  if (config.probe.intervalMs >= config.update.rollbackTimeoutMs)
    yield 'probe.interval is not shorter than update.rollback_timeout: a new version is probed only once';
  if (config.probe.watchMs > 0 && config.workload.stableAfterMs > config.probe.watchMs)
    yield 'workload.stable_after is longer than probe.watch: a slow crash loop may outlast the watch';
}

/**
 * Reads the configuration.
 *
 * @returns the configuration, the origin of every key, and warnings
 * @throws UpdateError `CONFIG_UNREADABLE` where the file cannot be used as YAML; `CONFIG_INVALID` where keys or values
 *   are not allowed, with one line a problem: where it stands, the key, what is allowed, and what was found
 * @example
 * const { config, warnings } = await loadConfig({ path: '/etc/coresdk/sidecar.yaml', explicit: true });
 */
export async function loadConfig(source: ConfigSource = {}): Promise<LoadedConfig> {
  const { path = DEFAULT_CONFIG_PATH, explicit = source.path !== undefined } = source;
  return interpret(await readDocument(path, explicit), 'file ', source);
}

/**
 * The same for a program that has its settings at hand: `settings` stand where the file would, with the keys of the file, and the
 * environment wins over them.
 *
 * @param settings - what the file would hold, times in seconds
 * @param source - `env: {}` for settings that no environment changes
 * @throws UpdateError `CONFIG_INVALID` where keys or values are not allowed, with one line a problem
 * @example
 * const { config } = resolveConfig({ update: { channel: 'edge' }, state_dir: '/var/lib/example' }, { env: {} });
 */
export function resolveConfig(
  settings: ConfigFile,
  source: Pick<ConfigSource, 'env' | 'exists'> = {},
): LoadedConfig {
  return interpret({ value: settings, where: () => 'settings' }, '', source);
}

function interpret(
  document: ConfigDocument,
  originPrefix: string,
  { env = process.env, exists }: Pick<ConfigSource, 'env' | 'exists'>,
): LoadedConfig {
  const parsed = fileSchema.safeParse(document.value);
  const overrides = readEnvironment(env);
  const problems = parsed.success
    ? []
    : problemsOf(parsed.error, document.value).map((p) => `${document.where(p.path)}: ${p.text}`);
  problems.push(...overrides.problems);
  let runtime: Runtime | null = null;
  try {
    runtime = detectRuntime({ env, exists });
  } catch (error) {
    problems.push(UpdateError.from(error).message);
  }
  if (!parsed.success || runtime === null || problems.length > 0)
    throw new UpdateError('CONFIG_INVALID', problems.join('\n'));

  const origins = new Map([...KEYS.keys(), DISABLED_KEY, TENANT_KEY].map((key) => [key, 'default']));
  for (const key of keysIn(parsed.data)) origins.set(key, `${originPrefix}${document.where(key.split('.'))}`);
  for (const [key, { name }] of overrides.values) origins.set(key, `env ${name}`);
  for (const name of [DISABLED_KEY, TENANT_KEY])
    if ((env[name] ?? '') !== '') origins.set(name, `env ${name}`);
  const file = merge(parsed.data, overrides);
  const { disabled, tenant } = overrides;
  const found = runtime;
  const config = resolve(file, {
    disabled,
    tenant,
    runtime,
    proxies: proxiesIn(env),
    superviseOnlyFolder: (stateDir) => superviseOnlyFolder({ stateDir, runtime: found, exists }),
  });
  const place = (key: string): string => (origins.get(key) ?? 'default').replace(/^(file|env) /, '');
  const wrong = [...contradictions(config, place)];
  if (wrong.length > 0) throw new UpdateError('CONFIG_INVALID', wrong.join('\n'));
  const warnings = [...overrides.warnings, ...tenantWarnings(parsed.data, tenant), ...doubts(config)];
  return { config, origins: Object.fromEntries(origins), warnings };
}
