import { describe, expect, it } from 'vitest';
import { exitCodeOf, exitCodesHelp, type ExitCode } from '../../src/cli/exit-code.ts';
import { ERROR_CODES, type ErrorCode } from '../../src/error-codes.ts';
import type { OutcomeKind } from '../../src/types.ts';

const TABLE: readonly (readonly [OutcomeKind, ErrorCode | null, 'update' | 'rollback', ExitCode])[] = [
  ['committed', null, 'update', 0],
  ['available', null, 'update', 0],
  ['nothing', null, 'update', 0],
  ['nothing', 'RELEASE_QUARANTINED', 'update', 5],
  ['nothing', 'JWS_SIGNATURE_INVALID', 'update', 3],
  ['nothing', 'VERSION_BLOCKED', 'update', 3],
  ['nothing', 'UPDATER_TOO_OLD', 'update', 0],
  ['rolledBack', 'PROBE_TIMEOUT', 'update', 4],
  ['rolledBack', 'ATTEMPT_INTERRUPTED', 'update', 4],
  ['rolledBack', null, 'update', 4],
  ['rolledBack', 'ROLLED_BACK_BY_OPERATOR', 'rollback', 0],
  ['refused', 'WRONG_PLATFORM', 'update', 3],
  ['refused', null, 'update', 3],
  ['deferred', 'GATE_CLOSED', 'update', 5],
  ['deferred', null, 'update', 5],
  ['failed', 'ROLLBACK_FAILED', 'update', 1],
  ['failed', 'ROLLBACK_FAILED', 'rollback', 1],
  ['error', 'FEED_UNREACHABLE', 'update', 1],
  ['error', 'COMMIT_FAILED', 'update', 1],
  ['error', 'CONFIG_INVALID', 'update', 2],
  ['error', null, 'update', 1],
  ['interrupted', 'ATTEMPT_INTERRUPTED', 'update', 1],
];

describe('exitCodeOf', () => {
  it.each(TABLE)('%s with %s, asked for %s → %i', (outcome, code, asked, exit) => {
    expect(exitCodeOf({ outcome, error: code === null ? null : { code } }, asked)).toBe(exit);
  });

  it('has a line in the table for every outcome', () => {
    expect(new Set(TABLE.map(([outcome]) => outcome)).size).toBe(9);
  });
});

describe('exitCodesHelp', () => {
  it('explains every code that an error of the table ends with', () => {
    const help = exitCodesHelp();
    for (const { exit } of Object.values(ERROR_CODES)) expect(help).toContain(`  ${String(exit)}  `);
    expect(help).toContain('  0  done, or nothing to do');
  });
});
