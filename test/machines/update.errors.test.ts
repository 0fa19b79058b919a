import { describe, expect, it } from 'vitest';
import type { AnyStateNode } from 'xstate';
import { ERROR_CODES, type ErrorCode } from '../../src/error-codes.ts';
import { UPDATE_ERRORS } from '../../src/machines/update.errors.ts';
import { updateMachine } from '../../src/machines/update.machine.ts';

/** Codes that no service of the update machine rejects with, and why. */
const NEVER: Readonly<Partial<Record<ErrorCode, string>>> = {
  TRUST_SET_INVALID: 'the trust set is read when the program is built or starts',
  TRUST_SET_MISSING:
    'a program without keys schedules no checks; what it is given it refuses as JWS_KEY_UNKNOWN',
  HELD_BACK: 'a finding of `check` and `gate`, not a failure',
  BELOW_FLOOR: 'a warning in the status',
  BASELINE_PREFERRED: 'a warning of `recover`',
  ROLLBACK_IMPOSSIBLE: 'said by the command, before the event; the baseline can always be run',
  SUPERSEDED: 'a finding of `gate`, not a failure',
  CRASH_LOOP: 'a finding of `watch`, where it becomes a verdict, and of `gate`',
  ATTEMPT_INTERRUPTED: 'a finding of `recover`: it becomes a verdict, or ends the attempt',
  ROLLED_BACK_BY_OPERATOR: 'a verdict that comes with the event ROLLBACK',
  DRAIN_INCOMPLETE: 'a warning of `drain`: the old version is stopped all the same',
  ROLLOUT_HALTED: 'a finding of `gate` and `check`, not a failure',
  UNKNOWN_CODE: 'of the journal of a newer daemon, where it is read: part of a record, not a rejection',
  HALT_INVALID: 'of the orders of a fleet: a warning',
  FLEET_NOT_CONFIGURED: 'of the fleet’s commands',
  CONFIG_INVALID: 'the configuration is read before the machine starts',
  CONFIG_UNREADABLE: 'the configuration is read before the machine starts',
  USAGE: 'of the CLI',
  ALREADY_RUNNING: 'the lock is taken before the machine starts',
  UPDATES_DISABLED: 'said by the command, before the event',
  UPDATES_PAUSED: 'said by the command, before the event',
  NOTHING_TO_APPROVE: 'said by the command',
  BUSY: 'said by the command, before the event',
  DAEMON_UNREACHABLE: 'of the control client',
  SERVICE_MANAGER_UNREACHABLE: 'of the talk with systemd: a warning in the log',
  ATTEMPT_NOT_FOUND: 'of the control API',
  CONTROL_FAILED: 'of the control API',
  UNAUTHORIZED: 'of the control API',
  HOST_NOT_ALLOWED: 'of the control API',
  RATE_LIMITED: 'of the control API',
  TRUST_FILE_NOT_FOUND: 'of the publisher’s commands',
  KEYS_EXIST: 'of the publisher’s commands',
  WRITE_FAILED: 'of the publisher’s commands',
  SIGNING_FAILED: 'of the publisher’s commands',
  SERVE_FAILED: 'of the publisher’s commands',
  PUBLISH_REFUSED: 'of the publisher’s commands',
  CANCELLED: 'every service says it once its state is left, when nobody listens any more',
};

const listed = new Set<ErrorCode>(Object.values(UPDATE_ERRORS).flat());
const table = Object.keys(ERROR_CODES) as ErrorCode[];

describe('the codes that services reject with', () => {
  it.each(table)('%s is listed for a service, or said never to come from one', (code) => {
    expect([listed.has(code), code in NEVER]).toEqual(listed.has(code) ? [true, false] : [false, true]);
  });

  it('are each named once for a service', () => {
    for (const [service, codes] of Object.entries(UPDATE_ERRORS))
      expect(new Set(codes).size, service).toBe(codes.length);
  });

  it('stand on the states that invoke the services', () => {
    for (const node of Object.values(updateMachine.states) as AnyStateNode[]) {
      const services = node.invoke.map(({ src }) => (typeof src === 'string' ? src : ''));
      const { rejects = {} } = (node.meta ?? {}) as { rejects?: Record<string, unknown> };
      expect(rejects, node.key).toEqual(
        Object.fromEntries(services.map((name) => [name, UPDATE_ERRORS[name as keyof typeof UPDATE_ERRORS]])),
      );
    }
  });
});
