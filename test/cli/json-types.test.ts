/** The types of the fields of `--json` that programs depend on most; that every field is documented is seen to by test/docs/cli.test.ts. */
import { expectTypeOf, it } from 'vitest';
import type { AttemptView, ProgressView, Status } from '../../src/control/api.ts';
import type { DryRun } from '../../src/cli/dry-run.ts';
import type { OutcomeJson } from '../../src/cli/outcome.ts';
import type { OutcomeKind, StateName } from '../../src/types.ts';

it('--json has the types that programs read it with', () => {
  expectTypeOf<Status['attempt']>().toEqualTypeOf<string | null>();
  expectTypeOf<Status['state']>().toEqualTypeOf<StateName>();
  expectTypeOf<Status['from']>().toEqualTypeOf<string | null>();
  expectTypeOf<Status['to']>().toEqualTypeOf<string | null>();
  expectTypeOf<Status['progress']>().toEqualTypeOf<ProgressView | null>();
  expectTypeOf<Status['next_check_at']>().toEqualTypeOf<string | null>();
  expectTypeOf<Status['next_action']>().toEqualTypeOf<string>();
  expectTypeOf<NonNullable<Status['last_error']>>().toExtend<{ code: string; message: string; at: string }>();
  expectTypeOf<AttemptView['outcome']>().toEqualTypeOf<OutcomeKind | 'unknown' | null>();
  expectTypeOf<OutcomeJson['exit_code']>().toEqualTypeOf<0 | 1 | 2 | 3 | 4 | 5 | 6>();
  expectTypeOf<DryRun['would_update']>().toEqualTypeOf<boolean>();
});
