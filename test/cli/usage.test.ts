import { describe, expect, it } from 'vitest';
import { EMBEDDED, core } from './support/core.ts';
import { cliCommands } from './support/tree.ts';
import { testKeys } from '../fixtures/keys.ts';

const COMMANDS = (await cliCommands()).map(({ path }) => path.join(' '));

const words = (command: string): string[] => command.split(' ').filter((word) => word !== '');

describe('--help', () => {
  it.each(COMMANDS)('of `core %s` shows usage and an example', async (command) => {
    const run = await core([...words(command), '--help']);
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out).toContain(`Usage: ${['core', ...words(command)].join(' ')}`);
    expect(run.out).toMatch(/Examples?:\n {2}core /);
    for (const line of run.out.split('\n')) expect(line.length).toBeLessThan(111);
  });

  it.each(COMMANDS)('of `core %s` lists the exit codes', async (command) => {
    const { out } = await core([...words(command), '--help']);
    expect(out).toContain('\nExit codes:\n  0  done, or nothing to do\n');
    expect(out).toContain('\n  2  usage or configuration\n');
  });

  it.each(['', 'sidecar', 'sidecar update'])('of `core %s` lists all of them', async (command) => {
    const { out } = await core([...words(command), '--help']);
    for (const code of [0, 1, 2, 3, 4, 5, 6]) expect(out).toContain(`\n  ${String(code)}  `);
  });
});

describe('a command line that is not understood', () => {
  it.each([
    [''],
    ['sidecar'],
    ['sidecar quarantine'],
    ['keys'],
    ['sidecar dance'],
    ['dance'],
    ['sidecar status --loud'],
    ['sidecar status extra'],
    ['sidecar quarantine clear'],
    ['--socket x sidecar status'],
    ['bundle create x'],
    ['keys generate'],
    ['feed publish'],
    ['feed promote --feed f'],
    ['feed block --feed f --trust t --key k'],
    ['feed block 1.x --feed f --trust t --key k'],
    ['feed rollout --percent 10 --duration 60 --feed f --trust t'],
    ['feed rollout --all --percent 10 --feed f --trust t'],
    ['feed rollout --percent 101 --feed f --trust t'],
    ['feed rollout --duration 1w --percent 1 --feed f --trust t'],
    ['feed rollout --start yesterday --percent 1 --feed f --trust t'],
    ['feed serve --feed f --port 65536'],
    ['keys generate --dir d --public-key other=f'],
    ['keys generate --dir d --public-key bundle'],
    ['keys merge --out f'],
  ])('`core %s` ends with 2 and one line', async (line) => {
    const run = await core(words(line));
    expect(run).toMatchObject({ exit: 2, out: '' });
    expect(run.err).toMatch(/^error: [^\n]+ \[USAGE\]: See `--help`\.\n$/);
  });

  it('suggests what was meant', async () => {
    expect((await core(['sidecar', 'statsu'])).err).toContain('Did you mean status?');
    expect((await core(['sidecar', 'update', '--chek'])).err).toContain('Did you mean --check?');
  });

  it('cannot forge lines', async () => {
    const run = await core(['sidecar', 'x\u001B[2J\nerror: all is well']);
    expect(run.err.split('\n')).toHaveLength(2);
    expect(run.err).not.toContain('\u001B');
  });
});

describe('--version', () => {
  it('shows version, commit, each key and what is odd about them, and the runtime', async () => {
    const runtime = `runtime Node.js ${process.versions.node}, linux-${process.arch}, script`;
    expect((await core(['--version'])).out).toBe(
      `coresdk-sidecar 1.0.0 (commit abc1234, NO KEYS: every update is refused)\n${runtime}\n`,
    );
    const { trustContent: trust } = await testKeys();
    const development = await core(['--version'], { embedded: { ...EMBEDDED, trust } });
    const [title, ...keys] = development.out.trimEnd().split('\n');
    expect(title).toBe('coresdk-sidecar 1.0.0 (commit abc1234, DEVELOPMENT KEYS)');
    expect(keys.pop()).toBe(runtime);
    expect(keys).toEqual(
      trust.keys.map(({ kid, alg, use, audiences, not_after: end }) =>
        [`key ${kid}`, alg, use, audiences.join(','), ...(end === undefined ? [] : [`until ${end}`])].join(
          ' ',
        ),
      ),
    );
    const real = await core(['--version'], {
      embedded: { ...EMBEDDED, trust: { ...trust, development: false } },
    });
    expect(real.out).toMatch(/^coresdk-sidecar 1\.0\.0 \(commit abc1234\)\nkey /);
  });
});

describe('a bug', () => {
  it('ends with 1, one line and a stack', async () => {
    const run = await core(['sidecar', 'status'], {
      loadConfig: () => Promise.reject(new TypeError('oops')),
    });
    expect(run.exit).toBe(1);
    expect(run.err).toMatch(/^error: oops \[INTERNAL\]: this is a bug[^\n]*\nTypeError: oops\n {4}at /);
  });
});

describe('a reader that went away', () => {
  it('is no fault; any other fault of a stream is', async () => {
    const listeners: ((error: Error) => void)[] = [];
    const stdout = {
      write: () => true,
      on: (_event: string, listener: (error: Error) => void) => listeners.push(listener),
    };
    await core(['--version'], { stdout });
    const [listener] = listeners;
    const fail = (code: string) => (): void => {
      listener!(Object.assign(new Error(`write ${code}`), { code }));
    };
    expect(fail('EPIPE')).not.toThrow();
    expect(fail('ENOSPC')).toThrow('ENOSPC');
  });
});
