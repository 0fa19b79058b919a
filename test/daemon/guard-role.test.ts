import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startGuard } from '../../src/daemon/guard-role.ts';
import { refusal } from '../fixtures/refusal.ts';

/** A daemon's program whose role `guard` does this. */
async function program(body: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-guard-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'daemon');
  // Without a first line it is no script of Node; a shell runs it.
  await writeFile(path, body, { mode: 0o755 });
  return path;
}

const order = {
  stateDir: '/var/lib/coresdk',
  attempt: 'id-1',
  installed: '/usr/bin/coresdk-sidecar',
  args: [],
};
const start = async (body: string): Promise<void> => startGuard(await program(body), order, process.env);

it('watches before the daemon gives way', async () => {
  await start('echo "$1 $3" >&3');
});

it.each([
  ['ends at once', 'exit 3'],
  ['closes its end of the pipe, and runs on', 'exec 3>&-; sleep 0.2'],
])('is none where it %s: the daemon stays', async (_, body) => {
  expect(await refusal(start(body))).toBe('HANDOVER_FAILED');
});

it('is none where the program has gone', async () => {
  expect(await refusal(startGuard('/nothing/there', order, process.env))).toBe('HANDOVER_FAILED');
});
