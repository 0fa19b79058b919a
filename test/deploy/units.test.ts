import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { installed, REFERENCE, ROOT, runTool } from './support/tool.ts';

const UNIT = join(ROOT, 'deploy/systemd/coresdk-sidecar.service');
const analyze = installed('systemd-analyze', 'what systemd-analyze says of the units');

/** Directives of a unit, in order. */
async function directives(path: string): Promise<{ name: string; value: string; commented: boolean }[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.flatMap((line, at) => {
    const [, name, value] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return [];
    // A comment covers the block of lines below it.
    const blank = lines.findLastIndex((it, index) => index < at && /^(\[.*\])?$/.test(it));
    return [{ name, value, commented: lines.slice(blank + 1, at).some((it) => it.startsWith('#')) }];
  });
}

async function verify(unit: string): Promise<{ code: number; stderr: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-unit-'));
  try {
    // The program need not be installed where this is run.
    const text = (await readFile(unit, 'utf8')).replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true');
    const path = join(folder, 'coresdk-sidecar.service');
    await writeFile(path, text);
    return await runTool('systemd-analyze', ['verify', '--man=no', path]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function exposure(unit: string): Promise<number> {
  const { stdout } = await runTool('systemd-analyze', ['security', '--offline=true', '--no-pager', unit]);
  return Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
}

describe('the unit', () => {
  it.skipIf(!analyze)('has nothing that systemd-analyze verify complains of', async () => {
    const { code, stderr } = await verify(UNIT);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.skipIf(!analyze)('has the exposure that docs/systemd.md tells', async () => {
    const told = /exposure level[^\d]*([\d.]+)/i.exec(
      await readFile(join(ROOT, 'docs/systemd.md'), 'utf8'),
    )?.[1];
    expect(await exposure(UNIT)).toBe(Number(told));
  });

  it('leaves what Node and the updater need', async () => {
    const found = await directives(UNIT);
    const value = (name: string): string | undefined => found.findLast((it) => it.name === name)?.value;
    expect(value('MemoryDenyWriteExecute')).toBeUndefined();
    expect(value('ProcSubset')).toBeUndefined();
    expect(value('NoExecPaths')).toBeUndefined();
    expect(value('StartLimitIntervalSec')).toBe('0');
    expect(value('OOMPolicy')).toBe('continue');
    expect(value('NotifyAccess')).toBe('all');
    expect(value('StateDirectoryMode')).toBe('0700');
  });

  it('says of what it does why', async () => {
    const plain = new Set(['Description', 'Wants', 'ExecStart', 'User', 'Group', 'WantedBy']);
    const bare = (await directives(UNIT)).filter(({ name, commented }) => !commented && !plain.has(name));
    expect(bare.map(({ name }) => name)).toEqual([]);
  });

  it('names the same user as the sysusers file', async () => {
    const users = await readFile(join(ROOT, 'deploy/systemd/coresdk-sidecar.sysusers.conf'), 'utf8');
    const user = /^u (\S+) /m.exec(users)?.[1];
    const found = await directives(UNIT);
    expect(found.filter(({ name }) => name === 'User' || name === 'Group').map(({ value }) => value)).toEqual(
      [user, user],
    );
  });

  it('has a configuration beside it that can be loaded', async () => {
    const { config } = await loadConfig({ path: join(ROOT, 'deploy/systemd/sidecar.yaml'), env: {} });
    expect(config.update).toMatchObject({ channel: 'stable', checkIntervalMs: 3_600_000 });
  });
});

describe('the unit of the sockets', () => {
  const SOCKET = join(ROOT, 'deploy/systemd/coresdk-sidecar.socket');

  it.skipIf(!analyze)('has nothing that systemd-analyze verify complains of', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coresdk-unit-'));
    try {
      const service = (await readFile(UNIT, 'utf8')).replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true');
      await writeFile(join(folder, 'coresdk-sidecar.service'), service);
      await writeFile(join(folder, 'coresdk-sidecar.socket'), await readFile(SOCKET));
      const path = join(folder, 'coresdk-sidecar.socket');
      const { code, stderr } = await runTool('systemd-analyze', ['verify', '--man=no', path]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('listens where the built-in service does', async () => {
    const found = await directives(SOCKET);
    expect(found.filter(({ name }) => name === 'ListenStream').map(({ value }) => value)).toEqual([
      '127.0.0.1:7700',
      '127.0.0.1:7701',
    ]);
  });
});

describe('the unit of the reference document', () => {
  it.skipIf(!analyze)('is one that systemd takes', async () => {
    expect(await verify(join(REFERENCE, 'coresdk-sidecar.service'))).toMatchObject({ code: 0, stderr: '' });
  });

  it('sets variables that are read, and a configuration that is', async () => {
    const found = await directives(join(REFERENCE, 'coresdk-sidecar.service'));
    const env = Object.fromEntries(
      found.filter(({ name }) => name === 'Environment').map(({ value }) => value.split('=', 2)),
    ) as Record<string, string>;
    const { config, origins, warnings } = await loadConfig({ path: join(REFERENCE, 'sidecar.yaml'), env });
    expect(Object.keys(env)).toHaveLength(3);
    expect(origins).toMatchObject({
      'update.channel': 'env CORESDK_UPDATE_CHANNEL',
      'update.check_interval': 'env CORESDK_UPDATE_CHECK_INTERVAL',
      'update.rollback_timeout': 'env CORESDK_UPDATE_ROLLBACK_TIMEOUT',
    });
    expect(config.update).toMatchObject({
      channel: 'stable',
      checkIntervalMs: 3_600_000,
      rollbackTimeoutMs: 60_000,
    });
    expect(warnings).toEqual([]);
  });
});
