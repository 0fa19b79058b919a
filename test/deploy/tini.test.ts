/**
 * The daemon as a container runs it: a child of tini, which reaps and hands signals on. Outside of a container tini is not pid 1, so it
 * is told to be the subreaper (`-s`); everything else is the same.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { createHost, eventually, isAlive, type Host } from '../e2e/support/host.ts';
import { installed } from './support/tool.ts';

const tini = installed('tini', 'the daemon under tini');

const underTini = ({ configFile }: Host): { argv: string[] } => ({
  argv: ['tini', '-s', '--', inject('built').program, '--config', configFile],
});

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

const numberIn = (file: string): Promise<number> =>
  eventually('a pid', async () => {
    const pid = existsSync(file) ? Number(await readFile(file, 'utf8')) : 0;
    return pid > 0 ? pid : null;
  });

/**
 * A workload with two processes that nobody waits for: one of its own session, and one that left it (twice forked, a session of its
 * own), which ends when `$END_FILE` is there.
 */
const ORPHANING = `#!/usr/bin/env node
'use strict';
const { spawn } = require('node:child_process');
const { PORT, MEMBER_FILE, ORPHAN_FILE } = process.env;
const sh = (script) => spawn('/bin/sh', ['-c', script], { stdio: 'ignore' });
sh('sh -c \\'echo $$ > "$MEMBER_FILE"; trap "" TERM; while :; do sleep 1; done\\' &');
sh('setsid sh -c \\'echo $$ > "$ORPHAN_FILE"; while [ ! -e "$END_FILE" ]; do sleep 0.02; done\\' &');
require('node:http').createServer((request, response) => response.end('orphaning')).listen(Number(PORT), '127.0.0.1');
`;

describe.skipIf(!tini)('the daemon under tini', () => {
  it('is handed SIGTERM, and stops in good order', async () => {
    await using host = await createHost();
    const init = await host.start(underTini(host));
    const { workload } = await host.until(
      'the workload is healthy',
      (now) => now.workload.health?.healthy === true,
    );
    expect(await parentOf(await parentOf(workload.pid ?? 0))).toBe(init.pid);
    expect(await host.stop()).toBe(0);
    expect(await host.log()).toContain('"msg":"stopped"');
    expect(await isAlive(workload.pid ?? 0)).toBe(false);
    expect(await host.answer()).toBeNull();
  });

  it('leaves no process of the workload behind, and no zombie of what left it', async () => {
    await using host = await createHost();
    const file = (name: string): string => join(host.root, name);
    await writeFile(file('baseline'), ORPHANING);
    const env = { MEMBER_FILE: file('member'), ORPHAN_FILE: file('orphan'), END_FILE: file('end') };
    const init = await host.start({ ...underTini(host), env });
    await host.until('the workload is healthy', (now) => now.workload.health?.healthy === true);
    const member = await numberIn(file('member'));
    const orphan = await numberIn(file('orphan'));
    await eventually('the orphan is tini’s', async () =>
      (await parentOf(orphan)) === init.pid ? true : null,
    );
    await writeFile(file('end'), '');
    // Gone, not a zombie: a process that nobody waited for keeps its entry.
    await eventually('the orphan is reaped', async () =>
      existsSync(`/proc/${String(orphan)}`) ? null : true,
    );
    expect(await host.stop()).toBe(0);
    expect(await isAlive(member)).toBe(false);
  });

  it('runs the committed version again after a restart, from the volume', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await host.start(underTini(host));
    await host.until(
      '1.1.0 is committed',
      ({ current, state }) => current.version === '1.1.0' && state === 'idle',
    );
    expect(await host.stop()).toBe(0);
    await host.start(underTini(host));
    expect(await host.untilAnswer()).toBe('1.1.0');
    await host.until(
      '1.1.0 is current',
      ({ current, state }) => current.version === '1.1.0' && state === 'idle',
    );
    expect(await host.stop()).toBe(0);
  });
});
