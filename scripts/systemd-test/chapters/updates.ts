/** Updates under systemd: one that goes well, one that does not. */
import { environmentOf, UNIT } from '../site.ts';
import { isServe, settled, type Stage } from '../stage.ts';

/** The first start: READY, STATUS, the state directory, what the workload is given. */
export async function start(stage: Stage): Promise<void> {
  const { site, report } = stage;
  await site.systemctl('start', UNIT);
  const { ActiveState, SubState, Type } = await site.show('ActiveState', 'SubState', 'Type');
  report.check(
    'start: Type=notify is active',
    Type === 'notify' && ActiveState === 'active' && SubState === 'running',
    SubState,
  );
  const status = await site.status();
  report.check(
    'start: READY came with a healthy workload',
    status?.workload.health?.healthy === true,
    status?.workload,
  );
  await settled(stage, 'start', '1.0.0');
  const stat = await site.machine.sh('stat -c "%U %a" /var/lib/coresdk');
  report.check('start: the state directory is the user’s alone', stat === 'coresdk 700', stat);
  const workload = (await site.processes()).find(isServe);
  const names = await environmentOf(site.machine, workload?.pid ?? 0);
  const leaked = names.filter((name) =>
    /^(NOTIFY_SOCKET|WATCHDOG_|LISTEN_|INVOCATION_ID|SYSTEMD_EXEC_PID)/.test(name),
  );
  report.check(
    'start: the workload is given nothing of systemd’s talk',
    names.length > 1 && leaked.length === 0,
    leaked,
  );
}

/** A good release from the feed. */
export async function update(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  const before = (await site.show('MainPID'))['MainPID'];
  await publisher.publish('1.1.0');
  const { ended } = await site.update();
  report.check('update: 1.1.0 is committed', ended?.outcome === 'committed', ended);
  await settled(stage, 'update', '1.1.0');
  const after = (await site.show('MainPID'))['MainPID'];
  report.check('update: the daemon is the same process', before === after, { before, after });
}

/** A release that never becomes healthy. */
export async function rollback(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  await publisher.publish('1.2.0', 'broken');
  const { ended } = await site.update();
  report.check('bad release: 1.2.0 is rolled back', ended?.outcome === 'rolledBack', ended);
  const { quarantine } = await site.until('1.2.0 is in quarantine', (now) => now.quarantine.length > 0);
  report.check('bad release: 1.2.0 is in quarantine', quarantine[0]?.version === '1.2.0', quarantine);
  await settled(stage, 'bad release', '1.1.0');
}
