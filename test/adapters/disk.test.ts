import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { EMPTY, withFile } from '../crash/support/image.ts';
import { createSimDisk } from '../crash/support/sim-disk.ts';
import { createTape } from '../crash/support/tape.ts';
import { describeDisk } from './contracts/disk.contract.ts';

describeDisk('the real one', async () => {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-disk-'));
  return { disk: nodeDisk, root, close: () => rm(root, { recursive: true }) };
});

describeDisk('the simulated one', async () => {
  const { disk } = createSimDisk({
    image: withFile(EMPTY, '/other', Buffer.from('x')),
    tape: createTape(() => null),
  });
  await disk.mkdir('/root', 0o700);
  return { disk, root: '/root', close: () => Promise.resolve() };
});
