import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { loadConfig } from '../../src/config/index.ts';
import { openGate } from '../../src/daemon/gate.ts';
import { memoryApprovals } from '../fakes/approvals.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { createFakeReporter } from '../fakes/reporter.ts';
import { inFolder } from '../adapters/state-fixture.ts';

it.each<[string, string | null, string[]]>([
  ['nothing where nothing was taken', null, []],
  [
    'where a place may still be held though updates wait for none any more',
    '{"attempt":"a","at":"the lock server"}',
    ['a place may still be held at the lock server, which is configured no more'],
  ],
  [
    'the same where that cannot be read',
    'not json',
    ['a place may still be held at the lock server that was configured before'],
  ],
])('a gate without a lock server tells %s', (_, content, warnings) =>
  inFolder(async (folder) => {
    const leaseFile = join(folder, 'lease.json');
    if (content !== null) await writeFile(leaseFile, content);
    const { config } = await loadConfig({
      path: join(folder, 'none.yaml'),
      explicit: false,
      env: { CORESDK_RUNTIME: 'host' },
    });
    const reporter = createFakeReporter();
    const opened = await openGate({
      config,
      clock: createFakeClock(),
      reporter,
      approvals: memoryApprovals(),
      disk: nodeDisk,
      leaseFile,
      machineId: 'a'.repeat(32),
      natsLease: null,
    });
    await opened.close();
    expect(reporter.warnings().map(({ message }) => message)).toEqual(
      warnings.map((start) => expect.stringMatching(new RegExp(`^${start}`)) as string),
    );
  }),
);
