import type { z } from 'zod';

/** A type as JSON can tell it apart: nothing is readonly, and intersections are one object. */
type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Plain<T[Key]> }
    : T;

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

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
