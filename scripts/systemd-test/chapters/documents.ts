/** What is written down, done as it is written: the documentation’s commands, the reference document’s unit. */
import { followDocs } from '../docs.ts';
import { NODE, SHARE, UNIT } from '../site.ts';
import { config, type Stage } from '../stage.ts';

/** Short times, so that the test need not wait for those that are right for a host. */
const QUICK = `install -d /etc/systemd/system/${UNIT}.d
printf '[Service]\\nRestartSec=300ms\\nWatchdogSec=6s\\n' > /etc/systemd/system/${UNIT}.d/quick.conf`;

/** The folder that the operator brought the files to. */
const BROUGHT = '/srv/brought';

/** The installation on a VM, by the documentation's own commands. */
export async function install({ site, report, publisher }: Stage): Promise<void> {
  const { machine } = site;
  await publisher.build('1.0.0');
  // There is a stable release, the one that is installed: nothing to do, and nothing to complain of.
  await publisher.promote('1.0.0');
  await machine.sh(`
    mkdir ${BROUGHT}
    cp ${SHARE}/builds/good-1.0.0/coresdk-sidecar ${SHARE}/units/${UNIT} ${SHARE}/units/coresdk-sidecar.sysusers.conf ${SHARE}/units/sidecar.yaml ${BROUGHT}
    # Not for the executable: for the releases of the test, which are scripts.
    ln -s ${NODE} /usr/local/bin/node`);
  await followDocs(machine, report, {
    page: 'install.md',
    folder: BROUGHT,
    pick: (heading) => /^[234]\. /.test(heading),
  });
  // What an operator is told to type when something is wrong, or is asked about.
  for (const page of ['faq.md', 'troubleshooting.md', 'observability.md'])
    await followDocs(machine, report, { page, folder: '/', pick: () => true });
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

/** A host without a network, by the documentation's own commands. */
export async function airGap({ site, report, publisher }: Stage): Promise<void> {
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

/** The unit, the configuration and the commands of the reference document, as they are written there. */
export async function reference(stage: Stage): Promise<void> {
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

/** What is left when it is taken away, by the documentation's own commands. */
export async function takeAway({ site, report }: Stage): Promise<void> {
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
