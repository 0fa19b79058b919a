/** A control API that can listen nowhere: the daemon has the lock of the state directory by then, and closes all in good order. */
import { UpdateError } from '../../../src/errors.ts';

export const openControl = (): Promise<never> =>
  Promise.reject(new UpdateError('CONFIG_INVALID', 'expected a place for the control socket, found none'));
