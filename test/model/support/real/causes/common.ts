/** Causes that several services share. */
import type { ErrorCode } from '../../../../../src/error-codes.ts';
import { UpdateError } from '../../../../../src/errors.ts';
import type { StepName } from '../../../../../src/steps.ts';
import { breaking, failing, type Errno } from '../../../../faults/fault.ts';
import type { PortMethod } from '../../../../faults/port-methods.ts';
import type { Cause } from './cause.ts';

/** For what the world cannot do on demand: the adapter says this. */
export const told = (code: ErrorCode): UpdateError => new UpdateError(code, 'a fault that the test put here');

/** A method of a port fails while a service runs. */
export const fails = (service: StepName, method: PortMethod, error: ErrorCode | Errno): Cause => ({
  arrange: ({ arm }) => {
    arm(failing(method, isErrno(error) ? error : told(error), { in: service }));
  },
});

const ERRNOS: readonly string[] = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EMFILE'] satisfies Errno[];
const isErrno = (error: string): error is Errno => ERRNOS.includes(error);

/** The intent of a service cannot be written. */
export const noIntent = (service: StepName): Cause => fails(service, 'Journal.enter', 'JOURNAL_WRITE_FAILED');

/** An adapter breaks its port while a service runs. */
export const breaks = (service: StepName, method: PortMethod): Cause => ({
  arrange: ({ arm }) => {
    arm(breaking(method, { in: service }));
  },
});
