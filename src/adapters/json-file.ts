import type { z } from 'zod';
import type { Disk } from './disk.ts';

/** A JSON file of ours whose content is not what its schema says. */
export class JsonFileError extends Error {
  override readonly name = 'JsonFileError';
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a JSON file and validates it.
 *
 * @param cap - most bytes that it may have
 * @throws JsonFileError if it is not JSON or not of that shape; else what `Disk.readFile` throws
 */
export async function readJsonFile<T>(
  disk: Disk,
  path: string,
  cap: number,
  schema: z.ZodType<T>,
): Promise<T> {
  const bytes = await disk.readFile(path, cap);
  let value: unknown;
  try {
    value = JSON.parse(strictUtf8.decode(bytes));
  } catch (error) {
    throw new JsonFileError(`expected JSON in ${path}, found ${String(bytes.length)} bytes that are not`, {
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : ` (${issue.path.join('.')}: ${issue.message})`;
  throw new JsonFileError(`expected the agreed shape in ${path}, found another${where}`, {
    cause: parsed.error,
  });
}

/** A value as the bytes of a JSON file: indented, one line feed at the end. */
export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}
