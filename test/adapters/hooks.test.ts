import { chmod, chown, mkdir, open, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHooks, type HookSettings } from '../../src/adapters/hooks.ts';
import { UpdateError } from '../../src/errors.ts';
import type { HookFacts, HookName } from '../../src/services/ports.ts';
import { recordingHooks } from '../fakes/hooks.ts';
import { hookFacts, hooksContract, type HookBehaviour } from './contracts/hooks.contract.ts';
import { inFolder, never } from './state-fixture.ts';

/** Long enough for a shell to start on a busy machine, where a hook must not be cut short. */
const AMPLE_MS = 20_000;

async function script(folder: string, body: string, name = 'hook'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

const hooksOf = (
  program: readonly string[],
  more: Partial<HookSettings> = {},
  own: NodeJS.ProcessEnv = { PATH: process.env['PATH'] },
): ReturnType<typeof createHooks> =>
  createHooks(
    { preSwap: program, postCommit: program, postRollback: null, timeoutMs: AMPLE_MS, graceMs: 100, ...more },
    own,
  );

/** What a run was refused with. */
async function refusal(running: Promise<void>): Promise<UpdateError> {
  const error = await running.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UpdateError)) throw new Error('expected a refusal', { cause: error });
  return error;
}

function bodyOf(does: HookBehaviour): string {
  if ('exits' in does) return `echo said; exit ${String(does.exits)}`;
  return 'killed' in does ? 'kill -KILL $$' : 'exec sleep 600';
}

hooksContract('programs', (does, test) =>
  inFolder(async (folder) => {
    const program = 'missing' in does ? join(folder, 'missing') : await script(folder, bodyOf(does));
    await test(hooksOf([program], 'hangs' in does ? { timeoutMs: 300 } : {}));
  }),
);

hooksContract('in memory', (does, test) => {
  const hooks = recordingHooks();
  const fault = (hook: HookName): UpdateError | null => {
    if ('exits' in does && does.exits === 0) return null;
    const defers = 'exits' in does && does.exits === 75 && hook === 'pre_swap';
    return new UpdateError(defers ? 'HOOK_DEFERRED' : 'HOOK_FAILED', 'as told');
  };
  for (const hook of ['pre_swap', 'post_commit'] as const) {
    const told = fault(hook);
    if (told !== null) hooks.faults.set(hook, told);
  }
  hooks.meanwhile = () => new Promise((resolve) => setImmediate(resolve));
  return test(hooks);
});

const facts: HookFacts = {
  ...hookFacts,
  outcome: 'rolledBack',
  error: { code: 'PROBE_TIMEOUT', message: 'two\nlines, and a \0' },
};

describe('a hook', () => {
  it('gets the facts, a small environment and nothing else', () =>
    inFolder(async (folder) => {
      const program = await script(
        folder,
        `env -0 > ${folder}/env; pwd > ${folder}/pwd; echo "$@" > ${folder}/args`,
      );
      const own = {
        PATH: process.env['PATH'],
        LANG: 'C.UTF-8',
        TZ: 'Europe/Berlin',
        HOME: '/var/lib/coresdk',
        NOTIFY_SOCKET: '/run/systemd/notify',
        LISTEN_FDS: '1',
        LISTEN_PID: '1',
        WATCHDOG_USEC: '1000',
        NODE_OPTIONS: '--trace-warnings',
        INVOCATION_ID: 'x',
        CORESDK_TOKEN: 'secret',
        HTTPS_PROXY: 'http://user:secret@proxy:3128',
      };
      await hooksOf([program, 'a b', '$HOME'], {}, own).run('post_commit', facts, never);
      const lines = (await readFile(join(folder, 'env'), 'utf8')).split('\0').filter((line) => line !== '');
      const env = Object.fromEntries(
        lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
      );
      // What the shell sets by itself.
      const { PWD, OLDPWD, SHLVL, _, ...handed } = env;
      expect({ PWD, OLDPWD, SHLVL, _ }).toBeDefined();
      expect(handed).toEqual({
        PATH: process.env['PATH'],
        LANG: 'C.UTF-8',
        TZ: 'Europe/Berlin',
        HOME: '/var/lib/coresdk',
        CORESDK_HOOK: 'post_commit',
        CORESDK_ATTEMPT: 'attempt-1',
        CORESDK_TRIGGER: 'schedule',
        CORESDK_FROM_VERSION: '1.0.0',
        CORESDK_TO_VERSION: '1.1.0',
        CORESDK_TO_DIGEST: 'a'.repeat(64),
        CORESDK_OUTCOME: 'rolledBack',
        CORESDK_ERROR_CODE: 'PROBE_TIMEOUT',
        CORESDK_ERROR_MESSAGE: 'two\nlines, and a  ',
      });
      expect(await readFile(join(folder, 'pwd'), 'utf8')).toBe('/\n');
      // Handed over as they are: there is no shell between.
      expect(await readFile(join(folder, 'args'), 'utf8')).toBe('a b $HOME\n');
    }));

  it('has every variable also where there is nothing to say', () =>
    inFolder(async (folder) => {
      const program = await script(
        folder,
        `[ "\${CORESDK_OUTCOME-unset}" = "" ] && [ "\${CORESDK_ERROR_CODE-unset}" = "" ]`,
      );
      await expect(hooksOf([program]).run('pre_swap', hookFacts, never)).resolves.toBeUndefined();
    }));

  it('has nothing to read, and none of the daemon’s files open', () =>
    inFolder(async (folder) => {
      await using held = await open(join(folder, 'held'), 'w');
      const program = await script(folder, `cat > ${folder}/stdin; ls -l /proc/self/fd > ${folder}/fds`);
      await hooksOf([program]).run('pre_swap', hookFacts, never);
      expect((await stat(join(folder, 'stdin'))).size).toBe(0);
      expect(await readlink(`/proc/self/fd/${String(held.fd)}`)).toBe(join(folder, 'held'));
      expect(await readFile(join(folder, 'fds'), 'utf8')).not.toContain(join(folder, 'held'));
    }));

  it('that fails says by what, with the last line that it wrote', () =>
    inFolder(async (folder) => {
      const program = await script(folder, 'echo first; echo "the \tdisk is full" >&2; echo; exit 3');
      const error = await refusal(hooksOf([program]).run('pre_swap', hookFacts, never));
      expect(error.message).toBe(
        `expected hooks.pre_swap (${program}) to end with 0, found exit code 3: the  disk is full`,
      );
      expect(error.evidence).toEqual(['first', 'the  disk is full']);
    }));

  it('that is killed says by which signal', () =>
    inFolder(async (folder) => {
      const program = await script(folder, 'kill -SEGV $$');
      const { message } = await refusal(hooksOf([program]).run('pre_swap', hookFacts, never));
      expect(message).toContain('found that SIGSEGV ended it');
    }));

  it('may write as much as it likes: the end of it is kept', () =>
    inFolder(async (folder) => {
      const program = await script(folder, 'yes abcdefg | head -c 2000000; echo; echo last; exit 1');
      const error = await refusal(hooksOf([program]).run('pre_swap', hookFacts, never));
      expect(error.message).toContain(': last');
      expect(error.evidence).toHaveLength(20);
    }));

  it('that takes too long is ended with everything that it started, also what ignores SIGTERM', () =>
    inFolder(async (folder) => {
      const program = await script(
        folder,
        `trap '' TERM; sleep 600 & echo $! > ${folder}/child; echo busy; while :; do sleep 0.05; done`,
      );
      const running = refusal(hooksOf([program], { timeoutMs: 1000 }).run('pre_swap', hookFacts, never));
      const error = await running;
      expect(error.code).toBe('HOOK_FAILED');
      expect(error.message).toContain('found that it still ran after 1 s: busy');
      const child = Number(await readFile(join(folder, 'child'), 'utf8'));
      expect(await isAlive(child)).toBe(false);
    }));

  it('may clean up on SIGTERM before it is killed', () =>
    inFolder(async (folder) => {
      const program = await script(
        folder,
        `trap 'echo cleaned > ${folder}/cleaned; exit 0' TERM; echo up > ${folder}/up; while :; do sleep 0.02; done`,
      );
      const controller = new AbortController();
      const running = refusal(
        hooksOf([program], { graceMs: AMPLE_MS }).run('pre_swap', hookFacts, controller.signal),
      );
      await expect
        .poll(() => readFile(join(folder, 'up'), 'utf8').catch(() => ''), { timeout: AMPLE_MS })
        .toBe('up\n');
      controller.abort();
      expect((await running).code).toBe('CANCELLED');
      expect(await readFile(join(folder, 'cleaned'), 'utf8')).toBe('cleaned\n');
    }));

  it('leaves nothing behind in its group when it ends by itself, and holds nobody up by it', () =>
    inFolder(async (folder) => {
      const program = await script(folder, `sleep 600 & echo $! > ${folder}/child; exit 0`);
      await hooksOf([program]).run('pre_swap', hookFacts, never);
      expect(await isAlive(Number(await readFile(join(folder, 'child'), 'utf8')))).toBe(false);
    }));
});

/** Whether a process runs; one that only waits to be reaped does not. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    return !/\) [ZX] /.test(await readFile(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a hook that is not safe to run is refused, with what to do', () => {
  const isRoot = process.geteuid?.() === 0;

  it.each([
    ['writable by its group', 0o775],
    ['writable by everybody', 0o757],
  ])('%s', (_, mode) =>
    inFolder(async (folder) => {
      const program = await script(folder, `echo ran > ${folder}/ran`);
      await chmod(program, mode);
      const { code, message } = await refusal(hooksOf([program]).run('pre_swap', hookFacts, never));
      expect(code).toBe('HOOK_FAILED');
      expect(message).toContain(`chmod go-w ${program}`);
      await expect(stat(join(folder, 'ran'))).rejects.toThrow('ENOENT');
    }),
  );

  it('in a folder that others can write to, though not in a sticky one', () =>
    inFolder(async (folder) => {
      const shared = join(folder, 'shared');
      await mkdir(shared);
      await chmod(shared, 0o777);
      const program = await script(shared, 'exit 0');
      const { message } = await refusal(hooksOf([program]).run('pre_swap', hookFacts, never));
      expect(message).toContain(`${shared} can be written by others (mode 0777)`);
      await chmod(shared, 0o1777);
      await expect(hooksOf([program]).run('pre_swap', hookFacts, never)).resolves.toBeUndefined();
    }));

  it('behind a link that leads through a folder that others can write to', () =>
    inFolder(async (folder) => {
      const shared = join(folder, 'shared');
      await mkdir(shared);
      await script(folder, 'exit 0', 'real');
      // hook -> shared/middle -> real: who can write to `shared` decides what runs.
      await symlink('../real', join(shared, 'middle'));
      await symlink('shared/middle', join(folder, 'hook'));
      const run = (): Promise<void> => hooksOf([join(folder, 'hook')]).run('pre_swap', hookFacts, never);
      await expect(run()).resolves.toBeUndefined();
      await chmod(shared, 0o777);
      expect((await refusal(run())).message).toContain(`${shared} can be written by others`);
    }));

  it.skipIf(!isRoot)('that belongs to somebody else', () =>
    inFolder(async (folder) => {
      const program = await script(folder, 'exit 0');
      await chown(program, 4242, 0);
      const { message } = await refusal(hooksOf([program]).run('pre_swap', hookFacts, never));
      expect(message).toContain(`${program} belongs to uid 4242`);
    }),
  );

  it('that is not there, not executable, a folder, a link to itself, or of no format that runs', () =>
    inFolder(async (folder) => {
      const said = async (program: string): Promise<string> =>
        (await refusal(hooksOf([program]).run('pre_swap', hookFacts, never))).message;
      expect(await said(join(folder, 'missing'))).toContain('found no such file');
      expect(await said(folder)).toContain('expected a regular file');
      const plain = join(folder, 'plain');
      await writeFile(plain, '#!/bin/sh\n', { mode: 0o644 });
      expect(await said(plain)).toContain('expected a file with execute permission');
      const garbage = join(folder, 'garbage');
      await writeFile(garbage, '\x7fELF\0\0', { mode: 0o755 });
      expect(await said(garbage)).toContain('expected an ELF header');
      await symlink('loop', join(folder, 'loop'));
      expect(await said(join(folder, 'loop'))).toContain('more than 40 symbolic links');
      expect(await said('relative/path')).toContain('expected an absolute path');
    }));
});
