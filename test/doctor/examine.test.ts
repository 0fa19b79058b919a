import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../src/control/api.ts';
import { examine } from '../../src/doctor/examine.ts';
import { UpdateError } from '../../src/errors.ts';
import { serve } from '../services/head-fixture.ts';
import { DAY_MS, install, NOW } from '../services/rig.ts';
import { finding, inWard, SERVICE, type Ward } from './patient-fixture.ts';

const isRoot = process.geteuid?.() === 0;
const unhealthy = ({ checks }: DoctorReport): string[] =>
  checks.filter(({ result }) => result === 'fail' || result === 'warn').map(({ name }) => name);

describe('a host that is well', () => {
  it('passes every check, but for throw-away keys; nothing is written but the journal, and nothing left behind', () =>
    inWard(async ({ rig, stateDir, examine: look }) => {
      const heads = await rig.heads.read('stable');
      const report = await look({ env: SERVICE });
      expect(unhealthy(report)).toEqual(['keys.production']);
      expect(report).toMatchObject({
        inside: 'daemon',
        result: 'warn',
        summary: 'the next update would go through; 1 thing needs a look',
      });
      expect(report.checks.map(({ name }) => name)).toEqual([
        'updates.enabled',
        'updates.approval',
        'workload.command',
        'workload.overlap',
        'workload.running',
        'probe.answers',
        'journal.write',
        'state_dir.write',
        'state_dir.execute',
        'state_dir.same_disk',
        'state_dir.space',
        'state_dir.inodes',
        'feed.answers',
        'head.verifies',
        'release.newest',
        'clock.sane',
        'keys.good',
        'keys.production',
        'hooks.pre_swap',
        'hooks.drain',
        'hooks.post_commit',
        'hooks.post_rollback',
        'control.token_file',
        'systemd.restart',
        'systemd.start_limit',
        'systemd.stop_timeout',
        'systemd.watchdog',
        'systemd.kill_mode',
      ]);
      expect(await rig.heads.read('stable')).toBe(heads);
      expect((await readdir(stateDir)).sort()).toEqual(['downloads', 'heads', 'quarantine', 'versions']);
      expect(await readdir(join(stateDir, 'versions'))).toEqual([]);
      for (const { result, next } of report.checks)
        expect(next === '').toBe(result === 'pass' || result === 'skip');
    }));

  it('asks the feed once', () =>
    inWard(async ({ rig, examine: look }) => {
      await look();
      expect(rig.feed.requests).toEqual(['stable.jws@0']);
    }));

  it('asks no feed on manual, and none where updates are switched off', () =>
    inWard(async ({ rig, examine: look }) => {
      const manual = await look({ config: { update: { channel: 'manual' } } });
      expect(finding(manual, 'feed.answers')).toBe(
        'skip: not asked: the manual channel makes no request of its own',
      );
      expect(manual.result).not.toBe('fail');
      const disabled = await look({ disabled: 'CORESDK_UPDATE_DISABLED is set' });
      expect(disabled.summary).toBe(
        'the next update would fail because updates are switched off: CORESDK_UPDATE_DISABLED is set',
      );
      expect(rig.feed.requests).toEqual([]);
    }));
});

describe('a workload of which two versions may run at once', () => {
  it.each([
    [['tcp://127.0.0.1:7701'], null, 'pass: two versions share the 1 sockets of workload.listen'],
    // A daemon that runs without them has those of systemd.
    [[], {}, 'pass: two versions share the sockets that systemd gave the daemon'],
  ])('has sockets to share: %j, %j', (listen, inside, expected) =>
    inWard(async ({ examine: look }) => {
      const report = await look({ config: { workload: { swap: 'overlap', listen } }, inside });
      expect(finding(report, 'workload.overlap')).toBe(expected);
    }),
  );
});

/** Each check, made to fail on purpose. */
const FAULTS: readonly [string, string, (ward: Ward) => Promise<DoctorReport>][] = [
  [
    'updates.enabled',
    'fail: automatic updates are paused: an operator',
    ({ examine: look }) =>
      look({ inside: { paused: { code: 'UPDATES_PAUSED', message: 'an operator paused updates' } } }),
  ],
  [
    'updates.approval',
    'warn: 1.1.0 waits for an approval',
    ({ examine: look }) =>
      look({
        config: { update: { approval: 'required' } },
        inside: { waiting: '1.1.0 waits for an approval' },
      }),
  ],
  [
    'workload.command',
    'fail: expected a program that can be executed, found /nowhere/sidecar: no such file',
    ({ examine: look }) => look({ config: { workload: { binary: '/nowhere/sidecar' } } }),
  ],
  [
    'workload.overlap',
    'warn: expected workload.listen beside workload.swap: overlap, found none',
    ({ examine: look }) => look({ config: { workload: { swap: 'overlap', listen: [] } }, inside: null }),
  ],
  [
    'workload.running',
    'fail: expected the workload to run, found that it is in stopped',
    ({ rig, examine: look }) => {
      rig.workload.exitNow('exit code 1');
      return look();
    },
  ],
  [
    'probe.answers',
    'fail: expected http://probe.invalid/healthz to be healthy, found HTTP 500',
    ({ rig, examine: look }) => {
      rig.probe.script = [500];
      return look();
    },
  ],
  [
    'journal.write',
    'fail: the disk is read-only',
    ({ rig, examine: look }) => {
      const spend = (): Promise<never> =>
        Promise.reject(new UpdateError('JOURNAL_WRITE_FAILED', 'the disk is read-only'));
      return look({ inside: { ports: { ...rig, journal: { ...rig.journal, spend } } } });
    },
  ],
  [
    'state_dir.write',
    'fail: expected to write, sync and rename in ',
    async ({ stateDir, examine: look }) => {
      await rm(join(stateDir, 'versions'), { recursive: true });
      await writeFile(join(stateDir, 'versions'), 'a file');
      return look();
    },
  ],
  [
    'state_dir.space',
    'fail: expected 3298534891520.0 MiB free in ',
    async ({ rig, examine: look }) => {
      const size = 2 ** 60;
      const bundles = [{ path: 'bundles/x.jws', size: 8 * 1024 ** 3, sha256: 'b'.repeat(64) }];
      await serve(rig, {
        version: '1.1.0',
        targets: [{ os: 'linux', arch: 'x64', release_digest: 'a'.repeat(64), bundles }],
      });
      const list: typeof rig.store.list = async () => [
        { ref: install(rig, '1.0.0'), mark: null, size: 3 * size },
      ];
      return look({ inside: { ports: { ...rig, store: { ...rig.store, list } } } });
    },
  ],
  [
    'feed.answers',
    'fail: expected a connection, found none',
    ({ rig, examine: look }) => {
      rig.feed.fault = new UpdateError('FEED_UNREACHABLE', 'expected a connection, found none');
      return look();
    },
  ],
  ['feed.answers', 'fail: no feed is configured', ({ examine: look }) => look({ ports: { feed: null } })],
  [
    'head.verifies',
    'fail: ',
    async ({ rig, examine: look }) => {
      rig.feed.files.set('stable.jws', Buffer.from('<html>sign in</html>'));
      return look();
    },
  ],
  [
    'head.verifies',
    'fail: the head expired at 2026-11-22',
    async ({ rig, examine: look }) => {
      await serve(rig, { version: '1.1.0' }, 'stable', NOW - 8 * DAY_MS);
      return look();
    },
  ],
  [
    'head.verifies',
    'warn: the stable head names 1.1.0, but it expires at 2026-11-25T00:00:00.000Z',
    async ({ rig, examine: look }) => {
      await serve(rig, { version: '1.1.0' }, 'stable', NOW - 5 * DAY_MS);
      return look();
    },
  ],
  [
    'head.verifies',
    'warn: expected epoch 0 seq 7 or later',
    async ({ rig, examine: look }) => {
      await rig.heads.write('stable', await serve(rig, { seq: 7 }));
      await serve(rig, { seq: 6 });
      return look();
    },
  ],
  [
    'release.newest',
    'fail: 1.1.0, the newest on stable, failed here at 2026-11-22',
    async ({ rig, examine: look }) => {
      await rig.quarantine.add({
        digest: 'a'.repeat(64),
        version: '1.1.0',
        at: NOW - DAY_MS,
        attempt: 'x',
        reason: { code: 'PROBE_TIMEOUT', message: 'it was never healthy' },
        evidence: [],
      });
      return look();
    },
  ],
  [
    'clock.sane',
    'fail: expected a time after 2026-11-23T00:00:00.000Z, when the accepted stable head was signed',
    async ({ rig, examine: look }) => {
      await rig.heads.write('stable', await serve(rig));
      rig.clock.setNow(NOW - DAY_MS);
      return look();
    },
  ],
  [
    'clock.sane',
    'fail: expected clocks that agree, found that this host’s clock is 360 s behind the feed’s',
    (ward) => withDate(ward, NOW + 360_000),
  ],
  [
    'clock.sane',
    'warn: this host’s clock is 90 s ahead of the feed’s',
    (ward) => withDate(ward, NOW - 90_000),
  ],
  [
    'keys.good',
    'fail: this program was built without public keys',
    ({ rig, examine: look }) =>
      look({ ports: { host: { ...rig.host, trust: { ...rig.host.trust, keys: new Map() } } } }),
  ],
  [
    'keys.good',
    'fail: expected a key for stable heads that has not ended',
    (ward) => withKeysUntil(ward, NOW - 1),
  ],
  [
    'keys.good',
    'warn: the last key for stable heads ends at',
    (ward) => withKeysUntil(ward, NOW + 29 * DAY_MS),
  ],
  [
    'hooks.pre_swap',
    'fail: hooks.pre_swap (/nowhere/hook): found no such file',
    ({ examine: look }) => look({ config: { hooks: { preSwap: ['/nowhere/hook'] } } }),
  ],
  [
    'hooks.post_commit',
    'warn: hooks.post_commit (',
    async ({ folder, examine: look }) => {
      const hook = join(folder, 'hook');
      await writeFile(hook, '#!/bin/sh\n');
      await chmod(hook, 0o777);
      return look({ config: { hooks: { postCommit: [hook] } } });
    },
  ],
  [
    'control.token_file',
    'fail: expected ',
    async ({ folder, examine: look }) => {
      const tokenFile = join(folder, 'token');
      await writeFile(tokenFile, 'secret', { mode: 0o644 });
      return look({ config: { control: { http: '127.0.0.1:0', tokenFile } } });
    },
  ],
];

function withDate({ rig, examine: look }: Ward, date: number): Promise<DoctorReport> {
  const head: typeof rig.feed.head = async (...args) => ({ ...(await rig.feed.head(...args)), date });
  return look({ ports: { feed: { ...rig.feed, head } } });
}

function withKeysUntil({ rig, examine: look }: Ward, notAfter: number): Promise<DoctorReport> {
  const { trust } = rig.host;
  const keys = new Map([...trust.keys].map(([kid, key]) => [kid, { ...key, notAfter }]));
  return look({ ports: { host: { ...rig.host, trust: { ...trust, keys } } } });
}

describe('a host that is not well', () => {
  it.each(FAULTS)('is found by %s (%s)', (name, expected, broken) =>
    inWard(async (ward) => {
      const report = await broken(ward);
      expect(finding(report, name)).toContain(expected);
      const check = report.checks.find((it) => it.name === name);
      expect(check?.next).not.toBe('');
      if (check?.result === 'fail') {
        expect(report.result).toBe('fail');
        expect(report.summary).toMatch(/^the next update would fail because /);
      }
    }),
  );

  it('is told with the first reasons, and how many more there are', () =>
    inWard(async ({ rig, examine: look }) => {
      rig.workload.exitNow('exit code 1');
      rig.probe.script = ['refused'];
      const { summary } = await look({
        disabled: 'a test',
        config: { hooks: { preSwap: ['/nowhere/hook'] }, workload: { binary: '/nowhere/sidecar' } },
      });
      expect(summary).toContain('would fail because updates are switched off: a test; and because ');
      expect(summary).toMatch(/\(and 2 more\)$/);
    }));

  it('whose disk or network hangs is told so in bounded time', () =>
    inWard(async ({ rig, examine: look }) => {
      const hang = (): Promise<never> => new Promise(() => undefined);
      const report = await look({ ports: { probe: { ...rig.probe, look: hang } } }, { boundMs: 50 });
      expect(finding(report, 'probe.answers')).toBe('fail: expected an answer in 0.05 s, found none');
    }));

  it('by a check that itself breaks has a line that says so, and no exception', () =>
    inWard(async ({ rig, examine: look }) => {
      const look500 = (): Promise<never> => Promise.reject(new TypeError('x is not a function'));
      const report = await look({ ports: { probe: { ...rig.probe, look: look500 } } });
      expect(finding(report, 'probe.answers')).toBe('fail: x is not a function');
    }));
});

describe('the state directory', () => {
  it.skipIf(!isRoot)(
    'on a disk that is mounted noexec, or below which another disk is mounted, is found',
    () =>
      inWard(async ({ stateDir, examine: look }) => {
        const versions = join(stateDir, 'versions');
        try {
          execFileSync(
            'mount',
            ['-t', 'tmpfs', '-o', 'noexec,size=1m,nr_inodes=20,mode=700', 'tmpfs', versions],
            {
              stdio: 'pipe',
            },
          );
        } catch {
          console.warn('SKIPPED: this sandbox cannot mount a tmpfs, so noexec was not tried');
          return;
        }
        try {
          const report = await look();
          expect(finding(report, 'state_dir.execute')).toContain('fail: expected to execute a program in');
          expect(finding(report, 'state_dir.execute')).toContain('EACCES');
          expect(finding(report, 'state_dir.same_disk')).toContain('fail: expected');
          expect(finding(report, 'state_dir.write')).toContain('pass');
          expect(await readdir(versions)).toEqual([]);
        } finally {
          execFileSync('umount', [versions]);
        }
      }),
  );

  it.skipIf(!isRoot)('without free inodes is found', () =>
    inWard(async ({ folder, examine: look }) => {
      const stateDir = join(folder, 'small');
      await mkdir(stateDir);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=20,mode=700', 'tmpfs', stateDir], {
          stdio: 'pipe',
        });
      } catch {
        console.warn('SKIPPED: this sandbox cannot mount a tmpfs, so a lack of inodes was not tried');
        return;
      }
      try {
        const report = await look({ config: { stateDir } });
        expect(finding(report, 'state_dir.inodes')).toContain('fail: expected at least 64 free inodes');
      } finally {
        execFileSync('umount', [stateDir]);
      }
    }),
  );

  it.skipIf(!isRoot)('of another user cannot be judged from outside', () =>
    inWard(async ({ stateDir, examine: look }) => {
      await chown(stateDir, 4242, 4242);
      const report = await look({ inside: null });
      expect(report.inside).toBe('caller');
      expect(finding(report, 'state_dir.write')).toContain('skip: ');
      expect(finding(report, 'state_dir.write')).toContain('belongs to uid 4242');
      await chown(stateDir, 0, 0);
    }),
  );

  it('that is not there yet is no fault from outside', () =>
    inWard(async ({ stateDir, examine: look }) => {
      await rm(stateDir, { recursive: true });
      const report = await look({ inside: null });
      expect(unhealthy(report)).toEqual(['keys.production']);
      expect(finding(report, 'state_dir.write')).toContain('the daemon makes it at its first start');
      await expect(readdir(stateDir)).rejects.toThrow('ENOENT');
    }));
});

it('an examination never rejects, whatever is broken', () =>
  inWard(async ({ patient }) => {
    const broken = (): never => {
      throw new Error('broken');
    };
    const port = new Proxy({}, { get: () => broken });
    const ports = { clock: port, host: port, feed: port, heads: port, probe: port } as never;
    const report = await examine(
      { ...patient(), ports },
      { showUnit: () => Promise.reject(new Error('broken')) },
    );
    expect(report.result).toBe('fail');
    expect(report.checks).toHaveLength(28);
  }));
