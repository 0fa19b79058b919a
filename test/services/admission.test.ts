import { beforeEach, describe, expect, it } from 'vitest';
import { objection, versionFloor } from '../../src/services/admission.ts';
import { digestOf } from '../machines/values.ts';
import { signedHead, trustingRig } from './head-fixture.ts';
import { DAY_MS, install, NOW, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await trustingRig();
});

const release = (version: string) => ({ version, digest: digestOf('9') });
const LONG_AGO = NOW - 90 * DAY_MS;

describe('versionFloor', () => {
  it('is nowhere on a new host', async () => {
    expect(await versionFloor(rig)).toBeNull();
  });

  it('is the newest committed version whose watch is over', async () => {
    install(rig, '1.1.0');
    install(rig, '1.0.0');
    install(rig, '1.2.0', { watched: false });
    install(rig, '1.3.0', null);
    expect(await versionFloor(rig)).toEqual({ version: '1.1.0', because: 'was committed here' });
  });

  it('is never under the min_version of a stored head, even of one that has expired', async () => {
    install(rig, '1.1.0');
    await rig.heads.write('stable', await signedHead({ min_version: '1.0.5' }));
    await rig.heads.write(
      'edge',
      await signedHead({ min_version: '1.4.0', version: '1.5.0' }, 'edge', LONG_AGO),
    );
    expect(await versionFloor(rig)).toEqual({ version: '1.4.0', because: 'is the edge head’s min_version' });
  });

  it('compares versions as versions', async () => {
    install(rig, '1.9.0');
    install(rig, '1.10.0');
    expect((await versionFloor(rig))?.version).toBe('1.10.0');
  });
});

describe('objection', () => {
  it('has none against a newer release', async () => {
    await rig.store.activate(install(rig, '1.0.0'));
    expect(await objection(rig, release('1.0.1'))).toBeNull();
  });

  it.each(['1.0.0', '0.9.9', '1.0.0-rc.1'])('objects to %s while 1.0.0 runs', async (version) => {
    await rig.store.activate(install(rig, '1.0.0'));
    expect(await objection(rig, release(version))).toEqual({
      code: 'VERSION_TOO_LOW',
      message: `expected a version above the current 1.0.0, found ${version}`,
    });
  });

  it('objects to what is above the current version, yet below the floor', async () => {
    const { version, digest } = install(rig, '1.2.0');
    await rig.store.activate(install(rig, '1.0.0'));
    expect(await objection(rig, release('1.1.0'))).toEqual({
      code: 'VERSION_TOO_LOW',
      message: 'expected at least 1.2.0, which was committed here; found 1.1.0',
    });
    expect(await objection(rig, { version, digest })).toBeNull();
  });

  it('objects to other files of a version that was committed here, which would take its place', async () => {
    install(rig, '1.2.0');
    await rig.store.activate(install(rig, '1.0.0'));
    expect(await objection(rig, release('1.2.0'))).toMatchObject({
      code: 'VERSION_TOO_LOW',
      message: expect.stringContaining('other files were committed here') as string,
    });
  });

  it('has none against other files of a version that was never watched to its end', async () => {
    install(rig, '1.2.0', { watched: false });
    await rig.store.activate(install(rig, '1.0.0'));
    expect(await objection(rig, release('1.2.0'))).toBeNull();
  });

  it('objects to what any stored head blocks, even an expired one', async () => {
    await rig.heads.write(
      'edge',
      await signedHead({ blocked: ['1.1.0'], version: '1.2.0' }, 'edge', LONG_AGO),
    );
    expect(await objection(rig, release('1.1.0'))).toEqual({
      code: 'VERSION_BLOCKED',
      message: '1.1.0 is blocked by the edge head',
    });
    expect(await objection(rig, release('1.1.1'))).toBeNull();
  });

  it('objects to a release that failed here, and says when and why', async () => {
    await rig.quarantine.add({
      digest: digestOf('9'),
      version: '1.1.0',
      at: NOW,
      attempt: 'a',
      reason: { code: 'PROBE_TIMEOUT', message: 'HTTP 500' },
      evidence: [],
    });
    expect(await objection(rig, release('1.1.0'))).toEqual({
      code: 'RELEASE_QUARANTINED',
      message: '1.1.0 failed here on 2026-11-23T00:00:00.000Z: HTTP 500',
    });
    expect(await objection(rig, { version: '1.1.0', digest: digestOf('8') })).toBeNull();
  });
});
