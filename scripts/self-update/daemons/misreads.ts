/** A daemon that starts, and cannot read its configuration; its self-test did not look. */
import { complain } from '../../../src/complain.ts';
import { UpdateError } from '../../../src/errors.ts';

export function runDaemon(): Promise<number> {
  return Promise.resolve(
    complain(new UpdateError('CONFIG_INVALID', 'expected another configuration, found this one')),
  );
}
