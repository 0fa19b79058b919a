import { writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { failTrial } from '../../src/adapters/daemon-choice.ts';
import { readDaemonRecord, writeDaemonRecord, type DaemonRecord } from '../../src/adapters/daemon-record.ts';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openStateDir, type StatePaths } from '../../src/adapters/state-dir.ts';
import {
  openSuccession,
  type DaemonSuccession,
  type SuccessionOptions,
} from '../../src/adapters/succession.ts';
import { writeManifest } from '../../src/adapters/version-folder.ts';
import { openVersionStore } from '../../src/adapters/version-store.ts';
import type { ExecCommand } from '../../src/adapters/daemon-file.ts';
import { releaseDigest, type Manifest } from '../../src/bundle/manifest.ts';
import type { Succession } from '../../src/services/ports.ts';
import type { Successor } from '../../src/types.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { memorySuccession } from '../fakes/succession.ts';
import { manifestOf, packed } from '../fixtures/forge.ts';
import { refusal } from '../fixtures/refusal.ts';
import { successionContract, type SuccessionWorld } from './contracts/succession.contract.ts';

const NEVER = new AbortController().signal;
const TIMES = { selfTestMs: 10_000, acknowledgeMs: 1_000, probationMs: 5_000, graceMs: 1_000 };

interface World extends SuccessionWorld {
  readonly paths: StatePaths;
  readonly clock: FakeClock;
  readonly executed: ExecCommand[];
  readonly environments: NodeJS.ProcessEnv[];
  readonly old: DaemonSuccession;
  readonly become: (attempt: string) => Promise<DaemonSuccession>;
  readonly open: (program: string, changes?: Partial<SuccessionOptions>) => DaemonSuccession;
  readonly record: () => Promise<DaemonRecord>;
}

/** A state directory with a release of a daemon, whose self-test passes while there is no file `spoiled`. */
async function world(changes: Partial<SuccessionOptions> = {}): Promise<World> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'coresdk-succession-')));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const paths = await openStateDir(join(root, 'state'));
  const spoiled = join(root, 'spoiled');
  const node = Buffer.from(
    `#!/usr/bin/env node\nif (require('node:fs').existsSync(${JSON.stringify(spoiled)})) { console.error('it says no'); process.exit(2); }\n`,
  );
  const manifest = JSON.parse(
    manifestOf([packed('daemon', node, { mode: 0o755 })], {
      version: '1.1.0',
      entrypoint: undefined,
      daemon: 'daemon',
    }).toString(),
  ) as Manifest;
  const folder = join(paths.versions, '1.1.0');
  await mkdir(join(folder, 'files'), { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'files', 'daemon'), node, { mode: 0o755 });
  await writeManifest(nodeDisk, folder, manifest);
  const installed = join(root, 'installed');
  await writeFile(installed, '#!/usr/bin/env node\n');
  await chmod(installed, 0o755);
  const ref = { origin: 'store', version: '1.1.0', digest: releaseDigest(manifest.files) } as const;
  const next: Successor = { ref, sha256: manifest.files[0]?.sha256 ?? '' };
  const store = openVersionStore({ disk: nodeDisk, paths, baseline: { version: '1.0.0', entry: installed } });
  const clock = createFakeClock();
  const executed: ExecCommand[] = [];
  const environments: NodeJS.ProcessEnv[] = [];
  const open = (program: string, more: Partial<SuccessionOptions> = {}): DaemonSuccession =>
    openSuccession({
      disk: nodeDisk,
      paths,
      store,
      clock,
      program,
      version: program === installed ? '1.0.0' : '1.1.0',
      args: ['--config', '/c.yaml'],
      env: { PATH: process.env['PATH'], NOTIFY_SOCKET: '/run/notify' },
      times: TIMES,
      leave: () => Promise.resolve({ HELD: '3' }),
      guard: null,
      exec: (command, env) => {
        executed.push(command);
        environments.push(env);
        throw new Error('this process is another one now');
      },
      warn: (error) => {
        throw error;
      },
      ...changes,
      ...more,
    });
  const old = open(installed);
  const record = (): Promise<DaemonRecord> => readDaemonRecord(nodeDisk, paths.daemonRecord);
  return {
    paths, clock, executed, environments, old, next, open, record,
    spoil: () => {
      writeFileSync(spoiled, '');
    },
    become: async (attempt) => {
      const gone = Promise.withResolvers<undefined>();
      const leaving = open(installed, {
        exec: (command, env) => {
          executed.push(command);
          environments.push(env);
          gone.resolve(undefined);
        },
      });
      // What comes after `execve` is not there any more.
      await Promise.race([leaving.become(attempt, next, NEVER).catch(() => undefined), gone.promise]);
      return open(join(folder, 'files', 'daemon'));
    },
    fall: async () => {
      const now = await record();
      if (now.trial === null) throw new Error('expected a trial');
      await writeDaemonRecord(nodeDisk, paths.daemonRecord, failTrial(now, now.trial, 'died'));
      return open(installed);
    },
    instead: () => Promise.resolve(open(installed)),
  }; // prettier-ignore
}

successionContract('the real one', () => world());
successionContract('the fake', () => {
  const next: Successor = {
    ref: { origin: 'store', version: '1.1.0', digest: 'c'.repeat(64) },
    sha256: 'b'.repeat(64),
  };
  const fake = memorySuccession({ version: '1.0.0', sha256: 'a'.repeat(64), ref: null });
  const made: SuccessionWorld = {
    old: fake,
    next,
    spoil: () => {
      fake.fate = 'failsSelfTest';
    },
    become: async (attempt): Promise<Succession> => {
      void fake.become(attempt, next, NEVER);
      await Promise.resolve();
      await Promise.resolve();
      fake.self = { version: '1.1.0', sha256: next.sha256, ref: next.ref };
      return fake;
    },
    fall: () => {
      fake.fall('died');
      return Promise.resolve(fake);
    },
    instead: () => {
      fake.self = { version: '1.0.0', sha256: 'a'.repeat(64), ref: null };
      return Promise.resolve(fake);
    },
  };
  return Promise.resolve(made);
});

describe('the real one', () => {
  it('starts the very bytes of the release, with its own arguments and environment', async () => {
    const { become, executed, environments } = await world();
    await become('id-1');
    expect(executed[0]?.file).toBe(process.execPath);
    expect(executed[0]?.argv.slice(-3)).toEqual([
      expect.stringMatching(/1\.1\.0\/files\/daemon$/),
      '--config',
      '/c.yaml',
    ]);
    expect(environments[0]).toMatchObject({ NOTIFY_SOCKET: '/run/notify', HELD: '3' });
  });

  it('is not trusted before its probation is over, and then it is', async () => {
    const { become, clock, record, next } = await world();
    const fresh = await become('id-1');
    await fresh.acknowledge();
    await clock.advance(TIMES.probationMs - 1);
    expect((await record()).current).toBeNull();
    await clock.advance(1);
    await expect.poll(record).toEqual({ current: next, trial: null, failed: null, process: null });
    expect(await fresh.kept()).toContainEqual(next.ref);
  });

  it('that is stopped in good order has not failed a start, and nobody starts it again', async () => {
    const { become, record } = await world();
    const fresh = await become('id-1');
    await fresh.acknowledge();
    await fresh.atRest();
    expect(await record()).toMatchObject({ process: null, trial: { starts: 0, acknowledged: true } });
  });

  it('never becomes a daemon whose file was changed', async () => {
    const { old, next, paths, record } = await world();
    await writeFile(join(paths.versions, '1.1.0', 'files', 'daemon'), 'other bytes');
    expect(await refusal(old.become('id-1', next, NEVER))).toBe('VERSION_DAMAGED');
    expect((await record()).trial).toBeNull();
  });

  it('stays what it is, and takes the trial back, where nobody could guard it', async () => {
    const { old, next, record } = await world({
      guard: () => Promise.reject(new Error('no more processes')),
    });
    expect(await refusal(old.become('id-1', next, NEVER))).toBe('HANDOVER_FAILED');
    expect((await record()).trial).toBeNull();
  });

  it('starts itself anew where the system refuses to start the next, and says why', async () => {
    const { old, next, record, executed } = await world();
    await old.become('id-1', next, NEVER).catch(() => undefined);
    expect(executed).toHaveLength(2);
    expect(executed[1]?.argv).toContainEqual(expect.stringMatching(/installed$/));
    expect((await record()).failed).toMatchObject({ error: { code: 'HANDOVER_FAILED' } });
  });

  it('does not blame the next daemon for what this one would stumble over too', async () => {
    const { spoil, open, next, paths } = await world();
    spoil();
    // The same program again, which says no to the same host.
    const same = open(join(paths.versions, '1.1.0', 'files', 'daemon'));
    expect(await refusal(same.selfTest(next, NEVER))).toBe('HANDOVER_FAILED');
  });

  it('keeps its record to itself', async () => {
    const { become, paths } = await world();
    await become('id-1');
    const { mode } = await nodeDisk.lstat(paths.daemonRecord);
    expect(mode & 0o777).toBe(0o600);
    expect(await readFile(paths.daemonRecord, 'utf8')).toContain('"schema": 1');
  });

  it('moves a record aside that is none, says so, and goes on without', async () => {
    const told: string[] = [];
    const { open, paths, become, next } = await world({ warn: ({ message }) => told.push(message) });
    await writeFile(paths.daemonRecord, '{"schema":1}');
    const old = open('/usr/bin/nothing');
    expect(await Promise.all([old.state(), old.state()])).toEqual([{ kind: 'none' }, { kind: 'none' }]);
    expect(told).toEqual([expect.stringContaining(`it is now ${paths.daemonRecord}.damaged`)]);
    expect(await readFile(`${paths.daemonRecord}.damaged`, 'utf8')).toBe('{"schema":1}');
    await become('id-1');
    expect(await old.state()).toMatchObject({ kind: 'trial', successor: next });
  });

  it('leaves a record where it is that cannot be read now', async () => {
    const { open, paths } = await world();
    const broken = {
      ...nodeDisk,
      readFile: () => Promise.reject(Object.assign(new Error('io'), { code: 'EIO' })),
    };
    await writeFile(paths.daemonRecord, '{"schema":1}');
    expect(await refusal(open('/usr/bin/nothing', { disk: broken }).state())).toBe('STATE_DIR_UNUSABLE');
    expect(await readFile(paths.daemonRecord, 'utf8')).toBe('{"schema":1}');
  });

  it('is trusted once that can be written, where it could not be at the end of the probation', async () => {
    const told: string[] = [];
    const { become, clock, record, next, open, paths } = await world({ warn: ({ code }) => told.push(code) });
    await become('id-1');
    let full = false;
    const disk = {
      ...nodeDisk,
      createExclusive: (...args: Parameters<typeof nodeDisk.createExclusive>) =>
        full
          ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
          : nodeDisk.createExclusive(...args),
    };
    const fresh = open(join(paths.versions, '1.1.0', 'files', 'daemon'), { disk });
    await fresh.acknowledge();
    full = true;
    await clock.advance(TIMES.probationMs);
    await expect.poll(() => told).toEqual(['DISK_FULL']);
    expect((await record()).current).toBeNull();
    full = false;
    await clock.advance(TIMES.probationMs);
    await expect.poll(record).toEqual({ current: next, trial: null, failed: null, process: null });
  });

  it('does not undo a hand-over that begins while its own probation ends', async () => {
    const { become, clock, record, open, paths, next } = await world();
    await become('id-1');
    // The end of the probation comes between the two halves of what `become` does: it has read the record, and is about to write it.
    const gate = Promise.withResolvers<undefined>();
    let writes = 0;
    const disk = {
      ...nodeDisk,
      createExclusive: async (...args: Parameters<typeof nodeDisk.createExclusive>) => {
        writes += 1;
        if (writes === 2) await gate.promise;
        return nodeDisk.createExclusive(...args);
      },
    };
    const fresh = open(join(paths.versions, '1.1.0', 'files', 'daemon'), { disk, exec: () => undefined });
    await fresh.acknowledge();
    const leaving = fresh.become('id-2', next, NEVER).catch(() => undefined);
    await expect.poll(() => writes).toBe(2);
    await clock.advance(TIMES.probationMs);
    gate.resolve(undefined);
    await leaving;
    expect((await record()).trial).toMatchObject({ attempt: 'id-2', starts: 2 });
  });

  it('starts itself anew where it could not leave, and blames nobody but the host', async () => {
    const { old, next, record, executed } = await world({
      leave: () => Promise.reject(new Error('it hangs on')),
    });
    await old.become('id-1', next, NEVER).catch(() => undefined);
    expect(executed.map(({ argv }) => argv.at(-3))).toEqual([expect.stringMatching(/installed$/)]);
    expect(await record()).toMatchObject({
      trial: null,
      failed: { error: { code: 'HANDOVER_FAILED', message: expect.stringContaining('it hangs on') } },
    });
  });

  it('starts itself anew, though that cannot be written down', async () => {
    const told: string[] = [];
    let full = false;
    const disk = {
      ...nodeDisk,
      createExclusive: (...args: Parameters<typeof nodeDisk.createExclusive>) =>
        full
          ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
          : nodeDisk.createExclusive(...args),
    };
    const { old, next, executed } = await world({
      disk,
      warn: ({ code }) => told.push(code),
      leave: () => {
        full = true;
        return Promise.resolve({ HELD: '3' });
      },
    });
    await old.become('id-1', next, NEVER).catch(() => undefined);
    expect(executed[1]?.argv).toContainEqual(expect.stringMatching(/installed$/));
    expect(told).toEqual(['DISK_FULL']);
  });

  it('goes on counting the starts of a daemon whose place the old one had to take', async () => {
    const { become, instead, record, next, old } = await world();
    for (const starts of [1, 2, 3]) {
      await become('id-1');
      expect((await record()).trial?.starts).toBe(starts);
      await instead();
    }
    expect(await refusal(old.become('id-1', next, NEVER))).toBe('DAEMON_FAILED');
    expect(await record()).toMatchObject({ trial: null, failed: { successor: next } });
  });

  it('says where it came from without reading a program', async () => {
    const { open, paths, next } = await world();
    const blind = {
      ...nodeDisk,
      openRead: () => Promise.reject(new Error('expected no look at the program')),
    };
    expect(await open('/usr/bin/coresdk-sidecar', { disk: blind }).origin()).toBeNull();
    expect(await open(join(paths.versions, '1.1.0', 'files', 'daemon'), { disk: blind }).origin()).toEqual(
      next.ref,
    );
  });

  it('reads the record of a newer daemon, and passes over what it does not know', async () => {
    const { old, paths } = await world();
    const newer = { schema: 2, current: null, trial: null, failed: null, process: null, more: { it: 1 } };
    await writeFile(paths.daemonRecord, JSON.stringify(newer));
    expect(await old.state()).toEqual({ kind: 'none' });
  });
});
