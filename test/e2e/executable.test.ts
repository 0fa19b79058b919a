/** The built executable as an operator has it: its names, its keys, and what the environment can and cannot do to it. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { freePort } from '../../demo/free-port.ts';
import { createHost } from './support/host.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coresdk-executable-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const call = (
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Said> =>
  new Promise((resolve) => {
    // Not even a PATH: it needs no Node.
    execFile(program, args, { env, cwd: folder }, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err });
    });
  });

describe('the executable', () => {
  it('says its version, its keys and its runtime, and needs no Node to do so', async () => {
    const { program, core, keys } = inject('built');
    const { keys: known } = await readTrustFile(join(keys, 'trust.json'));
    const { code, out, err } = await call(program, ['--version']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const [title, ...lines] = out.trimEnd().split('\n');
    expect(title).toMatch(/^coresdk-sidecar 1\.0\.0 \(commit .+, DEVELOPMENT KEYS\)$/);
    expect(lines.pop()).toBe(
      `runtime Node.js ${process.versions.node}, linux-${process.arch}, single executable`,
    );
    expect(lines.map((line) => line.split(' ')[1])).toEqual([...known.keys()]);
    expect((await call(core, ['--version'])).out).toBe(out);
  });

  it('is the CLI where it is called core: by a path, by PATH, and by a link to a link', async () => {
    const { core } = inject('built');
    await symlink(core, join(folder, 'core'));
    const usage = /Usage: core \[options\]/;
    expect((await call(core, ['--help'])).out).toMatch(usage);
    expect((await call(join(folder, 'core'), ['--help'])).out).toMatch(usage);
    const found = await call('/bin/sh', ['-c', 'core --help'], { PATH: [folder, '/bin'].join(delimiter) });
    expect(found.out).toMatch(usage);
  });

  it('runs its own program as the workload where nothing is configured: {binary} serve', async () => {
    const address = `127.0.0.1:${String(await freePort())}`;
    await using host = await createHost({
      config: {
        update: { channel: 'manual' },
        workload: {
          binary: undefined,
          command: undefined,
          env: { CORESDK_HTTP_ADDR: address, CORESDK_GRPC_ADDR: 'none' },
        },
        probe: { url: `http://${address}/healthz` },
      },
    });
    await host.start();
    const { workload } = await host.until('a workload', ({ workload: it }) => it.state === 'running');
    const line = await readFile(`/proc/${String(workload.pid)}/cmdline`, 'utf8');
    expect(line.split('\0').slice(0, 2)).toEqual([inject('built').program, 'serve']);
  });
});

describe('code from the environment', () => {
  const marker = 'CODE FROM OUTSIDE';
  let outside: string;
  beforeAll(async () => {
    outside = join(folder, 'outside.cjs');
    await writeFile(outside, `process.stderr.write('${marker}\\n');`);
  });

  it.each([
    ['NODE_OPTIONS with --require', (file: string) => ({ NODE_OPTIONS: `--require ${file}` })],
    ['NODE_OPTIONS with --import', (file: string) => ({ NODE_OPTIONS: `--import ${file}` })],
  ])('%s: a script takes it, the executable does not', async (_, env) => {
    const { program, script } = inject('built');
    expect((await call(process.execPath, [script, '--version'], env(outside))).err).toContain(marker);
    expect(await call(program, ['--version'], env(outside))).toMatchObject({ code: 0, err: '' });
  });

  it('NODE_OPTIONS opens no inspector, and is not even read: what Node would refuse does not matter', async () => {
    const { program } = inject('built');
    expect((await call(program, ['--version'], { NODE_OPTIONS: '--inspect=127.0.0.1:0' })).err).toBe('');
    expect((await call(program, ['--version'], { NODE_OPTIONS: '--no-such-option' })).code).toBe(0);
  });

  it('options of Node on its command line are the program’s own, and refused', async () => {
    const { program } = inject('built');
    for (const option of [`--node-options=--require ${outside}`, `--require=${outside}`, '--inspect-brk']) {
      const { code, err } = await call(program, [option]);
      expect(code, option).toBe(2);
      expect(err).not.toContain(marker);
    }
  });

  it('NODE_PATH, NODE_COMPILE_CACHE and NODE_REPL_EXTERNAL_MODULE load nothing', async () => {
    const { core } = inject('built');
    for (const env of [
      { NODE_PATH: folder },
      { NODE_COMPILE_CACHE: folder },
      { NODE_REPL_EXTERNAL_MODULE: outside },
    ])
      expect((await call(core, ['keys', '--help'], env)).err).not.toContain(marker);
  });

  it('OPENSSL_CONF is not read: it could name native code to load', async () => {
    const { program, script, keys } = inject('built');
    const file = join(folder, 'openssl.cnf');
    // What it may hold is tried by something that is seen at once: no algorithm is left.
    await writeFile(
      file,
      'nodejs_conf = init\n[init]\nalg_section = evp\n[evp]\ndefault_properties = fips=yes\n',
    );
    const inspect = ['core', 'keys', 'inspect', join(keys, 'trust.json')];
    const env = { OPENSSL_CONF: file };
    expect((await call(process.execPath, [script, ...inspect], env)).code).not.toBe(0);
    expect(await call(program, inspect, env)).toMatchObject({ code: 0, err: '' });
  });
});
