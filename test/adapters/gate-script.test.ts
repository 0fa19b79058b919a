import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GATE_CLOSED_EXIT, GATE_WORD, gated, isAtGate } from '../../src/adapters/gate-script.ts';
import { readStat } from '../../src/adapters/process-identity.ts';
import { createWorkshop, type Workshop } from './fixtures/programs.ts';

describe('the gate', () => {
  let shop: Workshop;
  beforeEach(async () => {
    shop = await createWorkshop();
  });
  afterEach(() => shop.remove());

  const atGate = async (): Promise<{ child: ChildProcess; gate: Socket; exit: Promise<unknown[]> }> => {
    const { file, args, gateFd } = gated([await shop.script('mark', 'echo > ran; exit 5')]);
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    const exit = once(child, 'exit');
    await once(child, 'spawn');
    return { child, gate: child.stdio[gateFd] as Socket, exit };
  };
  const hasRun = (): boolean => existsSync(join(shop.folder, 'ran'));

  it('holds the program until the word comes', async () => {
    const { child, gate, exit } = await atGate();
    const before = await readStat(child.pid ?? 0);
    expect(isAtGate(await readFile(`/proc/${String(child.pid)}/cmdline`, 'latin1'))).toBe(true);
    expect(hasRun()).toBe(false);
    gate.end(GATE_WORD);
    expect(await exit).toEqual([5, null]);
    expect(hasRun()).toBe(true);
    expect(before?.pid).toBe(child.pid);
  });

  it.each(['', 'go', 'no\n', '\n', 'go now\n'])(
    'starts nothing when the pipe closes after %j',
    async (word) => {
      const { gate, exit } = await atGate();
      gate.end(word);
      expect(await exit).toEqual([GATE_CLOSED_EXIT, null]);
      expect(hasRun()).toBe(false);
    },
  );

  it('is told apart from every other command line', () => {
    const { file, args } = gated(['/bin/true']);
    expect(isAtGate([file, ...args, ''].join('\0'))).toBe(true);
    expect(isAtGate('/bin/sh\0-c\0true\0')).toBe(false);
    expect(isAtGate('')).toBe(false);
  });
});
