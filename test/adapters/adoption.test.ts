/** What a daemon that was replaced leaves running, and who may take it over. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkSockets, type CheckSockets } from '../../src/adapters/check-sockets.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { hasVariable, readBootId, readStat } from '../../src/adapters/process-identity.ts';
import { createProcesses } from '../../src/adapters/processes.ts';
import type { Processes } from '../../src/services/ports.ts';
import type { LaunchTarget } from '../../src/types.ts';
import { createWorkshop, isRunning, RUNS, type Workshop } from './fixtures/programs.ts';

const never = new AbortController().signal;
const at = (entry: string, version = '1.0.0'): LaunchTarget => ({
  ref: { origin: 'baseline', version },
  entry,
});
const BOOT = '00000000-0000-0000-0000-000000000000';

let shop: Workshop;
let before: Processes;
let after: Processes;
const parents: ChildProcess[] = [];
const path = (): string => join(shop.folder, 'workload.json');
const record = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path(), 'utf8')) as Record<string, unknown>;
const rewrite = async (change: Record<string, unknown>): Promise<void> =>
  writeFile(path(), JSON.stringify({ ...(await record()), ...change }));
const make = (check: CheckSockets | null = null): Processes =>
  createProcesses({
    check,
    command: ['{binary}'],
    env: {},
    recordPath: path(),
    output: { file: join(shop.folder, 'output') },
    clock: systemClock,
  });

beforeEach(async () => {
  shop = await createWorkshop();
  [before, after] = [make(), make()];
});
afterEach(async () => {
  for (const parent of parents.splice(0)) parent.kill('SIGKILL');
  await after.endSurvivor(0);
  await shop.remove();
});

/** A program whose parent never waits for it, as the daemon after `execve` does not; named by the record. */
async function unreaped(body: string): Promise<{ pid: number; target: LaunchTarget }> {
  const entry = await shop.script('orphan', body);
  const parent = spawn('/bin/sh', ['-c', '"$0" & exec sleep 600', entry], {
    stdio: 'ignore',
    detached: true,
  });
  parents.push(parent);
  const pid = Number((await shop.lines('ready'))[0]);
  const { startTime } = (await readStat(pid)) ?? { startTime: 0 };
  await writeFile(
    path(),
    JSON.stringify({
      schema: 1,
      bootId: await readBootId(),
      pid,
      startTime,
      launchId: 'f'.repeat(32),
      version: '1.0.0',
    }),
  );
  return { pid, target: at(entry) };
}
/** Says who it is, and ends as it is told once there is a file `go`. */
const ENDS = (how: string): string => `echo $$ > ready\nwhile [ ! -e go ]; do sleep 0.01; done\n${how}`;

describe('a workload that an earlier daemon left running', () => {
  it('is taken over as it runs, and is ended like one of its own', async () => {
    const target = at(await shop.script('runs', RUNS));
    const { pid } = await before.launch(target, never);
    const adopted = await after.adopt(target);
    expect(adopted?.pid).toBe(pid);
    expect(await hasVariable(pid, 'CORESDK_LAUNCH_ID', String((await record())['launchId']))).toBe(true);
    expect(await isRunning(pid)).toBe(true);
    await after.terminate(adopted!, 10_000);
    expect(await isRunning(pid)).toBe(false);
    await expect(record()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes its helpers with it when its leader has gone, by the launch id', async () => {
    const entry = await shop.script('leader', 'sleep 600 &\necho $! > helper\nexec sleep 600');
    const { pid } = await before.launch(at(entry), never);
    const helper = Number((await shop.lines('helper'))[0]);
    const adopted = await after.adopt(at(entry));
    process.kill(pid, 'SIGKILL');
    await adopted!.exited;
    expect(await isRunning(helper)).toBe(true);
    await after.terminate(adopted!, 0);
    expect(await isRunning(helper)).toBe(false);
  });

  it('is left alone, and what was tried beside it is ended', async () => {
    const target = at(await shop.script('runs', RUNS));
    const { pid } = await before.launch(target, never);
    const beside = await before.launch(at(target.entry, '1.1.0'), never, 'beside');
    expect((await after.adopt(target))?.pid).toBe(pid);
    expect([await isRunning(pid), await isRunning(beside.pid)]).toEqual([true, false]);
  });

  it('keeps its check address, where it is drained', async () => {
    const [was, is] = [checkSockets(shop.folder), checkSockets(shop.folder)];
    const target = at(await shop.script('runs', RUNS));
    await make(was).launch(target, never);
    const again = make(is);
    expect(is.pathOf('main')).toBeNull();
    const adopted = await again.adopt(target);
    expect(is.pathOf('main')).toBe(was.pathOf('main'));
    expect(is.pathOf('main')).not.toBeNull();
    await again.terminate(adopted!, 10_000);
    expect(is.pathOf('main')).toBeNull();
  });

  it('has none where it was started without one', async () => {
    const target = at(await shop.script('runs', RUNS));
    await before.launch(target, never);
    const check = checkSockets(shop.folder);
    await make(check).adopt(target);
    expect(check.pathOf('main')).toBeNull();
  });

  it.each([
    ['of another boot', { bootId: BOOT }],
    ['whose pid another process has now', { startTime: 1 }],
    ['of another version', { version: '0.9.0' }],
  ])('is not taken over by a record %s, nor touched', async (_, change) => {
    const target = at(await shop.script('runs', RUNS));
    const { pid } = await before.launch(target, never);
    const original = await record();
    await rewrite(change);
    expect(await after.adopt(target)).toBeNull();
    expect(await isRunning(pid)).toBe(true);
    await rewrite(original);
  });

  it('is none where there is no record', async () => {
    expect(await after.adopt(at('/nothing'))).toBeNull();
  });
});

describe('the end of a workload that was taken over', () => {
  it.each([
    ['exit 7', { code: 7, signal: null }],
    ['kill -TERM $$', { code: null, signal: 'SIGTERM' }],
  ])('is told as it was, though nobody reaps it: %s', async (how, exit) => {
    const { target } = await unreaped(ENDS(how));
    const adopted = await after.adopt(target);
    await writeFile(join(shop.folder, 'go'), '');
    expect(await adopted?.exited).toEqual(exit);
  });

  it('is told when another process has reaped it, too, without how', async () => {
    const target = at(await shop.script('ends', ENDS('exit 7')));
    const launched = await before.launch(target, never);
    const adopted = await after.adopt(target);
    await writeFile(join(shop.folder, 'go'), '');
    await launched.exited;
    // Between its end and the reaping it may have been seen as a zombie.
    expect([null, 7]).toContain((await adopted?.exited)?.code);
  });

  it('keeps a zombie from being taken over', async () => {
    const { pid, target } = await unreaped(ENDS('exit 0'));
    await writeFile(join(shop.folder, 'go'), '');
    await vi.waitFor(async () => {
      expect((await readStat(pid))?.state).toBe('Z');
    });
    expect(await after.adopt(target)).toBeNull();
  });
});

/** A daemon that starts a workload and becomes another one by `execve`, which adopts it; `after` is what that does then. */
async function replaced(after: string): Promise<string> {
  const entry = await shop.script('workload', ENDS('exit 7'));
  const daemon = join(shop.folder, 'daemon.ts');
  const module = (name: string): string =>
    JSON.stringify(join(import.meta.dirname, '../../src/adapters', name));
  await writeFile(
    daemon,
    `import { existsSync, readFileSync, writeFileSync } from 'node:fs';
     import { setTimeout as sleep } from 'node:timers/promises';
     import { systemClock } from ${module('clock.ts')};
     import { readStat } from ${module('process-identity.ts')};
     import { createProcesses } from ${module('processes.ts')};
     const target = { ref: { origin: 'baseline', version: '1.0.0' }, entry: ${JSON.stringify(entry)} };
     const processes = createProcesses({
       command: ['{binary}'], env: {}, recordPath: ${JSON.stringify(path())},
       output: { file: ${JSON.stringify(join(shop.folder, 'output'))} }, clock: systemClock,
     });
     if (process.env.BECAME === undefined) {
       await processes.launch(target, new AbortController().signal);
       process.execve(process.execPath, [process.execPath, process.argv[1]], { ...process.env, BECAME: '1' });
     }
     const { pid, exited } = await processes.adopt(target);
     const stateOf = async () => (await readStat(pid))?.state ?? 'gone';
     writeFileSync(${JSON.stringify(join(shop.folder, 'go'))}, '');
     ${after}`,
  );
  const child = spawn(process.execPath, [daemon], { cwd: shop.folder, stdio: ['ignore', 'pipe', 'inherit'] });
  parents.push(child);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  return Buffer.concat(chunks).toString();
}

describe('a workload that was taken over after an execve', () => {
  it('leaves no zombie when it ends, and its end is told as it was', async () => {
    const said = await replaced(`
      const { code } = await exited;
      for (let look = 0; look < 500 && (await stateOf()) !== 'gone'; look += 1) await sleep(10);
      console.log(code, await stateOf());`);
    expect(said).toBe('7 gone\n');
  });

  it('whose end Node waits for itself is not taken from it', async () => {
    // The daemon that started it, and adopts it without an execve.
    const target = at(await shop.script('ends', ENDS('exit 7')));
    const launched = await before.launch(target, never);
    const adopted = await after.adopt(target);
    await writeFile(join(shop.folder, 'go'), '');
    expect(await launched.exited).toEqual({ code: 7, signal: null });
    await adopted?.exited;
  });
});
