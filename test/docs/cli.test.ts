/** docs/cli.md against the commands themselves: every command, option, exit code and field of `--json` is in it, and no other. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/cli/exit-code.ts';
import { coreWithDaemon, core } from '../cli/support/core.ts';
import { FULL, JSON_COMMANDS, jsonFields } from '../cli/support/full.ts';
import { cliCommands } from '../cli/support/tree.ts';
import { sampleStatus } from '../control/support/samples.ts';
import { ended } from '../control/support/scripted-api.ts';

const IDLE = sampleStatus();

let text: string;
beforeAll(async () => {
  text = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'cli.md'), 'utf8');
});

const commands = (await cliCommands()).filter((command) => command.commands.length === 0);
const names = commands.map(({ path }) => ['core', ...path].join(' '));

/** What stands below the heading of a command; null where there is none. */
function section(name: string): string | null {
  const [, after] = text.split(`### \`${name}\`\n`);
  return after?.split(/^##/m)[0] ?? null;
}

describe('docs/cli.md', () => {
  it('has a section for each command, and none for another', () => {
    expect([...text.matchAll(/^### `(.*)`$/gm)].map(([, name]) => name).sort()).toEqual(names.sort());
  });

  it.each(commands)('knows the options of $path', ({ path, options }) => {
    const name = ['core', ...path].join(' ');
    const common = path[0] === 'sidecar' ? ['--config', '--socket'] : [];
    const known = options
      .flatMap(({ flags }) => flags)
      .filter((flag) => !['-h', '--help', ...common].includes(flag));
    const found = [...(section(name) ?? '').matchAll(/`(-{1,2}[a-z][a-z-]*)[^`]*`/g)].map(([, flag]) => flag);
    expect([...new Set(found)].sort()).toEqual(known.sort());
    for (const flag of common) expect(text).toContain(`\n- \`${flag} `);
  });

  it.each(Object.entries(EXIT_CODES))('knows the exit code %s', (code, means) => {
    expect(text).toContain(`| ${code} | ${means}`);
  });

  it('tells the exit codes of each operator’s command as its help does', async () => {
    for (const name of names.filter((each) => each.startsWith('core sidecar'))) {
      const { out } = await core([...name.split(' ').slice(1), '--help']);
      const helped = [...out.matchAll(/^ {2}(\d) {2}\S/gm)].map(([, code]) => code);
      const told = /^Exit codes: ([^]*?)\n(?:\n|$)/m.exec(section(name) ?? '')?.[1] ?? '';
      const digits = [...told.replace(/\([^)]*\)/g, '').matchAll(/(?<![\w.])[0-6](?!\w|\.\d)/g)].map(
        ([code]) => code,
      );
      // No daemon is no error of `config`, which says what it sees instead.
      expect([...new Set(digits)].sort(), name).toEqual(helped.sort());
    }
  });
});

/** The fields that a table of a section names; `.x` stands for a sibling of the one before. */
function fieldsIn(table: string): string[] {
  const fields: string[] = [];
  for (const [, cell = ''] of table.matchAll(/^\| ((?:`[^`]+`(?:, )?)+) \|/gm))
    for (const [, name = ''] of cell.matchAll(/`([^`]+)`/g)) {
      const parent = fields.at(-1)?.replace(/\.[^.]*$/, '') ?? '';
      fields.push(name.startsWith('.') ? `${parent}${name}` : name);
    }
  return fields.sort();
}

/** Told once, by the command that lists them. */
const ELSEWHERE = /^(last_attempt\.|versions\[\]|quarantine\[\])/;

describe('the fields of --json', () => {
  it.each(JSON_COMMANDS)('`core sidecar %s` has those of docs/cli.md, in snake_case', async (command) => {
    const found = (await jsonFields(command)).filter((field) => !ELSEWHERE.test(field));
    for (const field of found) expect(field).toMatch(/^[a-z0-9_.[\]]+$/);
    const words = command.split(' ').filter((word) => !word.startsWith('-'));
    const whole = section(['core', 'sidecar', ...words].join(' ')) ?? '';
    const parts = whole.split(/^(?=`update --)/m);
    const part = parts.find((each) => each.split('\n')[0]?.includes(`\`${command}\``)) ?? whole;
    expect(fieldsIn(part)).toEqual(found);
  });

  it('of the last attempt, the versions and the quarantine in the status are those of their own commands', async () => {
    const status = await jsonFields('status --json');
    for (const [prefix, command] of [
      ['last_attempt.', 'history --json'],
      ['versions[].', 'versions --json'],
      ['quarantine[].', 'quarantine list --json'],
    ] as const) {
      const inStatus = status
        .filter((field) => field.startsWith(prefix))
        .map((field) => field.slice(prefix.length));
      expect(inStatus).toEqual((await jsonFields(command)).map((field) => field.slice('[].'.length)));
    }
  });
});

describe('the examples of docs/cli.md', () => {
  it('are understood as they stand there', async () => {
    const lines = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
      block.split('\n').filter((line) => line !== ''),
    );
    expect(lines.length).toBeGreaterThan(30);
    const committed = ended('committed', 'committed', 'HTTP 200', { to: '1.3.0' });
    const back = ended('rolledBack', 'rolledBack', 'as asked', { from: '1.1.0' });
    for (const line of lines) {
      const [program, ...words] = (line.split(' | ')[0] ?? '')
        .match(/"[^"]*"|\S+/g)!
        .map((word) => word.replaceAll('"', ''));
      expect(program).toBe('core');
      const [group, ...rest] = words;
      const stop = AbortSignal.abort();
      const looks = [rest[0] === 'rollback' ? back : committed];
      const { exit, err } =
        group === 'sidecar'
          ? await coreWithDaemon(rest, { ...FULL, status: IDLE, looks }, { stop })
          : await core(words);
      expect({ line, exit, err: err.replace(/^note: .*\n/gm, '') }).toMatchObject({ line, exit: 0 });
    }
  });
});
