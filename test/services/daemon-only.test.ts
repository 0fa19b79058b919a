/** Releases that bring the daemon alone, or beside a workload, through `checking`, `verifying` and `waiting`. */
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { releaseDigest, type Manifest } from '../../src/bundle/manifest.ts';
import { check } from '../../src/services/check.ts';
import { gate } from '../../src/services/gate.ts';
import { verify } from '../../src/services/verify.ts';
import type { Checked, Passed } from '../../src/steps.ts';
import type { Offer, Successor, Verified, VersionRef } from '../../src/types.ts';
import { memorySuccession, type MemorySuccession } from '../fakes/succession.ts';
import { archive, forge, manifestOf, membersOf, packed } from '../fixtures/forge.ts';
import { attempt, digestOf } from '../machines/values.ts';
import { serve, trustingRig } from './head-fixture.ts';
import { install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';

const LOCAL: Offer = { source: { kind: 'file', path: '/x' }, release: null, channel: null };
const RUNNING = { version: '1.0.0', sha256: 'a'.repeat(64), ref: null };

let rig: Rig & { succession: MemorySuccession };
let from: VersionRef;
beforeEach(async () => {
  const fresh = await trustingRig();
  rig = { ...fresh, succession: memorySuccession(RUNNING, fresh.calls) };
  from = install(rig, '1.0.0');
  await rig.store.activate(from);
});

const DAEMON = packed('daemon', Buffer.from('daemon 1.1.0'), { mode: 0o755 });
const PROGRAM = packed('run', Buffer.from('program 1.1.0'));
const filesOf = (workload: boolean) => (workload ? [PROGRAM, DAEMON] : [DAEMON]);
const manifestBytes = (workload: boolean): Buffer =>
  manifestOf(filesOf(workload), {
    version: '1.1.0',
    daemon: 'daemon',
    ...(workload ? {} : { entrypoint: undefined }),
  });

/** Puts 1.1.0 into the store. */
function stored(workload = false): Successor {
  const manifest = JSON.parse(manifestBytes(workload).toString()) as Manifest;
  const digest = releaseDigest(manifest.files);
  rig.store.versions.set('1.1.0', {
    manifest,
    digest,
    files: new Map(
      filesOf(workload).map(({ entry }) => [
        entry.path,
        { mode: entry.mode, bytes: Buffer.from(`${entry.path === 'run' ? 'program' : 'daemon'} 1.1.0`) },
      ]),
    ),
    mark: null,
  });
  return { ref: { origin: 'store', version: '1.1.0', digest }, sha256: DAEMON.entry.sha256 };
}
const runs = ({ ref, sha256 }: Successor): void => {
  rig.succession.self = { version: ref.version, sha256, ref };
};
const failed = (digest: string): Promise<void> =>
  rig.quarantine.add({
    digest,
    role: 'daemon',
    version: '1.1.0',
    at: NOW,
    attempt: 'a',
    reason: { code: 'DAEMON_FAILED', message: 'it died' },
    evidence: [],
  });

describe('a check that finds a release of the daemon alone', () => {
  const look = async (digest: string): Promise<Checked> => {
    const bundles = [{ path: 'bundles/x.jws', size: 10, sha256: digestOf('b') }];
    await serve(rig, {
      version: '1.1.0',
      targets: [{ os: 'linux', arch: 'x64', release_digest: digest, bundles }],
    });
    return check(rig, SETTINGS)({ attempt: attempt() }, NEVER);
  };

  it('brings it where it was never here', async () => {
    expect(await look(digestOf('c'))).toMatchObject({ found: 'release', release: { version: '1.1.0' } });
  });

  it('brings it nowhere where it runs, again and again', async () => {
    const it = stored();
    runs(it);
    expect(await look(it.ref.digest)).toEqual({
      found: 'nothing',
      reason: '1.1.0 runs here as the daemon',
      error: null,
    });
  });

  it('brings it once more where it is on disk, and was not tried', async () => {
    expect(await look(stored().ref.digest)).toMatchObject({ found: 'release' });
  });

  it('says why it stays away where it failed, or cannot take over', async () => {
    const { ref, sha256 } = stored();
    rig.succession.self = { ...RUNNING, sha256: null };
    expect(await look(ref.digest)).toMatchObject({ found: 'nothing', error: { code: 'HANDOVER_FAILED' } });
    rig.succession.self = RUNNING;
    await failed(sha256);
    expect(await look(ref.digest)).toMatchObject({
      found: 'nothing',
      error: { code: 'RELEASE_QUARANTINED' },
    });
  });

  it('is not kept from the workload in it by what its daemon is', async () => {
    const { ref, sha256 } = stored(true);
    await failed(sha256);
    expect(await look(ref.digest)).toMatchObject({ found: 'release' });
  });
});

describe('a bundle of the daemon alone', () => {
  const judged = async (): Promise<Verified> => {
    const manifest = manifestBytes(false);
    const bytes = await forge({
      purpose: 'bundle',
      payload: await archive(membersOf(filesOf(false), manifest)),
    });
    rig.downloads.files.set('x.jws', bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const { digest } = { digest: releaseDigest((JSON.parse(manifest.toString()) as Manifest).files) };
    const offer: Offer = {
      source: { kind: 'feed', path: 'bundles/x.jws', size: bytes.length, sha256 },
      release: { version: '1.1.0', digest },
      channel: 'stable',
    };
    const downloaded = { file: 'x.jws', size: bytes.length, sha256 };
    return verify(rig, SETTINGS)({ attempt: attempt(), offer, downloaded }, NEVER);
  };

  it('is unpacked where another daemon runs', async () => {
    expect(await judged()).toMatchObject({ release: { version: '1.1.0' }, unpacked: 'unpacked' });
  });

  it('is not unpacked where it runs already, whatever the workload is', async () => {
    runs(stored());
    expect(await judged()).toMatchObject({ release: { version: '1.1.0' }, unpacked: null });
    expect(rig.downloads.folders.size).toBe(0);
  });
});

describe('behind the gate', () => {
  const pass = ({ ref }: Successor, swap: typeof SETTINGS.swap = 'stop-start'): Promise<Passed> =>
    gate(rig, { ...SETTINGS, swap })(
      { attempt: attempt(), offer: LOCAL, release: { version: ref.version, digest: ref.digest } },
      NEVER,
    );

  it('a daemon alone is handed over to, and no workload is swapped', async () => {
    const it = stored();
    expect(await pass(it)).toEqual({ go: true, plan: { from, to: it.ref }, way: 'handOver', successor: it });
  });

  it('a daemon beside a workload follows its swap', async () => {
    const it = stored(true);
    expect(await pass(it)).toMatchObject({ go: true, way: 'swap', successor: it });
  });

  it('two workloads overlap only where they are to', async () => {
    const it = stored(true);
    expect(rig.workload.beside).toBeDefined();
    expect(await pass(it, 'overlap')).toMatchObject({ go: true, way: 'overlap', successor: it });
  });

  it('the workload goes on alone where the daemon beside it failed, which is told', async () => {
    const it = stored(true);
    await failed(it.sha256);
    expect(await pass(it)).toMatchObject({ go: true, way: 'swap', successor: null });
    expect(rig.reporter.reports).toContainEqual({
      kind: 'warning',
      error: expect.objectContaining({ code: 'RELEASE_QUARANTINED' }) as unknown,
    });
  });

  it('goes nothing on that brings nothing any more, and the gate is given back', async () => {
    const it = stored();
    runs(it);
    expect(await pass(it)).toEqual({
      go: false,
      error: { code: 'SUPERSEDED', message: 'the daemon of 1.1.0 runs already' },
    });
    rig.succession.self = { version: '1.2.0', sha256: 'd'.repeat(64), ref: null };
    expect(await pass(it)).toMatchObject({ go: false, error: { code: 'VERSION_TOO_LOW' } });
    expect([...rig.gate.held]).toEqual([]);
  });
});
