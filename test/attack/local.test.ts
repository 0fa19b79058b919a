import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { bundledDaemon } from '../e2e/support/bundled-daemon.ts';
import { createHost, eventually } from '../e2e/support/host.ts';
import { FILE_ATTACKS, OTHER_USER_ATTACKS, START_ATTACKS, TAMPER_ATTACKS } from './cases/local.ts';
import { OFFERED } from './support/makers.ts';
import { createRig, type Rig } from './support/rig.ts';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('SKIPPED: attacks by another user need root to become that user');

describe('a daemon refuses to start, and says why, for', () => {
  const attacks = START_ATTACKS.filter(({ asRoot }) => isRoot || asRoot === undefined);
  it.each(attacks)('$name: $code', async ({ prepare, code, says, exit }) => {
    await using host = await createHost();
    await prepare(host);
    await host.start();
    expect(await host.exited()).toBe(exit);
    const log = await host.log();
    expect(log).toContain(code);
    expect(log).toContain(says);
    expect(log).not.toContain('workload: running');
    expect(host.feed.requests).toEqual([]);
    expect(await host.answer()).toBeNull();
  });
});

describe('a daemon is given', () => {
  let rig: Rig;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coresdk-local-'));
    rig = await createRig();
  });
  beforeEach(() => rig.reset());
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  it.each(FILE_ATTACKS)('$name: $code', async ({ path, code }) => {
    await rig.expectRefused({ bundle: await path(folder) }, code);
  });
});

describe('during an update', () => {
  let folder: string;
  let program: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coresdk-local-'));
    program = await bundledDaemon(folder, join(import.meta.dirname, 'support', 'tampered-daemon.ts'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(TAMPER_ATTACKS)('$name: $code', async ({ state, code, restarts }) => {
    await using rig = await createRig(undefined, {
      argv: [process.execPath, program],
      args: [state],
      env: {
        TRUST_FILE: join(inject('built').keys, 'trust.json'),
        // Every start compiles the same program.
        NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
      },
    });
    const before = await rig.client.status();
    await rig.offer(rig.good.bytes, rig.good.digest);
    expect((await rig.meet('check')).error).toMatchObject({ code });
    const after = await rig.client.status();
    expect(after.current).toEqual(before.current);
    expect(await rig.host.untilAnswer()).toBe('baseline');
    if (!restarts) expect(after.workload.pid).toBe(before.workload.pid);
    expect(await rig.host.log()).not.toContain(`"version":"${OFFERED}","pid"`);
  });

  const [writes, talks] = OTHER_USER_ATTACKS;
  it.skipIf(!isRoot)(`${writes!.name}: nothing is written, and the update is right`, async () => {
    await using rig = await createRig();
    // Only the state directory's own mode is in the way.
    await chmod(rig.host.root, 0o755);
    const program = join(rig.host.root, 'attacker.sh');
    const counter = join(rig.host.root, 'attacker.log');
    await rig.host.publisher.bundle({ version: '0.0.1' });
    const { writeFile } = await import('node:fs/promises');
    await writeFile(counter, '', { mode: 0o666 });
    await chmod(counter, 0o666);
    await writeFile(
      program,
      `cd "$1" 2>/dev/null && echo ENTERED >> "$2"
while :; do
  for target in downloads/local.jws downloads/evil.jws downloads/unpacked/files/coresdk-sidecar versions/evil current heads/edge.jws; do
    (echo evil > "$1/$target") 2>/dev/null && echo "WROTE $target" >> "$2"
  done
  ls "$1" > /dev/null 2>&1 && echo READ >> "$2"
  echo tried >> "$2"
done
`,
      { mode: 0o644 },
    );
    const attacker = spawn('/bin/sh', [program, rig.host.stateDir, counter], {
      uid: NOBODY,
      gid: NOBODY,
      cwd: '/',
      stdio: 'ignore',
    });
    try {
      const tries = async (): Promise<number> => (await readFile(counter, 'utf8')).split('tried').length;
      await eventually('the attacker at work', async () => ((await tries()) > 3 ? true : null));
      const before = await tries();
      await rig.offer(rig.good.bytes, rig.good.digest);
      expect(await rig.meet('check')).toMatchObject({ outcome: 'committed' });
      expect(await tries()).toBeGreaterThan(before);
    } finally {
      attacker.kill('SIGKILL');
    }
    expect(await rig.host.untilAnswer()).toBe(OFFERED);
    expect(await readFile(counter, 'utf8')).toMatch(/^(tried\n)+$/);
  });

  it.skipIf(!isRoot)(`${talks!.name}: it is turned away by the kernel`, async () => {
    await using rig = await createRig();
    await chmod(rig.host.root, 0o755);
    const socket = join(rig.host.stateDir, 'control.sock');
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    // Even where the folder lets others in.
    await chmod(rig.host.stateDir, 0o711);
    // Becomes the other user by itself: that one may not be able to read the folder of this program.
    const become = `process.setgroups([]); process.setgid(${String(NOBODY)}); process.setuid(${String(NOBODY)});`;
    const connect = `${become} require('node:net').connect(process.argv[1]).on('connect', () => console.log('CONNECTED')).on('error', (error) => console.log(error.code))`;
    const { stdout } = spawnSync(process.execPath, ['-e', connect, socket], { cwd: '/', encoding: 'utf8' });
    expect(stdout.trim()).toBe('EACCES');
  });
});
