import { followed, hurrying } from '../../../../faults/fault.ts';
import type { World } from '../world.ts';
import { BY_ITSELF, type Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';

/** As `rollbackTimeoutMs` of the hosts here, which no other sleep is as long as. */
const BUDGET_MS = 600_000;

/** The whole budget passes, once the workload has given an answer. */
function timeIsOverAfterAnAnswer({ arm }: World): void {
  const answered = Promise.withResolvers<undefined>();
  arm(
    followed(
      'HealthProbe.look',
      ({ detail }) => {
        if (detail.startsWith('HTTP')) answered.resolve(undefined);
      },
      { in: 'probe', times: Infinity },
    ),
    hurrying({ in: 'probe', when: (ms) => ms > BUDGET_MS / 2 }, answered.promise),
  );
}

/** `probe` finds it healthy. */
export const PROBED: Causes = { healthy: BY_ITSELF };

/** Why it does not. */
export const PROBE_FAILS: Causes = {
  JOURNAL_WRITE_FAILED: noIntent('probe'),
  PROBE_TIMEOUT: { offer: { behaviour: 'answers500' }, arrange: timeIsOverAfterAnAnswer },
  SOAK_FAILED: fails('probe', 'HealthProbe.look', 'SOAK_FAILED'),
  PROBE_EXITED: { offer: { behaviour: 'exits' } },
  INTERNAL: breaks('probe', 'HealthProbe.look'),
};

/** `commit` marks it. */
export const COMMITTED: Causes = { marked: BY_ITSELF };

/** Why it does not. */
export const COMMIT_FAILS: Causes = {
  COMMIT_FAILED: fails('commit', 'VersionStore.mark', 'ENOSPC'),
  INTERNAL: breaks('commit', 'Gate.release'),
};
