/** What comes in between: restarts, kills, hangs, a workload that is down, a stop. */
import { UNIT } from '../site.ts';
import { config, settled, type Stage } from '../stage.ts';

/** `systemctl restart` while a new version is probed. */
export async function restartWhileProbing(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  await publisher.publish('1.3.0', 'slow');
  await site.updateInto('probing');
  const text = await site.untilShows('StatusText', (value) => value.includes('probing'));
  report.check(
    'restart while probing: systemctl shows what is under way',
    text.startsWith('updating 1.1.0 → 1.3.0: probing'),
    text,
  );
  await site.systemctl('restart', UNIT);
  // The restarted program was no verdict on 1.3.0: it goes on being probed, and is committed.
  await settled(stage, 'restart while probing', '1.3.0');
  const { ActiveEnterTimestampMonotonic: active, ExecMainStartTimestampMonotonic: began } = await site.show(
    'ActiveEnterTimestampMonotonic',
    'ExecMainStartTimestampMonotonic',
  );
  // 1.3.0 is not healthy for its first four seconds, so nothing can rightly be ready before.
  const tookMs = (Number(active) - Number(began)) / 1000;
  report.check('restart while probing: READY waited until 1.3.0 was healthy', tookMs > 4_000, tookMs);
}

/** `systemctl restart` in the middle of a download. */
export async function restartWhileDownloading(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  await publisher.publish('1.4.0');
  await site.configure(config({ max_bytes_per_second: 20_000 }));
  await site.systemctl('restart', UNIT);
  await site.updateInto('downloading');
  await site.until(
    'a part of the bundle is here',
    ({ progress }) => progress?.kind === 'download' && progress.received_bytes > 0,
  );
  await site.configure(config());
  await site.systemctl('restart', UNIT);
  await settled(stage, 'restart while downloading', '1.3.0');
  const { ended } = await site.update();
  report.check(
    'restart while downloading: the next attempt commits 1.4.0',
    ended?.outcome === 'committed',
    ended,
  );
  await settled(stage, 'after the download', '1.4.0');
}

/** The daemon is killed while a new version is probed. */
export async function killed(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  await publisher.publish('1.5.0', 'slow');
  await site.updateInto('probing');
  const { MainPID: before = '' } = await site.show('MainPID');
  await site.machine.sh(`kill -9 ${before}`);
  await site.untilShows('NRestarts', (value) => value === '1');
  await site.untilShows('ActiveState', (value) => value === 'active');
  const { MainPID: after, NRestarts } = await site.show('MainPID', 'NRestarts');
  report.check('kill -9: systemd started it again', after !== before && NRestarts === '1', {
    before,
    after,
    NRestarts,
  });
  await settled(stage, 'kill -9', '1.4.0');
  const [last] = await site.client.history(1);
  report.check(
    'kill -9: the attempt went back, as interrupted',
    last?.error?.code === 'ATTEMPT_INTERRUPTED',
    last,
  );
  const { ended } = await site.update();
  report.check('kill -9: it may be tried once more, and is committed', ended?.outcome === 'committed', ended);
  await settled(stage, 'after the kill', '1.5.0');
}

/** The daemon hangs. */
export async function watchdog(stage: Stage): Promise<void> {
  const { site, report } = stage;
  const { MainPID: before = '' } = await site.show('MainPID');
  await site.machine.sh(`kill -STOP ${before}`);
  await site.untilShows('NRestarts', (value) => value === '2');
  await site.untilShows('ActiveState', (value) => value === 'active');
  const log = await site.machine.must('journalctl', ['--no-pager', '--output=cat', '--unit', UNIT]);
  report.check(
    'watchdog: systemd ended the daemon that hung',
    log.includes('Watchdog timeout'),
    log.slice(-500),
  );
  await settled(stage, 'watchdog', '1.5.0');
}

/** A workload that is not healthy is no reason to call the start a failure. */
export async function unhealthyStart(stage: Stage): Promise<void> {
  const { site, report } = stage;
  await site.configure(
    config({ rollback_timeout: 2 }, { probe: { url: 'http://127.0.0.1:7999/healthz', interval: 0.2 } }),
  );
  const restarted = await site.machine.run('systemctl', ['restart', UNIT]);
  report.check('unhealthy start: it is started all the same', restarted.code === 0, restarted);
  const text = await site.untilShows('StatusText', (value) => value.includes('NOT HEALTHY'));
  report.check(
    'unhealthy start: systemctl shows that it is not healthy',
    text.startsWith('1.5.0 NOT HEALTHY: '),
    text,
  );
  await site.configure(config());
  await site.systemctl('restart', UNIT);
  await settled(stage, 'healthy again', '1.5.0');
}

/** The stop, and what is left for the next start. */
export async function stop(stage: Stage): Promise<void> {
  const { site, report } = stage;
  const mark = await site.logMark();
  await site.systemctl('stop', UNIT);
  const processes = await site.processes();
  report.check('stop: no process is left', processes.length === 0, processes);
  const { Result, ExecMainStatus, ActiveState } = await site.show('Result', 'ExecMainStatus', 'ActiveState');
  report.check(
    'stop: in good order',
    Result === 'success' && ExecMainStatus === '0' && ActiveState === 'inactive',
    { Result, ExecMainStatus },
  );
  const log = await site.logSince(mark);
  report.check('stop: the log of the stop is read', log.includes('stopping on SIGTERM'), log);
  report.check('stop: systemd had to kill nothing', !/SIGKILL|timed out/i.test(log), log);
  await site.systemctl('start', UNIT);
  await settled(stage, 'start again', '1.5.0');
  const { quarantine, versions } = (await site.status()) ?? { quarantine: [], versions: [] };
  report.check(
    'start again: the quarantine is still there',
    quarantine.some(({ version }) => version === '1.2.0'),
    quarantine,
  );
  report.check(
    'start again: the versions are still there',
    versions.some(({ version, current }) => version === '1.5.0' && current),
    versions,
  );
  const history = await site.client.history(50);
  report.check(
    'start again: the history is still there',
    history.filter(({ outcome }) => outcome === 'committed').length >= 4,
    history.length,
  );
  const pointer = await site.machine.sh('readlink /var/lib/coresdk/current');
  report.check('start again: current points to a version', pointer === 'versions/1.5.0', pointer);
}
