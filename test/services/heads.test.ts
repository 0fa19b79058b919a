import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { acceptedHeads, storedHead } from '../../src/services/heads.ts';
import { refusal } from '../fixtures/refusal.ts';
import { signedHead, trustingRig } from './head-fixture.ts';
import { DAY_MS, NOW, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await trustingRig();
});

describe('storedHead', () => {
  it('is nothing before the first', async () => {
    expect(await storedHead(rig, 'stable', 'any')).toBeNull();
    expect(rig.reporter.reports).toEqual([]);
  });

  it('gives an expired head where its age does not matter, and nothing where it does', async () => {
    await rig.heads.write('edge', await signedHead({ version: '1.1.0' }, 'edge', NOW - 30 * DAY_MS));
    expect((await storedHead(rig, 'edge', 'any'))?.head.version).toBe('1.1.0');
    expect(await storedHead(rig, 'edge', 'unexpired')).toBeNull();
    expect(rig.reporter.reports).toEqual([]);
  });

  it('is nothing, with a warning, where the file has grown beyond any head', async () => {
    rig.heads.read = () => Promise.reject(new UpdateError('JWS_TOO_LARGE', 'expected less'));
    expect(await storedHead(rig, 'edge', 'any')).toBeNull();
    expect(rig.reporter.warnings()).toEqual([expect.objectContaining({ code: 'JWS_TOO_LARGE' })]);
  });

  it('is not taken to be nothing where the disk cannot be read', async () => {
    rig.heads.read = () => Promise.reject(new UpdateError('STATE_DIR_UNUSABLE', 'EIO'));
    expect(await refusal(storedHead(rig, 'edge', 'any'))).toBe('STATE_DIR_UNUSABLE');
  });

  it('keeps the channels apart', async () => {
    await rig.heads.write('edge', await signedHead({}, 'stable'));
    expect(await storedHead(rig, 'edge', 'any')).toBeNull();
    expect(rig.reporter.warnings()).toEqual([expect.objectContaining({ code: 'JWS_KEY_NOT_ALLOWED' })]);
  });
});

describe('acceptedHeads', () => {
  it('gives the heads of both channels, whatever their age', async () => {
    expect(await acceptedHeads(rig)).toEqual({ stable: null, edge: null });
    await rig.heads.write('edge', await signedHead({ version: '1.1.0' }, 'edge', NOW - 30 * DAY_MS));
    expect(await acceptedHeads(rig)).toMatchObject({ stable: null, edge: { head: { version: '1.1.0' } } });
  });
});
