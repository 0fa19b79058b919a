/**
 * Finds out what of a machine's context decides where it goes: guards, and the conditions of samples, are asked with values that
 * note what is read of them. Two places in a machine that agree on all of that are one place.
 */

function noting(value: unknown, path: string, note: (path: string) => void): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get: (target, key): unknown => {
      const inner: unknown = Reflect.get(target, key);
      if (typeof key !== 'string') return inner;
      note(`${path}${key}`);
      return noting(inner, `${path}${key}.`, note);
    },
  });
}

/**
 * A context that notes what is read of it.
 *
 * @param reads - takes the paths, with dots
 */
export function recorded(context: unknown, reads: Set<string>): unknown {
  return noting(context, '', (path) => reads.add(path));
}

/**
 * A service's input that notes what is read of it, as far as it is a part of the context under the same name. What an input
 * computes is not followed.
 */
export function recordedInput(input: unknown, context: unknown, reads: Set<string>): unknown {
  return noting(input, '', (path) => {
    const [key = ''] = path.split('.');
    if (at(context, key) !== undefined && at(input, key) === at(context, key)) reads.add(path);
  });
}

function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (inner, key) =>
        typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined,
      value,
    );
}

/**
 * What of a context decides, as text.
 *
 * @param paths - what is read of it
 * @param alike - makes one of values that decide the same
 */
export function decisive(
  context: unknown,
  paths: readonly string[],
  alike: (value: unknown) => unknown,
): string {
  return paths
    .map((path) => {
      const value = at(context, path) ?? 'none';
      return typeof value === 'object' ? 'some' : String(alike(value));
    })
    .join();
}
