/**
 * The configuration's keys: for each its shape, and in words what is allowed. Keys are snake_case as in the file.
 * Strict: an unknown key is an error, so that a misspelt one is never a silent default.
 */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { CHANNELS } from './channel.ts';

/** The longest path of a unix socket that every system takes (`sun_path` less its NUL: 107 on Linux, 103 on macOS). */
export const SOCKET_PATH_MAX = 103;

/** Levels of the log, as pino names them. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const WEEK_S = 7 * 24 * 3600;
const RATE_MAX = 1024 ** 4;

const seconds = (min: number, max: number): z.ZodNumber =>
  z
    .number()
    .min(min)
    .max(max)
    .describe(`a number of seconds from ${String(min)} to ${String(max)}`);

const count = (max: number): z.ZodNumber =>
  z
    .int()
    .min(1)
    .max(max)
    .describe(`a whole number from 1 to ${String(max)}`);

const text = z
  .string()
  .min(1)
  .refine((value) => !value.includes('\0'));

const path = text.refine((value) => isAbsolute(value)).describe('an absolute path');

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values).describe(`one of ${values.join(', ')}`);

/** Whether `value` is a URL with one of `protocols`, and nothing in it that is a secret or would be lost. */
function isPlainUrl(value: string, protocols: readonly string[], query: boolean): boolean {
  const url = URL.parse(value);
  if (url === null || !protocols.includes(url.protocol)) return false;
  if (url.username !== '' || url.password !== '' || value.includes('#')) return false;
  if (!query && value.includes('?')) return false;
  return url.protocol === 'file:' ? url.host === '' : url.host !== '';
}

/** A feed's address: `https:`, `http:` or `file:`; no user, password, query or fragment. */
export const feedUrlSchema = text
  .refine((value) => isPlainUrl(value, ['https:', 'http:', 'file:'], false))
  .describe('an https:, http: or file: URL without user, password, query and fragment');

/** Days of a window, as the file names them; ISO 8601 counts them from 1 in this order. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

function isTimeZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}

const windowShape = z
  .strictObject({
    start: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/),
    length: z.number().min(60).max(WEEK_S),
    days: z.array(z.enum(DAYS)).min(1).optional(),
    time_zone: z.string().refine(isTimeZone).optional(),
  })
  .describe(
    'start (HH:MM), length (seconds from 60 to 604800), optionally days (mon … sun) and time_zone (such as Europe/Berlin)',
  );

const updateShape = {
  channel: oneOf(CHANNELS),
  check_interval: seconds(0.1, WEEK_S),
  rollback_timeout: seconds(0.1, 24 * 3600),
  bundle_path: path,
  feed_url: feedUrlSchema,
  jitter: z.number().min(0).max(1).describe('a number from 0 to 1'),
  min_age: seconds(0, 365 * 24 * 3600),
  allow_security_override: z.boolean().describe('true or false'),
  stall_timeout: seconds(0.1, 3600),
  retries: z.int().min(0).max(20).describe('a whole number from 0 to 20'),
  max_bytes_per_second: z
    .int()
    .min(1024)
    .max(RATE_MAX)
    .describe(`a whole number of bytes from 1024 to ${String(RATE_MAX)}`),
  windows: z.array(windowShape).min(1).max(50).describe('a list of 1 to 50 windows'),
  approval: oneOf(['none', 'required']),
  gate: oneOf(['none', 'fleetlock', 'nats']),
  mirrors: z.array(feedUrlSchema).min(1).max(16).describe('a list of 1 to 16 feed URLs'),
};

/** A proxy's address; user and password may stand in it, so it is never shown as it is. */
const proxySchema = z
  .union([
    z.literal('none'),
    text.refine((value) => {
      const url = URL.parse(value);
      return /^https?:\/\/./.test(value) && url?.pathname === '/' && !/[?#]/.test(value);
    }),
  ])
  .describe('none, or the http: or https: URL of a proxy without path');

const httpShape = { ca_file: path, cert_file: path, key_file: path, proxy: proxySchema };

/** `tcp://host:port` with a literal address or `localhost`, or `unix:/path`. */
function isListenSocket(value: string): boolean {
  if (value.startsWith('unix:/'))
    return Buffer.byteLength(value) - 5 <= SOCKET_PATH_MAX && !value.includes('\0');
  const port = /^tcp:\/\/(?:\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost):(\d{1,5})$/.exec(value)?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

const workloadShape = {
  command: z
    .array(text)
    .min(1)
    .refine((words) => words.some((word) => word.includes('{binary}')))
    .describe('a list of words of which one holds {binary}, the program that is updated'),
  binary: path,
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
      z.string().refine((value) => !value.includes('\0')),
    )
    .describe('a map of names (letters, digits, _) to texts; numbers and booleans in quotes'),
  stop_timeout: seconds(0, 3600),
  output: z.union([z.literal('inherit'), path]).describe('inherit, or an absolute path'),
  backoff_initial: seconds(0.01, 3600),
  backoff_max: seconds(0.01, 24 * 3600),
  crash_loop: count(1000),
  stable_after: seconds(0, WEEK_S),
  listen: z
    .array(text.refine((value) => isListenSocket(value)))
    .min(1)
    .max(16)
    .refine(
      (list) => new Set(list.map((it) => it.replace('//localhost:', '//127.0.0.1:'))).size === list.length,
    )
    .describe('a list of 1 to 16 sockets, each once: tcp://HOST:PORT or unix:/PATH'),
  swap: oneOf(['stop-start', 'overlap']),
  drain_url: text
    .refine((value) => isPlainUrl(value, ['http:', 'https:'], true))
    .describe('an http: or https: URL without user, password and fragment'),
  drain_timeout: seconds(0.1, 24 * 3600),
};

/** Protocols of a probe's address. */
export const PROBE_PROTOCOLS = ['http:', 'https:', 'grpc:', 'grpcs:', 'tcp:'] as const;

const probeShape = {
  url: text
    .refine((value) => isPlainUrl(value, PROBE_PROTOCOLS, true))
    .describe('an http:, https:, grpc:, grpcs: or tcp: URL without user, password and fragment'),
  socket: path,
  exec: z.array(text).min(1).describe('a list of words: a program and its arguments'),
  status: z.array(z.int().min(100).max(599)).min(1).describe('a list of HTTP statuses from 100 to 599'),
  body: text.describe('a text that the body must hold'),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/),
      z.string().refine((value) => !/[\0\r\n]/.test(value)),
    )
    .describe('a map of header names to texts'),
  ca_file: path,
  soak: seconds(0, 24 * 3600),
  failure_threshold: count(1000),
  flap_threshold: count(1000),
  interval: seconds(0.01, 3600),
  timeout: seconds(0.01, 3600),
  success_threshold: count(1000),
  watch: seconds(0, WEEK_S),
};

/** `host:port`; the port 0 takes a free one. */
function isListenAddress(value: string): boolean {
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(value)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}

const controlShape = {
  socket: path
    .refine((value) => Buffer.byteLength(value) <= SOCKET_PATH_MAX)
    .describe(`an absolute path of at most ${String(SOCKET_PATH_MAX)} bytes`),
  group: z
    .string()
    .regex(/^([a-z_][a-z0-9_-]*|[0-9]{1,10})$/)
    .describe('the name or number of a group'),
  http: text
    .refine((value) => isListenAddress(value))
    .describe('host:port, such as 127.0.0.1:7702 or [::1]:7702'),
  token_file: path,
  hosts: z
    .array(z.string().regex(/^[A-Za-z0-9.-]+$|^\[[0-9a-fA-F:]+\]$/))
    .min(1)
    .describe('a list of host names by which the TCP listener may be called'),
};

const hook = z
  .array(text)
  .min(1)
  .refine((words) => isAbsolute(words[0] ?? ''))
  .describe('a list of words: the absolute path of a program, and its arguments');

const hooksShape = {
  pre_swap: hook,
  drain: hook,
  post_commit: hook,
  post_rollback: hook,
  timeout: seconds(0.1, 3600),
};

/** A name in the fleet: a word in a subject, a key and a URL. */
const word = z
  .string()
  .max(64)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/)
  .describe('1 to 64 letters, digits, _ or -');

/** What it would hold of a user and a password is in a file. */
const natsUrl = text.refine((value) => {
  const url = URL.parse(value.replace(/^(nats|tls):/, 'http:'));
  return (
    /^(nats|tls):\/\/[^/?#@]+\/?$/.test(value) && url !== null && url.username === '' && url.password === ''
  );
});

const fleetShape = {
  group: word,
  host: word,
  fleetlock_url: text
    .refine((value) => isPlainUrl(value, ['http:', 'https:'], false))
    .describe('an http: or https: URL without user, password, query and fragment'),
  nats: z
    .strictObject({
      url: z.union([natsUrl, z.array(natsUrl).min(1).max(16)]),
      credentials_file: path.optional(),
      ca_file: path.optional(),
      cert_file: path.optional(),
      key_file: path.optional(),
      /** Hosts of a group that may be between `waiting` and the end of their attempt at once, where the gate is `nats`. */
      slots: z.int().min(1).max(100_000).optional(),
    })
    .describe(
      'a map with url (nats://HOST:PORT or tls://HOST:PORT without user and password, or a list of them), and at choice credentials_file, ca_file, cert_file, key_file, slots',
    ),
  operator_keys_file: path,
};

const logShape = { level: oneOf(LOG_LEVELS) };

/** The sections of the file and the keys in them. */
export const SECTIONS = {
  update: updateShape,
  http: httpShape,
  workload: workloadShape,
  probe: probeShape,
  hooks: hooksShape,
  fleet: fleetShape,
  control: controlShape,
  log: logShape,
} as const;

/** The keys that stand outside of any section. */
export const ROOT_KEYS = { state_dir: path } as const;

/** A section that is named but empty (`update:`) is the same as one that is not there. */
const section = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape).partial().nullish();

/** The configuration file. Every key may be absent; defaults are in `defaults.ts`. */
export const fileSchema = z.strictObject({
  update: section(updateShape),
  http: section(httpShape),
  workload: section(workloadShape),
  probe: section(probeShape),
  hooks: section(hooksShape),
  fleet: section(fleetShape),
  control: section(controlShape),
  log: section(logShape),
  state_dir: ROOT_KEYS.state_dir.optional(),
});

/** What a valid configuration file holds. */
export type ConfigFile = z.infer<typeof fileSchema>;

const leaves: readonly (readonly [string, z.ZodType])[] = [
  ...Object.entries(ROOT_KEYS),
  ...Object.entries(SECTIONS).flatMap(([name, shape]) =>
    Object.entries(shape).map(([key, schema]) => [`${name}.${key}`, schema] as const),
  ),
];

/** Every key by its dotted name (`update.channel`), with the schema of its value. */
export const KEYS: ReadonlyMap<string, z.ZodType> = new Map(leaves);
