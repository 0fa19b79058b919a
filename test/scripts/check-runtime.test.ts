import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/check-runtime.mjs');
const PLATFORM = `${process.platform}-${process.arch}`;
const BINARY = 'a node';
const SUM = createHash('sha256').update(BINARY).digest('hex');

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'runtime-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

/** A project folder that pins `sums` and holds `binary`. */
async function project(
  sums: unknown,
  binary: string | null,
  version: string | undefined = '26.0.0',
): Promise<void> {
  await mkdir(join(root, 'scripts'));
  await mkdir(join(root, 'node_modules/node/bin'), { recursive: true });
  await writeFile(join(root, 'package.json'), JSON.stringify({ devDependencies: { node: version } }));
  await writeFile(join(root, 'scripts/node-checksums.json'), JSON.stringify(sums));
  if (binary !== null) await writeFile(join(root, 'node_modules/node/bin/node'), binary);
}

function check(env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const clean = { PATH: process.env['PATH'] ?? '', ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, '--root', root], { env: clean }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

describe('check-runtime', () => {
  it('lets the pinned binary pass', async () => {
    await project({ '26.0.0': { [PLATFORM]: SUM } }, BINARY);
    expect(await check()).toEqual({
      code: 0,
      out: `check-runtime: node 26.0.0 ${PLATFORM} is the pinned one\n`,
      err: '',
    });
  });

  it('fails loudly where one bit of it differs', async () => {
    await project({ '26.0.0': { [PLATFORM]: SUM } }, 'b node');
    const { code, err } = await check();
    expect(code).toBe(1);
    expect(err).toContain(
      `expected SHA-256 ${SUM}, found ${createHash('sha256').update('b node').digest('hex')}`,
    );
  });

  it('fails where the platform or the version is not pinned, and names what is', async () => {
    await project({ '26.0.0': { 'plan9-mips': SUM } }, BINARY);
    const other = await check();
    expect(other).toMatchObject({ code: 1, out: '' });
    expect(other.err).toContain(`pins no SHA-256 for node 26.0.0 on ${PLATFORM}; known: plan9-mips`);
    await writeFile(
      join(root, 'scripts/node-checksums.json'),
      JSON.stringify({ '25.0.0': { [PLATFORM]: SUM } }),
    );
    expect((await check()).err).toContain('known: other versions (25.0.0)');
  });

  it('fails where the binary is missing, except where devDependencies are left out on purpose', async () => {
    await project({ '26.0.0': { [PLATFORM]: SUM } }, null);
    const missing = await check();
    expect(missing.code).toBe(1);
    expect(missing.err).toContain('(ENOENT); run npm ci');
    expect((await check({ npm_config_omit: 'dev' })).code).toBe(1);
    expect((await check({ npm_config_omit: 'dev', npm_lifecycle_event: 'postinstall' })).code).toBe(0);
  });
});
