import { beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/error-codes.ts';
import { UpdateError } from '../../src/errors.ts';
import { refusing } from '../../src/services/refusing.ts';
import { refusal } from '../fixtures/refusal.ts';
import { DOWNLOADED } from '../machines/values.ts';
import { createRig, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = createRig();
  rig.downloads.files.set(DOWNLOADED.file, Buffer.from('the bundle'));
});
const refuse = (code: ErrorCode): Promise<string> =>
  refusal(refusing(rig, DOWNLOADED, () => Promise.reject(new UpdateError(code, 'no'))));

describe('bytes that are refused', () => {
  it.each<ErrorCode>([
    'VERSION_TOO_LOW',
    'VERSION_BLOCKED',
    'BUNDLE_NOT_NAMED',
    'UPDATER_TOO_OLD',
    'DELTA_BASE_MISSING',
    'BUNDLE_CHANGED',
  ])('by %s are deleted, and may be right another day', async (code) => {
    expect(await refuse(code)).toBe(code);
    expect(rig.downloads.files.size).toBe(0);
    expect(await rig.journal.refusal(DOWNLOADED.sha256)).toBeNull();
  });

  it.each<ErrorCode>([
    'JWS_SIGNATURE_INVALID',
    'WRONG_AUDIENCE',
    'WRONG_PLATFORM',
    'BUNDLE_CHECKSUM_MISMATCH',
  ])('by %s are deleted and remembered', async (code) => {
    expect(await refuse(code)).toBe(code);
    expect(rig.downloads.files.size).toBe(0);
    expect(await rig.journal.refusal(DOWNLOADED.sha256)).toMatchObject({ code, count: 1 });
  });
});
