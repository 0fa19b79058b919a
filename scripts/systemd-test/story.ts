/** The life of the sidecar under a real systemd, from its installation to its stop. One function a chapter; each leaves it running. */
import { followDocs } from './docs.ts';
import type { Publisher } from './publisher.ts';
import type { Report } from './report.ts';
import { environmentOf, FEED_URL, NODE, SHARE, UNIT, type Site } from './site.ts';

/** What a chapter needs. */
export interface Stage {
  readonly site: Site;
  readonly publisher: Publisher;
  readonly report: Report;
}

const config = (update: object = {}, rest: object = {}): object => ({
  update: {
    channel: 'edge',
    feed_url: FEED_URL,
    check_interval: 3600,
    rollback_timeout: 10,
    jitter: 0,
    ...update,
  },
  probe: { interval: 0.2, watch: 0.5 },
  workload: { stop_timeout: 5, backoff_initial: 0.2 },
  ...rest,
});

/** Short times, so that the test need not wait for those that are right for a host. */
const QUICK = `install -d /etc/systemd/system/${UNIT}.d
printf '[Service]\\nRestartSec=300ms\\nWatchdogSec=6s\\n' > /etc/systemd/system/${UNIT}.d/quick.conf`;

/** The folder that the operator brought the files to. */
const BROUGHT = '/root/brought';

const isServe = ({ command }: { command: string }): boolean => command.endsWith(' serve');
const isDaemon = ({ command }: { command: string }): boolean => / --config \S+$/.test(command);

/** Exactly one workload and one daemon, of the version that is wanted, healthy and idle. */
async function settled({ site, report }: Stage, what: string, version: string): Promise<void> {
  const status = await site.until(
    `${version} healthy and idle`,
    (now) => now.state === 'idle' && now.workload.health?.healthy === true && now.watching === null,
  );
  report.check(`${what}: ${version} is what runs`, status.current.version === version, status.current);
  const answer = await site.answer();
  report.check(`${what}: ${version} answers`, answer === version, answer ?? 'nobody');
  const processes = await site.processes();
  report.check(
    `${what}: exactly one workload and one daemon`,
    processes.filter(isServe).length === 1 &&
      processes.filter(isDaemon).length === 1 &&
      processes.length === 2,
    processes,
  );
  const text = await site.untilShows('StatusText', (value) =>
    value.startsWith(`${version} healthy; next check 20`),
  );
  report.check(`${what}: systemctl shows "${version} healthy; next check …"`, text !== '', text);
}

/** The installation on a VM, by the documentation's own commands. */
async function install({ site, report, publisher }: Stage): Promise<void> {
  const { machine } = site;
  await publisher.build('1.0.0');
  // There is a stable release, the one that is installed: nothing to do, and nothing to complain of.
  await publisher.promote('1.0.0');
  await machine.sh(`
    mkdir ${BROUGHT}
    cp ${SHARE}/builds/1.0.0/coresdk-sidecar ${SHARE}/units/${UNIT} ${SHARE}/units/coresdk-sidecar.sysusers.conf ${SHARE}/units/sidecar.yaml ${BROUGHT}
    cp ${NODE} ${BROUGHT}/node`);
  await followDocs(machine, report, {
    page: 'install.md',
    folder: BROUGHT,
    pick: (heading) => /^[234]\. /.test(heading),
  });
  const verified = await machine.run('systemd-analyze', [
    'verify',
    '--man=no',
    `/etc/systemd/system/${UNIT}`,
  ]);
  report.check(
    'install: systemd-analyze verify has nothing to say',
    verified.code === 0 && verified.stderr === '',
    verified,
  );
  const { stdout } = await machine.run('systemd-analyze', ['security', '--no-pager', UNIT]);
  const score = /exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1] ?? 'none';
  report.check('install: systemd-analyze security is below 2', Number(score) < 2, score);
  const { ActiveState, SubState, Type } = await site.show('ActiveState', 'SubState', 'Type');
  report.check(
    'install: active',
    Type === 'notify' && ActiveState === 'active' && SubState === 'running',
    SubState,
  );
  await site.systemctl('stop', UNIT);
  await machine.sh(`${QUICK}\nsystemctl daemon-reload`);
  await site.configure(config());
}

async function start(stage: Stage): Promise<void> {
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

async function update(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  const before = (await site.show('MainPID'))['MainPID'];
  await publisher.publish('1.1.0');
  const { ended } = await site.update();
  report.check('update: 1.1.0 is committed', ended?.outcome === 'committed', ended);
  await settled(stage, 'update', '1.1.0');
  const after = (await site.show('MainPID'))['MainPID'];
  report.check('update: the daemon is the same process', before === after, { before, after });
}

async function rollback(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  await publisher.publish('1.2.0', 'broken');
  const { ended } = await site.update();
  report.check('bad release: 1.2.0 is rolled back', ended?.outcome === 'rolledBack', ended);
  const { quarantine } = await site.until('1.2.0 is in quarantine', (now) => now.quarantine.length > 0);
  report.check('bad release: 1.2.0 is in quarantine', quarantine[0]?.version === '1.2.0', quarantine);
  await settled(stage, 'bad release', '1.1.0');
}

async function restartWhileProbing(stage: Stage): Promise<void> {
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

async function restartWhileDownloading(stage: Stage): Promise<void> {
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

async function killed(stage: Stage): Promise<void> {
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

async function watchdog(stage: Stage): Promise<void> {
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

async function unhealthyStart(stage: Stage): Promise<void> {
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

async function stop(stage: Stage): Promise<void> {
  const { site, report } = stage;
  await site.systemctl('stop', UNIT);
  const processes = await site.processes();
  report.check('stop: no process is left', processes.length === 0, processes);
  const { Result, ExecMainStatus, ActiveState } = await site.show('Result', 'ExecMainStatus', 'ActiveState');
  report.check(
    'stop: in good order',
    Result === 'success' && ExecMainStatus === '0' && ActiveState === 'inactive',
    { Result, ExecMainStatus },
  );
  const log = await site.machine.must('journalctl', [
    '--no-pager',
    '--output=cat',
    '--unit',
    UNIT,
    '-n',
    '20',
  ]);
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

/** A host without a network, by the documentation's own commands. */
async function airGap({ site, report, publisher }: Stage): Promise<void> {
  const { machine } = site;
  const bundle = (await publisher.airgap('1.3.0')).split('/').at(-1) ?? '';
  await site.systemctl('stop', UNIT);
  await machine.sh(`
    rm -rf /var/lib/coresdk /etc/systemd/system/${UNIT}.d
    systemctl daemon-reload
    install -d /mnt/artifact-store
    cp ${SHARE}/${bundle} /mnt/artifact-store/`);
  await site.configure({
    update: { channel: 'manual', bundle_path: `/mnt/artifact-store/${bundle}` },
    probe: { interval: 0.2 },
  });
  await site.systemctl('start', UNIT);
  await followDocs(machine, report, {
    page: 'air-gap.md',
    folder: '/',
    pick: (heading) => /^[23]\. /.test(heading),
  });
  const answer = await site.answer();
  report.check('air gap: 1.3.0 answers', answer === '1.3.0', answer);
}

/** What is left when it is taken away, by the documentation's own commands. */
async function takeAway({ site, report }: Stage): Promise<void> {
  await followDocs(site.machine, report, {
    page: 'install.md',
    folder: '/',
    pick: (heading) => heading === 'Take it away',
  });
  const left = await site.machine.sh(
    'ls -d /var/lib/coresdk /etc/coresdk /usr/local/bin/core 2>/dev/null || true',
  );
  report.check('take away: nothing is left', left === '' && (await site.processes()).length === 0, left);
}

/** The unit, the configuration and the commands of the reference document, as they are written there. */
async function reference(stage: Stage): Promise<void> {
  const { site, report, publisher } = stage;
  await site.systemctl('stop', UNIT);
  const bundle = (await publisher.airgap('1.6.0')).split('/').at(-1) ?? '';
  await site.machine.sh(`
    rm -rf /etc/systemd/system/${UNIT}.d /var/lib/coresdk
    install -d -o coresdk -g coresdk -m 700 /var/lib/coresdk
    install -m 644 ${SHARE}/units/reference/coresdk-sidecar.service /etc/systemd/system/${UNIT}
    install -m 644 ${SHARE}/units/reference/sidecar.yaml /etc/coresdk/sidecar.yaml
    systemctl daemon-reload
    systemctl restart coresdk-sidecar`);
  const status = await site.until(
    'the workload is healthy',
    (now) => now.state === 'idle' && now.workload.health?.healthy === true,
  );
  const { Type, User } = await site.show('Type', 'User');
  report.check(
    'reference unit: it runs as it is written',
    Type === 'simple' && User === 'coresdk' && status.channel === 'stable',
    status.channel,
  );
  // Each variable of the unit, set to nonsense: all of them are read if all of them are complained of.
  const names = await site.machine.sh(
    `sed -n 's/^Environment=\\([A-Z_]*\\)=.*/\\1/p' ${SHARE}/units/reference/${UNIT}`,
  );
  const nonsense = names.split('\n').map((name) => `${name}=nonsense`);
  const { code, stderr } = await site.machine.run('env', [
    ...nonsense,
    'coresdk-sidecar',
    '--config',
    '/etc/coresdk/sidecar.yaml',
  ]);
  const complaints = names.split('\n').filter((name) => stderr.includes(name));
  report.check('reference unit: its variables are read', code === 2 && complaints.length === 3, stderr);
  const updated = await site.machine.run('core', ['sidecar', 'update', '--bundle', `${SHARE}/${bundle}`]);
  report.check('reference unit: core sidecar update --bundle commits', updated.code === 0, updated);
  const answer = await site.answer();
  report.check('reference unit: 1.6.0 answers', answer === '1.6.0', answer);
  await site.systemctl('stop', UNIT);
  const processes = await site.processes();
  const { Result } = await site.show('Result');
  report.check(
    'reference unit: stopped in good order, no process is left',
    Result === 'success' && processes.length === 0,
    { Result, processes },
  );
}

/** The chapters, in order. */
export const CHAPTERS: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  install,
  start,
  update,
  'bad release': rollback,
  'restart while probing': restartWhileProbing,
  'restart while downloading': restartWhileDownloading,
  'kill -9': killed,
  watchdog,
  'unhealthy start': unhealthyStart,
  stop,
  'air gap': airGap,
  'reference unit': reference,
  'take away': takeAway,
};
