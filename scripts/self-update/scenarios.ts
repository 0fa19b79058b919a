/**
 * The daemon's own update, good and bad, and the power cut in each of its steps. Each ends with a running daemon and a healthy
 * workload; and the workload is the very same process where that is promised: always when nobody but the updater ends a daemon.
 */
import type { DaemonRecord } from '../../src/adapters/daemon-record.ts';
import type { Status } from '../../src/control/api.ts';
import type { Report } from '../systemd-test/report.ts';
import type { DaemonKind } from './daemons.ts';
import type { Stage } from './stage.ts';

/** What a scenario needs. */
export interface Scene {
  readonly stage: Stage;
  readonly report: Report;
  /** The programs of the daemons, by what they do. All but the installed one are 1.1.0. */
  readonly programs: Readonly<Record<DaemonKind, string>>;
}

/** One scenario. */
export interface Scenario {
  readonly name: string;
  play(scene: Scene): Promise<void>;
}

/** Whether a daemon that an update brought is trusted. */
const isTrusted = (record: DaemonRecord | null): boolean =>
  record !== null && record.current !== null && record.trial === null;

const NEW = '1.1.0';
const OLD = '1.0.0';

/** Comes up with the installed daemon; tells what runs. */
async function begin({ stage }: Scene): Promise<Status> {
  await stage.start();
  return stage.well('at first');
}

function checkHistory({ report }: Scene, name: string, said: Pick<Status, 'warnings'>): void {
  const lost = said.warnings.filter(({ code }) => code === 'JOURNAL_DAMAGED');
  report.check(`${name}: the journal was read by each daemon`, lost.length === 0, lost);
}

function good(withWorkload: boolean): Scenario {
  const name = withWorkload ? 'good, with a workload' : 'good';
  return {
    name,
    play: async (scene) => {
      const { stage, report, programs } = scene;
      const before = await begin(scene);
      const [old] = await stage.daemons();
      await stage.publish(NEW, programs.good, withWorkload);
      await stage.update();
      await stage.untilRecord('the new daemon is trusted', isTrusted);
      const after = await stage.well(name);
      report.check(`${name}: the new daemon runs`, after.updater.version === NEW, after.updater);
      const [now] = await stage.daemons();
      report.check(`${name}: it is the same process`, now?.pid === old?.pid, [old, now]);
      if (withWorkload) {
        report.check(`${name}: the new workload runs`, after.current.version === NEW, after.current);
        report.check(`${name}: it was started once`, after.workload.restarts === 0, after.workload);
      } else
        report.check(
          `${name}: the workload is the same process`,
          after.workload.pid === before.workload.pid,
          [before.workload, after.workload],
        );
      const [last] = await stage.history();
      report.check(`${name}: the history says so`, last?.outcome === 'committed', last);
      checkHistory(scene, name, after);
    },
  };
}

function bad(what: string, kind: DaemonKind, code: string, endsByItself: boolean): Scenario {
  return {
    name: what,
    play: async (scene) => {
      const { stage, report, programs } = scene;
      const before = await begin(scene);
      await stage.publish(NEW, programs[kind]);
      await stage.update();
      await stage.until(
        `${what}: quarantined`,
        ({ quarantine, state }) => quarantine.length > 0 && state === 'idle',
      );
      const after = await stage.well(what);
      report.check(`${what}: the daemon before it runs`, after.updater.version === OLD, after.updater);
      const same = after.workload.pid === before.workload.pid;
      if (stage.manager.keepsWorkload || !endsByItself)
        report.check(`${what}: the workload is the same process`, same, [before.workload, after.workload]);
      const [last] = await stage.history();
      report.check(
        `${what}: the history says why`,
        last?.outcome === 'rolledBack' && last.error?.code === code,
        last,
      );
      checkHistory(scene, what, after);
      await stage.update();
      const again = await stage.well(`${what}, asked once more`);
      report.check(
        `${what}: it is not tried again`,
        again.updater.version === OLD && ((await stage.record())?.trial ?? null) === null,
        again.updater,
      );
    },
  };
}

/** Where the power goes. */
interface Cut {
  readonly at: string;
  readonly kind: DaemonKind;
  readonly seen: (record: DaemonRecord | null, status: Status | null) => boolean;
  /** Which daemon may run in the end. */
  readonly ends: readonly string[];
}

const CUTS: readonly Cut[] = [
  {
    at: 'while the new daemon tests itself',
    kind: 'slowTest',
    seen: (record, status) => (record?.trial ?? null) === null && status?.state === 'handingOver',
    // It goes on where it was: nothing speaks against the new daemon.
    ends: [NEW],
  },
  {
    at: 'before the new daemon acknowledges',
    kind: 'slowStart',
    seen: (record) => record?.trial?.acknowledged === false,
    ends: [NEW],
  },
  {
    at: 'before a new daemon is ended that hangs',
    kind: 'hangs',
    seen: (record) => record?.trial?.acknowledged === false,
    ends: [OLD],
  },
  { at: 'on probation', kind: 'good', seen: (record) => record?.trial?.acknowledged === true, ends: [NEW] },
  {
    at: 'once it is trusted',
    kind: 'good',
    seen: isTrusted,
    ends: [NEW],
  },
  {
    at: 'when a new daemon is started once more',
    kind: 'misreads',
    seen: (record) => (record?.trial?.starts ?? 0) > 1,
    ends: [OLD],
  },
  {
    at: 'once the new daemon failed',
    kind: 'hangs',
    seen: (record) => (record?.failed ?? null) !== null,
    ends: [OLD],
  },
];

function powerCut({ at, kind, seen, ends }: Cut): Scenario {
  const name = `power cut ${at}`;
  return {
    name,
    play: async (scene) => {
      const { stage, report, programs } = scene;
      await begin(scene);
      await stage.publish(NEW, programs[kind]);
      await stage.update();
      let met = false;
      const deadline = performance.now() + 60_000;
      while (!met && performance.now() < deadline)
        met = seen(await stage.record(), await stage.host.status());
      report.check(`${name}: the moment was met`, met, await stage.record());
      await stage.cut();
      await stage.restart();
      await stage.until(
        `${name}: the right daemon`,
        ({ updater, state }) => ends.includes(updater.version) && state === 'idle',
      );
      if (ends.includes(NEW))
        await stage.untilRecord(`${name}: it is trusted`, (record) => record?.trial === null);
      const after = await stage.well(name);
      report.check(`${name}: ${ends.join(' or ')} runs`, ends.includes(after.updater.version), after.updater);
      checkHistory(scene, name, after);
      await stage.update();
      await stage.well(`${name}, asked once more`);
    },
  };
}

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [
  good(false),
  good(true),
  bad('crashes at once', 'crashes', 'DAEMON_FAILED', true),
  bad('hangs', 'hangs', 'DAEMON_FAILED', true),
  bad('starts, but cannot read its configuration', 'misreads', 'DAEMON_FAILED', true),
  bad('cannot read the configuration in its self-test', 'stricter', 'DAEMON_SELF_TEST_FAILED', false),
  bad('acknowledges, and dies', 'dies', 'DAEMON_FAILED', true),
  bad('takes the lock, and cannot come up', 'deaf', 'DAEMON_FAILED', true),
  ...CUTS.map(powerCut),
];
