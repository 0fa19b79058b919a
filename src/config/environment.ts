/**
 * The environment variables that override the file. Each sets one key, and its value is checked by that key's schema.
 * An empty variable is the same as one that is not set.
 */
import type { Config } from './config.ts';
import { problemsOf } from './problems.ts';
import { KEYS } from './schema.ts';
import { nearest } from './suggest.ts';

/** An environment. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What the environment says. */
export interface EnvOverrides {
  /** Valid values by dotted key, with the variable each came from. */
  readonly values: ReadonlyMap<string, { readonly value: unknown; readonly name: string }>;
  /** `CORESDK_UPDATE_DISABLED`. */
  readonly disabled: boolean;
  /** `CORESDK_TENANT`. */
  readonly tenant: string | null;
  /** One line a problem. */
  readonly problems: readonly string[];
  /** One line a warning. */
  readonly warnings: readonly string[];
}

/** A decimal number as people write one; anything else stays a text, which the key's schema refuses. */
const number = (text: string): unknown => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : text);
const asIs = (text: string): unknown => text;

interface Variable {
  readonly name: string;
  readonly key: string;
  readonly read: (text: string) => unknown;
}

/** Where two variables set one key, the first wins. */
const VARIABLES: readonly Variable[] = [
  { name: 'CORESDK_UPDATE_CHANNEL', key: 'update.channel', read: asIs },
  { name: 'CORESDK_UPDATE_CHECK_INTERVAL_SECS', key: 'update.check_interval', read: number },
  { name: 'CORESDK_UPDATE_CHECK_INTERVAL', key: 'update.check_interval', read: number },
  { name: 'CORESDK_UPDATE_ROLLBACK_TIMEOUT', key: 'update.rollback_timeout', read: number },
  { name: 'CORESDK_UPDATE_BUNDLE_PATH', key: 'update.bundle_path', read: asIs },
];

/** The switch that stands only in the environment. */
export const DISABLED_KEY = 'CORESDK_UPDATE_DISABLED';
/** The tenant's name, which is passed on to the workload. */
export const TENANT_KEY = 'CORESDK_TENANT';
const PREFIX = 'CORESDK_UPDATE_';
/** Every `CORESDK_UPDATE_*` variable that means something. */
export const UPDATE_VARIABLES: readonly string[] = [...VARIABLES.map(({ name }) => name), DISABLED_KEY];

const SWITCH: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/**
 * The proxies of the environment, as other programs read them (curl, Go's `net/http`): the name in lower case wins. What they hold
 * is not judged here: they are not ours, and matter only to a daemon that has a feed behind one.
 */
export function proxiesIn(env: Env): Config['http']['proxies'] {
  const first = (...names: string[]): string | undefined => names.find((name) => (env[name] ?? '') !== '');
  const proxy = (name: string | undefined): Config['http']['proxies']['http'] =>
    name === undefined ? null : { url: env[name] ?? '', from: name };
  return {
    http: proxy(first('http_proxy', 'HTTP_PROXY')),
    https: proxy(first('https_proxy', 'HTTPS_PROXY')),
    none: env[first('no_proxy', 'NO_PROXY') ?? ''] ?? '',
  };
}

/** Reads `env`; never throws, for all problems are told together. */
export function readEnvironment(env: Env): EnvOverrides {
  const values = new Map<string, { value: unknown; name: string }>();
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const { name, key, read } of VARIABLES) {
    const text = env[name] ?? '';
    if (text === '') continue;
    const result = KEYS.get(key)?.safeParse(read(text));
    if (result?.success !== true) {
      if (result !== undefined)
        problems.push(
          ...problemsOf(result.error, read(text), key.split('.')).map((p) => `${name}: ${p.text}`),
        );
      continue;
    }
    const winner = values.get(key);
    if (winner === undefined) values.set(key, { value: result.data, name });
    else if (winner.value !== result.data)
      warnings.push(`${name}=${text} is ignored: ${winner.name}=${String(winner.value)} wins`);
  }
  const disabled = env[DISABLED_KEY] ?? '';
  const setting = disabled === '' ? false : SWITCH.get(disabled.toLowerCase());
  if (setting === undefined)
    problems.push(
      `${DISABLED_KEY}: expected one of ${[...SWITCH.keys()].join(', ')}, found ${JSON.stringify(disabled)}`,
    );
  const tenant = env[TENANT_KEY] ?? '';
  return {
    values,
    disabled: setting ?? true,
    tenant: tenant === '' ? null : tenant,
    problems,
    warnings: [...warnings, ...unknownVariables(env)],
  };
}

function unknownVariables(env: Env): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && env[name] !== '' && !UPDATE_VARIABLES.includes(name))
    .sort()
    .map((name) => {
      const guess = nearest(
        name.slice(PREFIX.length),
        UPDATE_VARIABLES.map((known) => known.slice(PREFIX.length)),
      );
      return `${name} is not known and has no effect${guess === null ? '' : `; did you mean ${PREFIX}${guess}?`}`;
    });
}
