import { UpdateError } from './errors.ts';

/**
 * Writes the one line that a failed start ends with; for a fault of this program a stack trace after it.
 *
 * @returns the exit code for it
 */
export function complain(error: unknown): number {
  const fault = UpdateError.from(error);
  process.stderr.write(`coresdk-sidecar: ${fault.message} [${fault.code}]: ${fault.info.next}\n`);
  if (fault.code === 'INTERNAL' && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  return fault.info.exit;
}
