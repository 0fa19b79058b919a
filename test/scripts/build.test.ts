import { execFile, execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { lstat, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { build, BuildError, type BuildOptions } from '../../scripts/build.ts';
import type { TrustFile } from '../../src/bundle/trust.ts';

const ROOT = join(import.meta.dirname, '../..');

let folder: string;
let entry: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'build-'));
  entry = join(folder, 'entry.ts');
  await writeFile(
    entry,
    `import { basename } from 'node:path';
import { embedded } from ${JSON.stringify(join(ROOT, 'src/embedded.ts'))};
import { hasErrno } from ${JSON.stringify(join(ROOT, 'src/errors.ts'))};
console.log(JSON.stringify({ embedded, name: basename(process.argv[1] ?? ''), file: import.meta.filename, url: import.meta.url, main: import.meta.main, errno: hasErrno(new Error('x'), 'x') }));
`,
  );
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function trustFile(): Promise<TrustFile> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' }) as JWK & { kty: 'EC'; crv: 'P-256'; x: string; y: string };
  const kid = await calculateJwkThumbprint(jwk, 'sha256');
  return {
    schema: 1,
    product: 'coresdk-sidecar',
    keys: [{ kid, alg: 'ES256', use: 'bundle', audiences: ['airgap'], jwk }],
  };
}

const made = (options: Partial<BuildOptions> = {}): ReturnType<typeof build> =>
  build({
    out: join(folder, 'out'),
    trust: null,
    version: '1.2.3',
    commit: 'abc',
    builtFrom: 5,
    form: 'script',
    entry,
    ...options,
  });

const said = (program: string): Record<string, unknown> =>
  JSON.parse(execFileSync(program, { encoding: 'utf8' })) as Record<string, unknown>;

describe('build', () => {
  it('makes one executable file that holds what it was given, and a second name for it', async () => {
    const trust = await trustFile();
    const { program } = await made({ trust, feedUrl: 'https://feed.example/sidecar' });
    const core = join(folder, 'out/core');
    expect((await lstat(program)).mode & 0o777).toBe(0o755);
    expect(await readlink(core)).toBe('coresdk-sidecar');
    expect(said(program)).toMatchObject({ name: 'coresdk-sidecar', file: program, main: true, errno: false });
    expect(said(core)).toMatchObject({
      name: 'core',
      embedded: {
        version: '1.2.3',
        commit: 'abc',
        builtFrom: 5,
        trust,
        feedUrl: 'https://feed.example/sidecar',
      },
    });
  });

  it('runs wherever it lies, even beneath a package of ES modules', async () => {
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const { program } = await made();
    expect(said(program)).toMatchObject({ file: program, url: `file://${program}` });
  });

  it('makes the same bytes twice', async () => {
    const trust = await trustFile();
    const first = await made({ trust, out: join(folder, 'a') });
    const second = await made({ trust, out: join(folder, 'b') });
    expect(Buffer.compare(await readFile(first.program), await readFile(second.program))).toBe(0);
  });

  it('takes the version from package.json unless told', async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect((await made({ version: undefined })).embedded.version).toBe(version);
  });

  it('replaces a module on demand, and refuses to where there is none', async () => {
    const broken = join(folder, 'broken.ts');
    await writeFile(broken, 'export const hasErrno = () => "broken";');
    const { program } = await made({ replace: { 'src/errors.ts': broken } });
    expect(said(program)).toMatchObject({ errno: 'broken' });
    await expect(made({ replace: { 'src/nothing.ts': broken } })).rejects.toThrow(
      /has no module src\/nothing\.ts/,
    );
  });

  it('refuses a trust set that may not be used, a wrong version and a feed URL with a secret', async () => {
    const trust = await trustFile();
    const stranger = { ...trust, keys: trust.keys.map((key) => ({ ...key, kid: 'A'.repeat(43) })) };
    await expect(made({ trust: stranger })).rejects.toThrow(BuildError);
    await expect(made({ trust: join(folder, 'missing.json') })).rejects.toThrow(
      /missing\.json: expected a trust file/,
    );
    await expect(made({ version: '1.2' })).rejects.toThrow('expected a SemVer version, found 1.2');
    await expect(made({ feedUrl: 'https://me:secret@host/' })).rejects.toThrow(/^(?!.*secret)/);
  });
});

describe('npm run build', () => {
  const run = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [join(ROOT, 'scripts/build.ts'), ...args], (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });

  it('refuses to build without public keys, with a clear line', async () => {
    const { code, out, err } = await run('--out', join(folder, 'out'));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^build: expected --trust FILE, .*\n$/);
  });

  it('refuses what it does not know', async () => {
    expect(await run('--turst', 'x')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^build: Unknown option/),
    });
  });

  it('fails on a file that is no trust file', async () => {
    const file = join(folder, 'trust.json');
    await writeFile(file, '{}');
    expect(await run('--trust', file, '--out', join(folder, 'out'))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/trust\.json: expected a trust file/),
    });
  });
});
