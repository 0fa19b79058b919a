/** Says what is wrong with a value: one line a problem, with the key, what is allowed and what was found. */
import type { z } from 'zod';
import { KEYS, ROOT_KEYS, SECTIONS } from './schema.ts';
import { didYouMean } from './suggest.ts';

/** The way to a value, as zod gives it. */
export type Path = readonly PropertyKey[];

/** One thing that is wrong. `path` says where; `text` says what, without the place. */
export interface Problem {
  readonly path: Path;
  readonly text: string;
}

/** Keys whose values may hold a secret: only the kind of value is shown. */
const SECRET = ['workload.env', 'probe.headers'];
const LONGEST = 80;

/** `['workload', 'command', 1]` as `workload.command[1]`. */
export function keyName(path: Path): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${String(part)}]`;
    return name === '' ? String(part) : `${name}.${String(part)}`;
  }, '');
}

/** What stands before `@` (a user and a password, with or without a scheme), and after `?`, never leaves this program. */
const withoutSecrets = (value: string): string =>
  value.replace(/^((?:[^@]*?\/\/)?).*@/s, '$1***@').replace(/(:\/\/[^?]*)\?.*$/s, '$1?***');

/**
 * A value as messages show it: short, on one line, without secrets.
 *
 * @param value - any value of a YAML document, or the text of a variable
 * @param key - its dotted key
 */
export function shown(value: unknown, key: string): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (SECRET.some((name) => key.startsWith(name))) return `a ${typeof value}`;
  const text = JSON.stringify(typeof value === 'string' ? withoutSecrets(value) : value);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

/** The value at a path. */
function at(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => {
    if (typeof value !== 'object' || value === null) return undefined;
    return (value as Record<PropertyKey, unknown>)[part];
  }, root);
}

/** The dotted name of the known key that a path leads to or into. */
const leafOf = (path: Path): string | undefined =>
  [path.slice(0, 1), path.slice(0, 2)].map(keyName).find((name) => KEYS.has(name));

/** The keys that may stand in the map at `path`, as they are written there. */
function allowedIn(path: Path): string[] {
  const [name] = path;
  if (name === undefined) return [...Object.keys(SECTIONS), ...Object.keys(ROOT_KEYS)];
  return typeof name === 'string' && Object.hasOwn(SECTIONS, name)
    ? Object.keys(SECTIONS[name as keyof typeof SECTIONS])
    : [];
}

/** Where a key that is unknown here is at home: `channel` outside of its section is `update.channel`. */
function homeOf(key: string): string | undefined {
  return [...KEYS.keys()].find((name) => name.endsWith(`.${key}`));
}

function unknownKey(path: Path, key: string, value: unknown): Problem {
  const allowed = allowedIn(path);
  const name = keyName([...path, key]);
  const home = homeOf(key);
  const guess = home === undefined ? didYouMean(key, allowed) : `; did you mean ${home}?`;
  const text = `unknown key ${name} with ${shown(value, name)}; expected one of ${allowed.join(', ')}${guess}`;
  return { path: [...path, key], text };
}

function badValue(path: Path, root: unknown): Problem {
  const name = keyName(path);
  const leaf = leafOf(path);
  const value = at(root, path);
  const found = `found ${shown(value, name)}`;
  if (leaf === undefined)
    return { path, text: `${name}: expected a map of the keys ${allowedIn(path).join(', ')}, ${found}` };
  const expected = KEYS.get(leaf)?.description ?? 'another value';
  const words = expected.startsWith('one of ') ? expected.slice('one of '.length).split(', ') : [];
  const guess = typeof value === 'string' ? didYouMean(value, words) : '';
  return { path, text: `${name}: expected ${expected}, ${found}${guess}` };
}

/**
 * The problems that a schema found, without repetitions.
 *
 * @param error - what zod reports
 * @param root - the value that was checked, for what was found
 * @param prefix - where that value stands in the file; the top unless given
 */
export function problemsOf(error: z.ZodError, root: unknown, prefix: Path = []): Problem[] {
  const whole = prefix.reduceRight<unknown>((value, part) => ({ [part]: value }), root);
  const found = error.issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path];
    if (issue.code !== 'unrecognized_keys') return [badValue(path, whole)];
    return issue.keys.map((key) => unknownKey(path, key, at(whole, [...path, key])));
  });
  return [...new Map(found.map((problem) => [problem.text, problem])).values()];
}
