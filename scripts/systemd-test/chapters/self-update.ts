/** The daemon's own update under systemd: good, bad in each way, and the power cut on probation. */
import type { Status } from '../../../src/control/api.ts';
import type { DaemonKind } from '../../self-update/daemons.ts';
import { UNIT } from '../site.ts';
import { settled, type Stage } from '../stage.ts';

/** The workload that runs by now. */
const WORKLOAD = '1.5.0';
const GOOD = '2.0.0';

interface Facts {
  readonly mainPid: string;
  readonly workloadPid: number | null;
  readonly restarts: string;
}

async function factsOf({ site }: Stage, status: Status): Promise<Facts> {
  const { MainPID: mainPid = '', NRestarts: restarts = '' } = await site.show('MainPID', 'NRestarts');
  return { mainPid, workloadPid: status.workload.pid, restarts };
}

/** Asks for the update; the daemon that is asked may be gone before it can answer how it went. */
const ask = (stage: Stage): Promise<unknown> =>
  stage.site.machine.run('core', ['sidecar', 'update', '--no-wait']);

const trialOf = async ({ site }: Stage): Promise<{ acknowledged: boolean } | null> => {
  const text = await site.machine.sh('cat /var/lib/coresdk/daemon.json 2>/dev/null || echo null');
  return (JSON.parse(text) as { trial: { acknowledged: boolean } | null } | null)?.trial ?? null;
};

async function untilTrusted(stage: Stage, version: string): Promise<Status> {
  const status = await stage.site.until(
    `the daemon is ${version}`,
    ({ updater, state }) => updater.version === version && state === 'idle',
  );
  await stage.site.untilShows('ActiveState', (value) => value === 'active');
  for (let tries = 0; (await trialOf(stage)) !== null && tries < 400; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return status;
}

/** The new daemon takes the old one's place in the very same process; nobody is restarted. */
export async function selfUpdate(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  await publisher.publishDaemon(GOOD, 'good');
  const before = await factsOf(stage, await site.until('idle', ({ state }) => state === 'idle'));
  await ask(stage);
  const status = await untilTrusted(stage, GOOD);
  const after = await factsOf(stage, status);
  report.check(`self-update: ${GOOD} is the daemon`, status.updater.version === GOOD, status.updater);
  report.check('self-update: systemd sees the same main process', after.mainPid === before.mainPid, {
    before,
    after,
  });
  report.check('self-update: systemd restarted nothing', after.restarts === before.restarts, {
    before,
    after,
  });
  report.check('self-update: the workload is the same process', after.workloadPid === before.workloadPid, {
    before,
    after,
  });
  report.check('self-update: it is trusted', (await trialOf(stage)) === null);
  await settled(stage, 'self-update', WORKLOAD);
  await site.systemctl('restart', UNIT);
  await settled(stage, 'restarted after the self-update', WORKLOAD);
  const again = await site.status();
  report.check(
    'self-update: the unit starts the new daemon',
    again?.updater.version === GOOD,
    again?.updater,
  );
}

/** What is wrong with a daemon, and its version: each is newer than the one before, or it would not be taken. */
const BAD: readonly (readonly [DaemonKind, string, string])[] = [
  ['crashes', '2.1.0', 'crashes at once'],
  ['hangs', '2.2.0', 'hangs'],
  ['misreads', '2.3.0', 'cannot read its configuration'],
  ['stricter', '2.4.0', 'fails its self-test'],
  ['dies', '2.5.0', 'acknowledges, and dies'],
];

/** Each is gone back from, without a hand, and without systemd giving up. */
export async function badDaemons(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  for (const [kind, version, what] of BAD) {
    await publisher.publishDaemon(version, kind);
    const before = await factsOf(stage, await site.until('idle', ({ state }) => state === 'idle'));
    await ask(stage);
    const status = await site.until(
      `the daemon that ${what} is in quarantine`,
      ({ quarantine, state, updater }) =>
        state === 'idle' && updater.version === GOOD && quarantine.some((it) => it.version === version),
    );
    await site.untilShows('ActiveState', (value) => value === 'active');
    await settled(stage, `a daemon that ${what}`, WORKLOAD);
    const [last] = await site.client.history(1);
    report.check(
      `a daemon that ${what}: the history says why`,
      last?.error?.code.startsWith('DAEMON_') === true,
      last,
    );
    if (kind === 'stricter') {
      const after = await factsOf(stage, status);
      report.check(
        `a daemon that ${what}: nothing was restarted`,
        JSON.stringify(after) === JSON.stringify(before),
        { before, after },
      );
    }
  }
  const log = await site.machine.must('journalctl', ['--no-pager', '--output=cat', '--unit', UNIT]);
  report.check('bad daemons: systemd never gave up', !log.includes('repeated too quickly'), log.slice(-500));
}

/** Everything in the unit's control group is killed at once, while the new daemon is on probation. */
export async function daemonWithoutPower(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  await publisher.publishDaemon('2.6.0', 'good');
  await ask(stage);
  let met = false;
  for (let tries = 0; !met && tries < 2_000; tries += 1) met = (await trialOf(stage))?.acknowledged === true;
  report.check('power cut on probation: the moment was met', met);
  await site.systemctl('kill', '--signal=KILL', '--kill-who=all', UNIT);
  const status = await untilTrusted(stage, '2.6.0');
  report.check(
    'power cut on probation: the new daemon goes on',
    status.updater.version === '2.6.0',
    status.updater,
  );
  await settled(stage, 'power cut on probation', WORKLOAD);
}
