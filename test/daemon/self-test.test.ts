import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runSelfTest } from '../../src/daemon/self-test.ts';
import { embedded } from '../../src/embedded.ts';

describe('the self-test of a daemon', () => {
  let folder: string;
  let stateDir: string;
  let configPath: string;
  const said: string[] = [];
  const complained: string[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'self-test-'));
    stateDir = join(folder, 'state');
    configPath = join(folder, 'config.yaml');
    await configure();
    await mkdir(stateDir, { mode: 0o700 });
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => complained.push(String(text)) > 0);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    said.length = complained.length = 0;
    await rm(folder, { recursive: true });
  });

  const configure = (more = ''): Promise<void> => writeFile(configPath, `state_dir: ${stateDir}\n${more}`);
  const run = (version = '1.1.0'): Promise<number> =>
    runSelfTest({
      configPath,
      program: process.execPath,
      embedded: { ...embedded, version },
    });
  const journal = (version: number, application?: number): void => {
    const database = new DatabaseSync(join(stateDir, 'state.db'));
    database.exec('CREATE TABLE t (a)');
    if (application !== undefined) database.exec(`PRAGMA application_id = ${String(application)}`);
    database.exec(`PRAGMA user_version = ${String(version)}`);
    database.close();
  };

  it('says in one line that it can be the daemon here, and leaves everything as it was', async () => {
    expect(await run()).toBe(0);
    expect(said).toEqual(['1.1.0 can be the daemon of this host\n']);
    expect(complained).toEqual([]);
    expect(await readdir(stateDir)).toEqual([]);
  });

  it('is content where nothing was started before', async () => {
    await rm(stateDir, { recursive: true });
    expect(await run()).toBe(0);
    expect(await readdir(folder)).toEqual(['config.yaml']);
  });

  it('warns of a hook that is not the daemon’s, and goes on', async () => {
    const hook = join(folder, 'hook');
    await writeFile(hook, '', { mode: 0o777 });
    await chmod(hook, 0o777);
    await configure(`hooks:\n  pre_swap: [${hook}]\n`);
    expect(await run()).toBe(0);
    expect(said).toEqual([
      expect.stringContaining(`warning: hooks.pre_swap (${hook}): `),
      '1.1.0 can be the daemon of this host\n',
    ]);
  });

  it.each([
    ['a configuration that it does not know', () => configure('wrong: true\n'), 'CONFIG_INVALID'],
    [
      'a state directory that is a file',
      async () => {
        await rm(stateDir, { recursive: true });
        await writeFile(stateDir, '');
      },
      'STATE_DIR_UNUSABLE',
    ],
    [
      'a version store that it cannot read',
      () => writeFile(join(stateDir, 'versions'), ''),
      'STATE_DIR_UNUSABLE',
    ],
    [
      'a record of the daemon that is none',
      () => writeFile(join(stateDir, 'daemon.json'), '{"schema":1}'),
      'STATE_DIR_UNUSABLE',
    ],
    [
      'a journal of another program',
      async () => {
        journal(1, 7);
        return Promise.resolve();
      },
      'STATE_DIR_UNUSABLE',
    ],
  ])('fails for %s, in one line with the code', async (_, damage, code) => {
    await damage();
    expect(await run()).not.toBe(0);
    expect(said).toEqual([]);
    expect(complained).toEqual([
      expect.stringMatching(new RegExp(`^coresdk-sidecar: [^\\n]+ \\[${code}\\]: [^\\n]+\\n$`)),
    ]);
  });
});
