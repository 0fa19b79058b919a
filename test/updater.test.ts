import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { thisProcess } from '../src/adapters/daemon-process.ts';
import { NO_RECORD, readDaemonRecord, writeDaemonRecord } from '../src/adapters/daemon-record.ts';
import { nodeDisk } from '../src/adapters/disk.ts';
import { openStateDir } from '../src/adapters/state-dir.ts';
import { HAND_OVER_TIMES } from '../src/daemon/hand-over-times.ts';
import { openUpdater, type StopReason } from '../src/updater.ts';
import { configFrom } from './fixtures/config.ts';

const successor = {
  ref: { origin: 'store', version: '1.1.0', digest: 'c'.repeat(64) },
  sha256: 'b'.repeat(64),
} as const;

/** What the record says of a daemon on trial once it was stopped. */
async function stopped(why: StopReason | undefined) {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'coresdk-updater-')));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const paths = await openStateDir(join(root, 'state'));
  const trial = { attempt: 'id-1', successor, starts: 2, acknowledged: true, seen: [] };
  await writeDaemonRecord(nodeDisk, paths.daemonRecord, {
    ...NO_RECORD,
    trial,
    process: await thisProcess(),
  });
  const updater = await openUpdater({
    config: configFrom({ state_dir: paths.root, update: { channel: 'manual' } }),
    embedded: { version: '1.1.0', commit: 'test', builtFrom: 0, trust: null, feedUrl: null },
    program: process.execPath,
    logger: pino({ level: 'silent' }),
    onFatal: (error) => {
      throw error;
    },
    handOver: { args: [], env: {}, times: HAND_OVER_TIMES, leave: () => Promise.resolve({}) },
  });
  await updater.stop(why);
  return readDaemonRecord(nodeDisk, paths.daemonRecord);
}

it('has not failed a start on trial when it stops because it was asked to', async () => {
  expect(await stopped(undefined)).toMatchObject({ trial: { starts: 1 }, process: null });
});

it('has failed a start on trial when it stops by a fault, though in good order', async () => {
  expect(await stopped('fault')).toMatchObject({ trial: { starts: 2 }, process: await thisProcess() });
});
