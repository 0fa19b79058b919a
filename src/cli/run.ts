import { UpdateError } from '../errors.ts';
/** Being written. */
export function runCli(_argv: readonly string[], _deps: unknown): Promise<number> {
  return Promise.reject(new UpdateError('USAGE', 'the CLI is being written'));
}
