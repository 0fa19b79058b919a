/** A control API that can listen nowhere: the daemon has the lock of the state directory by then, and gives it back. */
import { UpdateError } from '../../../../src/errors.ts';

export function openControl(): Promise<never> {
  return Promise.reject(
    new UpdateError('CONFIG_INVALID', 'expected a place for the control socket, found none'),
  );
}
