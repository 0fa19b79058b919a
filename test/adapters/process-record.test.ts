import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { processRecordFile, type ProcessRecordFile } from '../../src/adapters/process-record.ts';

describe('the record of the workload’s process', () => {
  const record = { bootId: 'boot', pid: 4242, startTime: 17, launchId: 'f'.repeat(32), version: '1.0.0' };
  let folder: string;
  let file: ProcessRecordFile;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coresdk-record-'));
    file = processRecordFile(nodeDisk, join(folder, 'workload.json'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is read as it was written, and private', async () => {
    expect(await file.read()).toBeNull();
    await file.write(record);
    await file.write({ ...record, pid: 4243 });
    expect(await file.read()).toEqual({ ...record, pid: 4243 });
    expect((await stat(join(folder, 'workload.json'))).mode & 0o777).toBe(0o600);
    await file.remove();
    await file.remove();
    expect(await file.read()).toBeNull();
  });

  // A signal to -0 or -1 would hit this daemon's own group, or every process.
  it.each([
    ['pid 1', { pid: 1 }],
    ['pid 0', { pid: 0 }],
    ['a negative pid', { pid: -2 }],
    ['a short launch id', { launchId: '' }],
    ['a schema of the future', { schema: 2 }],
    ['a member that is missing', { startTime: undefined }],
  ])('is none with %s', async (_, change) => {
    await writeFile(join(folder, 'workload.json'), JSON.stringify({ schema: 1, ...record, ...change }));
    expect(await file.read()).toBeNull();
  });
});
