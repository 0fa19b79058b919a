/**
 * The daemon's own update on a disk that loses power: at every effect of a hand-over, with everything that may be lost then. Whatever is
 * left, the launcher starts a daemon that is complete and not in quarantine, and no start of one on trial goes uncounted.
 */
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { failTrial, STARTS_MAX } from '../../src/adapters/daemon-choice.ts';
import { readDaemonRecord, writeDaemonRecord } from '../../src/adapters/daemon-record.ts';
import type { Disk } from '../../src/adapters/disk.ts';
import { openQuarantine } from '../../src/adapters/quarantine.ts';
import { openStateDir, statePaths } from '../../src/adapters/state-dir.ts';
import { openSuccession, type DaemonSuccession } from '../../src/adapters/succession.ts';
import { writeManifest } from '../../src/adapters/version-folder.ts';
import { openVersionStore } from '../../src/adapters/version-store.ts';
import { releaseDigest, type Manifest } from '../../src/bundle/manifest.ts';
import { launch } from '../../src/daemon/launch.ts';
import { handOver } from '../../src/services/hand-over.ts';
import { quarantine } from '../../src/services/quarantine.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Successor } from '../../src/types.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { manifestOf, packed } from '../fixtures/forge.ts';
import { createRig, SETTINGS } from '../services/rig.ts';
import { EMPTY, keyOf, withFile, type FolderImage } from './support/image.ts';
import { lossesOf } from './support/losses.ts';
import { createRandom } from './support/random.ts';
import { createSimDisk, type SimDisk } from './support/sim-disk.ts';
import { createTape, type Tape } from './support/tape.ts';

const ROOT = '/var/lib/coresdk';
const INSTALLED = '/usr/bin/coresdk-sidecar';
const NEVER = new AbortController().signal;
const TIMES = { selfTestMs: 10_000, acknowledgeMs: 1_000, probationMs: 5_000, graceMs: 1_000 };
const paths = statePaths(ROOT);

/** What a process is that became another one: nothing of it goes on. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** A disk that is on, and what happened on it. */
interface Host {
  readonly sim: SimDisk;
  readonly disk: Disk;
  readonly tape: Tape;
  /** Starts of the daemon of a version by now: version → the numbers of the effects before which they were made. */
  readonly starts: { readonly version: string; readonly at: number }[];
}

function hostWith(image: FolderImage): Host {
  const tape = createTape(() => null);
  const sim = createSimDisk({ image, tape });
  return { sim, disk: sim.disk, tape, starts: [] };
}

/** Puts a release of a daemon into the version store. */
async function put(disk: Disk, version: string): Promise<Successor> {
  const bytes = Buffer.from(`the daemon ${version}`);
  const manifest = JSON.parse(
    manifestOf([packed('daemon', bytes, { mode: 0o755 })], {
      version,
      entrypoint: undefined,
      daemon: 'daemon',
    }).toString(),
  ) as Manifest;
  const folder = `${paths.versions}/${version}`;
  await disk.mkdir(folder, 0o700);
  await disk.mkdir(`${folder}/files`, 0o700);
  const file = await disk.createExclusive(`${folder}/files/daemon`, 0o755);
  await file.write(bytes);
  await file.close();
  await writeManifest(disk, folder, manifest);
  const ref = { origin: 'store', version, digest: releaseDigest(manifest.files) } as const;
  return { ref, sha256: manifest.files[0]?.sha256 ?? '' };
}

/** The daemon of a version that was started: `null` for the installed one. */
function daemonOn({ disk, starts, tape }: Host, version: string | null, clock = createFakeClock()) {
  const became = Promise.withResolvers<string>();
  const program = version === null ? INSTALLED : `${paths.versions}/${version}/files/daemon`;
  const succession: DaemonSuccession = openSuccession({
    disk,
    paths,
    store: openVersionStore({ disk, paths, baseline: { version: '1.0.0', entry: INSTALLED } }),
    clock,
    program,
    version: version ?? '1.0.0',
    args: [],
    env: {},
    times: TIMES,
    leave: () => Promise.resolve({}),
    guard: null,
    exec: ({ file }) => {
      const found = /versions\/([^/]+)\//.exec(file)?.[1] ?? 'installed';
      starts.push({ version: found, at: tape.next });
      became.resolve(found);
    },
    warn: (error) => {
      throw error;
    },
  });
  return { succession, clock, became: became.promise };
}

/** The launcher of 1.0.0, on whatever a crash left; says which daemon runs. */
async function boot(host: Host): Promise<string> {
  let runs = 'installed';
  const said = await launch({
    stateDir: ROOT,
    installed: { path: INSTALLED, version: '1.0.0' },
    args: [],
    env: {},
    guard: null,
    disk: host.disk,
    lock: () => Promise.resolve({ missing: null, release: () => undefined }),
    exec: ({ file }) => {
      runs = /versions\/([^/]+)\//.exec(file)?.[1] ?? 'installed';
      host.starts.push({ version: runs, at: host.tape.next });
    },
  });
  expect(said.filter((line) => /cannot|another|damaged/.test(line))).toEqual([]);
  return runs;
}

let before: FolderImage;
let OLD: Successor;
let NEW: Successor;
/** 1.1.0 is trusted, and 1.2.0 is staged. */
beforeAll(async () => {
  const image = withFile(
    withFile(EMPTY, INSTALLED, Buffer.from('the daemon 1.0.0'), 0o755),
    '/var/lib/.keep',
    Buffer.alloc(0),
  );
  const host = hostWith(image);
  await openStateDir(ROOT, host.disk);
  OLD = await put(host.disk, '1.1.0');
  NEW = await put(host.disk, '1.2.0');
  await writeDaemonRecord(host.disk, paths.daemonRecord, {
    current: OLD,
    trial: null,
    failed: null,
    process: null,
  });
  before = host.sim.image();
});

type Service = Parameters<typeof handOver>[0];

/** The ports of the hand-over's services on this disk. */
async function portsOf(
  host: Host,
  succession: DaemonSuccession,
): Promise<Service & Parameters<typeof quarantine>[0]> {
  const rig = createRig();
  const store = openVersionStore({
    disk: host.disk,
    paths,
    baseline: { version: '1.0.0', entry: INSTALLED },
  });
  return { ...rig, store, succession, quarantine: await openQuarantine(host.disk, paths.quarantine) };
}

const about = () => ({
  attempt: { id: 'id-1', trigger: 'update', mode: 'apply' } as const,
  plan: { from: OLD.ref, to: NEW.ref },
  successor: NEW,
  afterCommit: false,
});

/** What a daemon does with a hand-over that is under way, as the states `handingOver` and `rolledBack` do. */
async function goOn(host: Host, succession: DaemonSuccession): Promise<void> {
  const ports = await portsOf(host, { ...succession, selfTest: () => Promise.resolve() });
  try {
    await handOver(ports, SETTINGS)(about(), NEVER);
  } catch (error) {
    const { evidence, ...fault } = UpdateError.from(error);
    const verdict = { error: UpdateError.from(error).toRecord(), evidence, interruptions: 0 };
    expect(fault.code).toBe('DAEMON_FAILED');
    await quarantine(ports)({ ...about(), verdict }, NEVER);
  }
}

/** A life with a hand-over in it, to its end. */
interface Life {
  readonly name: string;
  readonly live: (host: Host) => Promise<void>;
  /** What runs in the end when nothing was cut. */
  readonly ends: string;
}

async function becomeNew(host: Host): Promise<void> {
  const { succession, became } = daemonOn(host, '1.1.0');
  void goOn(host, succession).catch(never);
  expect(await became).toBe('1.2.0');
}

async function dieThrice(host: Host): Promise<void> {
  for (let start = 1; start < STARTS_MAX; start += 1) expect(await boot(host)).toBe('1.2.0');
}

const LIVES: readonly Life[] = [
  {
    name: 'that succeeds',
    ends: '1.2.0',
    live: async (host) => {
      await becomeNew(host);
      const { succession, clock } = daemonOn(host, '1.2.0');
      await goOn(host, succession);
      await clock.advance(TIMES.probationMs);
      await expect.poll(async () => (await succession.state()).kind).toBe('none');
      succession.close();
    },
  },
  {
    name: 'whose daemon dies each time',
    ends: '1.1.0',
    live: async (host) => {
      await becomeNew(host);
      await dieThrice(host);
      expect(await boot(host)).toBe('1.1.0');
      await goOn(host, daemonOn(host, '1.1.0').succession);
    },
  },
  {
    name: 'whose daemon hangs',
    ends: '1.1.0',
    live: async (host) => {
      await becomeNew(host);
      const record = await readDaemonRecord(host.disk, paths.daemonRecord);
      if (record.trial === null) throw new Error('expected a trial');
      await writeDaemonRecord(
        host.disk,
        paths.daemonRecord,
        failTrial(record, record.trial, 'did not acknowledge'),
      );
      expect(await boot(host)).toBe('1.1.0');
      await goOn(host, daemonOn(host, '1.1.0').succession);
    },
  },
];

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a power cut in a hand-over', () => {
  it.each(LIVES)('$name leaves a daemon that may run, and counts its starts', async ({ live, ends }) => {
    const host = hostWith(before);
    await live(host);
    expect(await boot(hostWith(host.sim.image()))).toBe(ends);
    const random = createRandom('hand-over');
    const seen = new Set<string>();
    let tried = 0;
    for (let at = 0; at <= host.tape.next; at += 1) {
      for (const losses of lossesOf(host.sim.pendingAt(at), 64, random).tried) {
        const image = host.sim.imageAt(at, losses);
        const made = host.starts.filter((start) => start.version === '1.2.0' && start.at <= at).length;
        const key = `${String(made)} ${keyOf(image)}`;
        if (seen.has(key)) continue;
        seen.add(key);
        tried += 1;
        const after = hostWith(image);
        const quarantined = (await openQuarantine(after.disk, paths.quarantine)).get(NEW.sha256);
        // Until it ends: each start that follows is cut off as well, and nobody ever acknowledges.
        const runs: string[] = [];
        for (let start = 0; start <= STARTS_MAX + 1; start += 1) runs.push(await boot(after));
        const where = `${String(at)} ${JSON.stringify([...losses])}: ${runs.join()}`;
        // Somebody who may: the one before it, or the new one while it is on trial or trusted.
        expect(['1.1.0', '1.2.0'], where).toContain(runs[0]);
        for (const version of new Set(runs)) {
          const file = await after.disk.readFile(`${paths.versions}/${version}/files/daemon`, 1_000);
          expect(sha256(file), where).toBe(version === '1.1.0' ? OLD.sha256 : NEW.sha256);
        }
        if ((await quarantined) !== null) expect(runs, where).not.toContain('1.2.0');
        const { current } = await readDaemonRecord(after.disk, paths.daemonRecord);
        const isTrusted = current?.sha256 === NEW.sha256;
        if (isTrusted) expect(new Set(runs), where).toEqual(new Set(['1.2.0']));
        else {
          // Never a fourth, and in the end the one before it.
          expect(made + runs.filter((version) => version === '1.2.0').length, where).toBeLessThanOrEqual(
            STARTS_MAX,
          );
          expect(runs.at(-1), where).toBe('1.1.0');
        }
        // It goes on to where it was going, in the daemon that came up.
        if (!isTrusted) {
          const { succession } = daemonOn(after, '1.1.0');
          const state = await succession.state();
          if (state.kind === 'failed') {
            await goOn(after, succession);
            expect(
              await (await openQuarantine(after.disk, paths.quarantine)).get(NEW.sha256),
              where,
            ).not.toBeNull();
            expect((await succession.state()).kind, where).toBe('none');
          }
        }
      }
    }
    expect(tried).toBeGreaterThan(10);
  });
});
