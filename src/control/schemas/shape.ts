import type { z } from 'zod';

/** A type as JSON can tell it apart: nothing is readonly, and intersections are one object. */
type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Plain<T[Key]> }
    : T;

/** A function that no other type is the same as; the compiler compares two of them for identity, and not for what is assignable. */
type Mark<T> = <Of>(of: Of) => Of extends T ? 1 : 2;

type Same<A, B> = Mark<A> extends Mark<B> ? true : false;

/**
 * Proves, when it is compiled, that a schema and a type are the same: neither has a member, a value or a null that the other has not.
 *
 * @returns a function that takes the schema and gives it back as a schema of that type
 * @example
 * export const version = shape<VersionView>()(z.strictObject({ version: z.string(), digest: z.string().nullable() }));
 */
export const shape =
  <T>() =>
  <S extends z.ZodType>(
    schema: S & (Same<Plain<z.output<S>>, Plain<T>> extends true ? unknown : { readonly differsFrom: T }),
  ): z.ZodType<T> =>
    schema as unknown as z.ZodType<T>;
