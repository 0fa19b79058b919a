import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { ExecCommand } from '../../src/adapters/daemon-file.ts';
import { thisProcess } from '../../src/adapters/daemon-process.ts';
import {
  NO_RECORD,
  readDaemonRecord,
  writeDaemonRecord,
  type DaemonRecord,
} from '../../src/adapters/daemon-record.ts';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openStateDir, statePaths, type StatePaths } from '../../src/adapters/state-dir.ts';
import { writeManifest } from '../../src/adapters/version-folder.ts';
import { releaseDigest, type Manifest } from '../../src/bundle/manifest.ts';
import { launch, takeLauncher, type LaunchOptions } from '../../src/daemon/launch.ts';
import type { Successor } from '../../src/types.ts';
import { manifestOf, packed } from '../fixtures/forge.ts';

let paths: StatePaths;
let executed: { command: ExecCommand; env: NodeJS.ProcessEnv }[];
beforeEach(async () => {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'coresdk-launch-')));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  paths = await openStateDir(join(root, 'state'));
  executed = [];
  lines.length = 0;
  refused = null;
});

async function daemonOf(version: string): Promise<Successor> {
  const bytes = Buffer.from(`#!/bin/sh\n# ${version}\n`);
  const manifest = JSON.parse(
    manifestOf([packed('daemon', bytes, { mode: 0o755 })], {
      version,
      entrypoint: undefined,
      daemon: 'daemon',
    }).toString(),
  ) as Manifest;
  const folder = join(paths.versions, version);
  await mkdir(join(folder, 'files'), { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'files', 'daemon'), bytes, { mode: 0o755 });
  await writeManifest(nodeDisk, folder, manifest);
  const ref = { origin: 'store', version, digest: releaseDigest(manifest.files) } as const;
  return { ref, sha256: manifest.files[0]?.sha256 ?? '' };
}

const keep = (record: Partial<DaemonRecord>): Promise<void> =>
  writeDaemonRecord(nodeDisk, paths.daemonRecord, { ...NO_RECORD, ...record });
const record = (): Promise<DaemonRecord> => readDaemonRecord(nodeDisk, paths.daemonRecord);

/** The attempts whose guards were started. */
const guards: string[] = [];
/** What the launcher said. */
const lines: string[] = [];
/** The version whose daemon the system refuses to start. */
let refused: string | null = null;

/** What was started: the version of a daemon, or the installed one. */
async function start(version = '1.0.0', lock?: LaunchOptions['lock']): Promise<string> {
  const said = await launch({
    stateDir: paths.root,
    installed: { path: '/usr/bin/coresdk-sidecar', version },
    args: ['--config', '/c.yaml'],
    env: { NOTIFY_SOCKET: '/run/notify' },
    guard: (attempt) => {
      guards.push(attempt);
      return Promise.resolve();
    },
    ...(lock !== undefined && { lock }),
    // In the place of `execve`, which does not return.
    exec: (command, env) => {
      executed.push({ command, env });
      if (refused !== null && command.argv.some((word) => word.includes(`/${refused ?? ''}/`)))
        throw Object.assign(new Error('spawn'), { code: 'ENOEXEC' });
    },
  });
  lines.push(...said);
  if (
    executed.length === 0 ||
    said.some((line) => line.includes(`${version} runs, the installed daemon: spawn`))
  )
    return 'installed';
  return /versions\/([^/]+)\//.exec(executed.at(-1)?.command.argv.join(' ') ?? '')?.[1] ?? 'installed';
}

const trialOf = (successor: Successor, starts = 1) => ({
  attempt: 'id-1',
  successor,
  starts,
  acknowledged: false,
  seen: [],
});

it('starts the installed program where nothing else was ever started, and writes nothing', async () => {
  expect(await start()).toBe('installed');
  expect(await record()).toEqual(NO_RECORD);
});

it('starts the trusted daemon with the same arguments and environment, and says who launched it', async () => {
  await keep({ current: await daemonOf('1.1.0') });
  expect(await start()).toBe('1.1.0');
  const [{ command, env } = { command: null, env: {} as NodeJS.ProcessEnv }] = executed;
  expect(command?.argv.slice(-2)).toEqual(['--config', '/c.yaml']);
  expect(env['NOTIFY_SOCKET']).toBe('/run/notify');
  expect(takeLauncher(env)).toEqual({ path: '/usr/bin/coresdk-sidecar', version: '1.0.0' });
  expect(env).toEqual({ NOTIFY_SOCKET: '/run/notify' });
});

it('has counted a start on trial before it makes it', async () => {
  await keep({ trial: trialOf(await daemonOf('1.1.0')) });
  expect(await start()).toBe('1.1.0');
  expect(await record()).toMatchObject({ trial: { starts: 2 }, process: await thisProcess() });
});

it('has a guard watch a start on trial, and no other', async () => {
  guards.length = 0;
  await keep({ current: await daemonOf('1.1.0') });
  await start();
  expect(guards).toEqual([]);
  await keep({ trial: trialOf(await daemonOf('1.2.0')) });
  await start();
  expect(guards).toEqual(['id-1']);
});

it('makes no start on trial that it cannot count', async () => {
  await keep({ trial: trialOf(await daemonOf('1.1.0')) });
  const full = {
    ...nodeDisk,
    createExclusive: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })),
  };
  const said = await launch({
    stateDir: paths.root,
    installed: { path: '/usr/bin/coresdk-sidecar', version: '1.0.0' },
    args: [],
    env: {},
    guard: null,
    disk: full,
    exec: (command, env) => void executed.push({ command, env }),
  });
  expect(executed).toEqual([]);
  expect(said.join()).toContain('1.0.0 runs, the installed daemon');
});

it('goes back after three starts', async () => {
  await keep({ current: await daemonOf('1.1.0'), trial: trialOf(await daemonOf('1.2.0'), 3) });
  expect(await start()).toBe('1.1.0');
  expect(await record()).toMatchObject({ trial: null, failed: { attempt: 'id-1' } });
});

it('passes over a daemon whose bytes are not those of its manifest', async () => {
  const [old, next] = [await daemonOf('1.1.0'), await daemonOf('1.2.0')];
  await writeFile(join(paths.versions, '1.2.0', 'files', 'daemon'), '#!/bin/sh\n# 6.6.6\n');
  await keep({ current: old, trial: trialOf(next) });
  expect(await start()).toBe('1.1.0');
  expect((await record()).failed?.evidence.join()).toContain('cannot be started');
});

it('starts the installed program where the trusted daemon is gone', async () => {
  const old = await daemonOf('1.1.0');
  await rm(join(paths.versions, '1.1.0'), { recursive: true });
  await keep({ current: old });
  expect(await start()).toBe('installed');
  expect((await record()).current).toBeNull();
});

it('starts nobody beside a daemon that runs, and counts nothing', async () => {
  const init = { ...(await thisProcess()), pid: process.ppid };
  const stat = await import('../../src/adapters/process-identity.ts').then(({ readStat }) =>
    readStat(process.ppid),
  );
  await keep({
    trial: trialOf(await daemonOf('1.1.0')),
    process: { ...init, startTime: stat?.startTime ?? 0 },
  });
  // Not left to the lock, which a daemon on trial may let go at any moment.
  await expect(start()).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
  expect((await record()).trial?.starts).toBe(1);
});

it('starts the installed program where the record is damaged', async () => {
  await writeFile(paths.daemonRecord, '{');
  expect(await start()).toBe('installed');
});

it('does not leave on trial what the system refuses to start: its guard would end whoever runs instead', async () => {
  const [old, next] = [await daemonOf('1.1.0'), await daemonOf('1.2.0')];
  await keep({ current: old, trial: trialOf(next) });
  refused = '1.2.0';
  expect(await start()).toBe('1.1.0');
  expect(await record()).toMatchObject({
    trial: null,
    current: old,
    // The host's doing: it is not quarantined for it.
    failed: { error: { code: 'HANDOVER_FAILED' }, successor: next },
  });
});

it('starts the installed program where the system refuses to start the trusted daemon, and forgets nothing', async () => {
  const old = await daemonOf('1.1.0');
  await keep({ current: old });
  refused = '1.1.0';
  expect(await start()).toBe('installed');
  expect((await record()).current).toEqual(old);
});

it.each([
  ['the state directory', () => paths.root],
  ['the folder of the versions', () => paths.versions],
])('believes nothing where others can write into %s', async (_, folder) => {
  await keep({ current: await daemonOf('1.1.0') });
  await chmod(folder(), 0o777);
  expect(await start()).toBe('installed');
  expect(executed).toEqual([]);
  expect(lines.join()).toContain('into which others can write');
});

it('believes nothing in a state directory that is a link', async () => {
  await keep({ current: await daemonOf('1.1.0') });
  const link = `${paths.root}-link`;
  await symlink(paths.root, link);
  paths = statePaths(link);
  expect(await start()).toBe('installed');
  expect(executed).toEqual([]);
});

it('decides by what the launcher before it left, and not by what it saw before it had the lock', async () => {
  const next = await daemonOf('1.1.0');
  await keep({ trial: trialOf(next) });
  const lock = async () => {
    // Meanwhile another one has counted a start.
    await keep({ trial: trialOf(next, 2) });
    return { missing: null, release: () => undefined };
  };
  expect(await start('1.0.0', lock)).toBe('1.1.0');
  expect((await record()).trial?.starts).toBe(3);
});

it('gives the lock back where the installed program goes on', async () => {
  await keep({ current: await daemonOf('1.1.0') });
  refused = '1.1.0';
  const locks: string[] = [];
  const lock = () => {
    locks.push('held');
    return Promise.resolve({ missing: null, release: () => void locks.push('released') });
  };
  expect(await start('1.0.0', lock)).toBe('installed');
  expect(locks).toEqual(['held', 'released']);
});

it('starts a daemon where the lock of the launchers cannot be made, and says so', async () => {
  await keep({ trial: trialOf(await daemonOf('1.1.0')) });
  await mkdir(paths.launchLock);
  expect(await start()).toBe('1.1.0');
  expect(lines.join()).toContain('would not be noticed');
});

it('leaves in the record what a newer daemon put there', async () => {
  const newer = {
    schema: 2,
    ...NO_RECORD,
    trial: trialOf(await daemonOf('1.1.0')),
    region: { name: 'north' },
  };
  await writeFile(paths.daemonRecord, JSON.stringify(newer));
  expect(await start()).toBe('1.1.0');
  expect(await record()).toMatchObject({ trial: { starts: 2 }, region: { name: 'north' } });
});
