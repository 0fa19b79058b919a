/** Completion, as the shells themselves give it. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ownFolder } from '../control/support/control-fixture.ts';
import { core } from './support/core.ts';
import { cliCommands } from './support/tree.ts';

const run = promisify(execFile);
const has = (shell: string): boolean => {
  try {
    execFileSync(shell, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** What stands in the test's folder. */
async function folder(): Promise<string> {
  const dir = await ownFolder();
  await mkdir(join(dir, 'feed folder'));
  await writeFile(join(dir, 'sidecar.yaml'), '');
  return dir;
}

/** What each shell completes the same. */
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['core ', ['sidecar', 'keys', 'bundle', 'feed', 'fleet', 'statechart', 'completion']],
  ['core si', ['sidecar']],
  ['core sidecar qu', ['quarantine']],
  ['core sidecar quarantine ', ['list', 'clear']],
  ['core sidecar status --wa', ['--watch']],
  ['core sidecar --socket sidecar st', ['status']],
  ['core sidecar status --socket x --js', ['--json']],
  ['core sidecar update --no', ['--no-wait']],
  ['core completion ', ['bash', 'zsh', 'fish']],
  ['core statechart paths --machine ', ['update', 'workload']],
  ['core sidecar status --config si', ['sidecar.yaml']],
  ['core sidecar rollback ', []],
];

describe('completion', () => {
  it('holds every command and every option of the tree', async () => {
    const scripts = await Promise.all(
      ['bash', 'zsh', 'fish'].map(async (shell) => (await core(['completion', shell])).out),
    );
    const commands = await cliCommands();
    expect(commands.length).toBeGreaterThan(35);
    for (const { path, options } of commands)
      for (const script of scripts) {
        expect(script).toContain(`${path.join(' ')}'`);
        for (const { flags } of options)
          for (const flag of flags) expect(script).toContain(flag.replace(/^-+/, ''));
      }
  });

  it('knows no other shell', async () => {
    expect(await core(['completion', 'tcsh'])).toMatchObject({ exit: 2, out: '' });
  });
});

describe('in bash', () => {
  const script = core(['completion', 'bash']);

  async function complete(words: readonly string[]): Promise<string[]> {
    const { stdout } = await run(
      'bash',
      [
        '--norc',
        '-euc',
        'source /dev/fd/3 3<<<"$SCRIPT"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _core; printf "%s\\n" "${COMPREPLY[@]}"; complete -p core',
        'bash',
        ...words,
      ],
      { cwd: await folder(), env: { PATH: process.env['PATH'], SCRIPT: (await script).out } },
    );
    const lines = stdout.trimEnd().split('\n');
    expect(lines.pop()).toBe('complete -F _core core');
    return lines.filter((line) => line !== '');
  }

  it.each(CASES)('%s', async (line, expected) => {
    expect(await complete(line.split(' '))).toEqual(expected);
  });

  it('takes a name with a blank for one word, and completes behind =', async () => {
    expect(await complete(['core', 'sidecar', 'status', '--config', 'fe'])).toEqual(['feed folder']);
    expect(await complete(['core', 'sidecar', 'status', '--config', '=', 'si'])).toEqual(['sidecar.yaml']);
    expect(await complete(['core', 'statechart', 'paths', '--machine', '='])).toEqual(['update', 'workload']);
    expect(await complete(['core', 'statechart', 'paths', '--machine', '=', 'update', '--for'])).toEqual([
      '--format',
    ]);
  });
});

describe.skipIf(!has('zsh'))('in zsh (skipped where there is none)', () => {
  it('is a script that zsh takes', async () => {
    const { out } = await core(['completion', 'zsh']);
    const { stdout } = await run(
      'zsh',
      [
        '-fc',
        'autoload -U compinit; compinit -D; eval "$SCRIPT"; _core_words "sidecar quarantine"; print -l $subcommands; print $_comps[core]',
      ],
      { cwd: await folder(), env: { PATH: process.env['PATH'], SCRIPT: out } },
    );
    expect(stdout).toMatch(/^list:.*\nclear:.*\n_core\n$/);
  });
});

describe.skipIf(!has('fish'))('in fish (skipped where there is none)', () => {
  it.each(CASES)('%s', async (line, expected) => {
    const { out } = await core(['completion', 'fish']);
    const { stdout } = await run('fish', ['--no-config', '-c', 'echo $SCRIPT | source; complete -C $LINE'], {
      cwd: await folder(),
      env: { PATH: process.env['PATH'], SCRIPT: out, LINE: line },
    });
    const words = stdout.split('\n').map((each) => each.split('\t')[0] ?? '');
    expect(new Set(words.filter((word) => word !== ''))).toEqual(new Set(expected));
  });
});
