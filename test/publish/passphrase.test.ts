import { spawn } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPassphrase } from '../../src/publish/passphrase.ts';
import type { Terminal } from '../../src/publish/terminal.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';

const PROGRAM = `
import { readPassphrase } from ${JSON.stringify(new URL('../../src/publish/passphrase.ts', import.meta.url).href)};
try {
  const passphrase = await readPassphrase({ prompt: 'Secret', confirm: process.argv[2] === 'confirm' });
  console.log('length ' + passphrase.length);
} catch (error) {
  console.log(error.code + ' ' + error.message);
}`;

async function program(): Promise<string> {
  const path = join(await tempFolder(), 'ask.mjs');
  await writeFile(path, PROGRAM);
  return path;
}

/** A terminal at which this is typed, and what it showed. */
function scripted(...typed: readonly (string | Uint8Array)[]): {
  terminal: () => Terminal;
  shown: string[];
  closed: () => boolean;
} {
  const shown: string[] = [];
  let closed = false;
  const terminal = (): Terminal => ({
    write: (text) => void shown.push(text),
    typed: (async function* () {
      for (const part of typed) yield Buffer.from(part as string);
    })(),
    [Symbol.asyncDispose]: async () => {
      closed = true;
    },
  });
  return { terminal, shown, closed: () => closed };
}

describe('readPassphrase from a file', () => {
  const file = async (content: string | Uint8Array, mode = 0o600): Promise<string> => {
    const path = join(await tempFolder(), 'passphrase');
    await writeFile(path, content);
    await chmod(path, mode);
    return path;
  };

  it.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret', 'secret'],
    [' with spaces \n', ' with spaces '],
    ['two\nlines\n', 'two\nlines'],
    ['bättery\n', 'bättery'],
  ])('takes %j as %j', async (content, expected) => {
    expect(await readPassphrase({ file: await file(content, 0o400) })).toBe(expected);
  });

  it.each([0o640, 0o604, 0o620, 0o644, 0o601])('refuses one of mode %o', async (mode) => {
    expect(await refusal(readPassphrase({ file: await file('secret', mode) }))).toBe('SIGNING_FAILED');
  });

  it('judges the file that a link leads to', async () => {
    const dir = await tempFolder();
    await symlink(await file('secret'), join(dir, 'good'));
    await symlink(await file('secret', 0o644), join(dir, 'bad'));
    expect(await readPassphrase({ file: join(dir, 'good') })).toBe('secret');
    expect(await refusal(readPassphrase({ file: join(dir, 'bad') }))).toBe('SIGNING_FAILED');
  });

  it('refuses what is absent, empty, a folder, too long or no text, and shows nothing of it', async () => {
    const dir = await tempFolder();
    await mkdir(join(dir, 'folder'), { mode: 0o700 });
    const wrong = [
      join(dir, 'absent'),
      join(dir, 'folder'),
      await file(''),
      await file('\n'),
      await file('x'.repeat(1025)),
      await file('x'.repeat(100_000)),
      await file(Buffer.from([0x73, 0x65, 0xff])),
    ];
    for (const path of wrong)
      expect(await refusal(readPassphrase({ file: path })), path).toBe('SIGNING_FAILED');
    const error: unknown = await readPassphrase({ file: await file('hunter2', 0o644) }).catch(
      (e: unknown) => e,
    );
    expect(String(error)).not.toContain('hunter2');
    expect(String(error)).toContain('0644');
  });
});

describe('readPassphrase at a terminal', () => {
  it.each<[string, (string | Uint8Array)[], string]>([
    ['a line', ['secret\r'], 'secret'],
    ['a line in pieces', ['se', 'cr', 'et\n'], 'secret'],
    ['backspace', ['secrex\x7ft\r'], 'secret'],
    ['backspace over a character of two bytes', ['bä\x7f\x08ä\r'], 'ä'],
    ['backspace on an empty line', ['\x7f\x7fx\r'], 'x'],
    ['Ctrl-U', ['wrong\x15secret\r'], 'secret'],
    ['Ctrl-D within a line', ['a\x04b\r'], 'a\x04b'],
    ['a character in two pieces', [Buffer.from([0xc3]), Buffer.from([0xa4, 0x0d])], 'ä'],
  ])('understands %s', async (_, typed, expected) => {
    const { terminal, shown, closed } = scripted(...typed);
    expect(await readPassphrase({ prompt: 'Secret', terminal })).toBe(expected);
    expect(shown).toEqual(['Secret: ', '\r\n']);
    expect(closed()).toBe(true);
  });

  it.each<[string, (string | Uint8Array)[], string]>([
    ['an empty line', ['\r'], 'SIGNING_FAILED'],
    ['the end', ['\x04'], 'SIGNING_FAILED'],
    ['a terminal that goes away', ['secr'], 'SIGNING_FAILED'],
    ['Ctrl-C', ['secr\x03et\r'], 'CANCELLED'],
    ['too much', ['x'.repeat(2000), '\r'], 'SIGNING_FAILED'],
    ['what is no UTF-8', [Buffer.from([0xff, 0x0d])], 'SIGNING_FAILED'],
  ])('refuses %s, and leaves the terminal as it was', async (_, typed, code) => {
    const { terminal, closed } = scripted(...typed);
    expect(await refusal(readPassphrase({ terminal }))).toBe(code);
    expect(closed()).toBe(true);
  });

  it('asks twice for a new one, and refuses two that differ', async () => {
    const same = scripted('one\rone\r');
    expect(await readPassphrase({ confirm: true, terminal: same.terminal })).toBe('one');
    expect(same.shown.join('')).toBe('Passphrase: \r\nPassphrase, again: \r\n');
    const { terminal } = scripted('one\rtwo\r');
    expect(await refusal(readPassphrase({ confirm: true, terminal }))).toBe('SIGNING_FAILED');
  });

  it('refuses plainly where there is no terminal', async () => {
    // A session of its own has no terminal, whatever this one has.
    const child = spawn(process.execPath, [await program()], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    for await (const chunk of child.stdout) out += String(chunk);
    expect(out).toMatch(/^SIGNING_FAILED expected a terminal .*, found none: give a file with it\n$/);
  });

  /** Runs the program on a real terminal, and types each answer when it is asked for. */
  async function onTerminal(args: string, answers: readonly string[]): Promise<string> {
    const command = `${process.execPath} ${await program()} ${args}; stty -a`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    let next = 0;
    for await (const chunk of child.stdout) {
      out += String(chunk);
      const answer = answers[next];
      if (answer !== undefined && out.split(/Secret(?:, again)?: /).length > next + 1) {
        next += 1;
        child.stdin.write(answer);
      }
    }
    return out;
  }

  it.skipIf(process.platform !== 'linux')('shows nothing of what is typed, and puts echo back', async () => {
    const out = await onTerminal('confirm', ['hunter2\r', 'hunter2\r']);
    expect(out).toContain('length 7');
    expect(out).not.toContain('hunter2');
    expect(out).toMatch(/(?<!-)\becho\b/);
    expect(out).toMatch(/(?<!-)\bicanon\b/);
  });

  it.skipIf(process.platform !== 'linux')('puts echo back after Ctrl-C', async () => {
    const out = await onTerminal('', ['hunt\x03']);
    expect(out).toContain('CANCELLED');
    expect(out).toMatch(/(?<!-)\becho\b/);
  });
});
