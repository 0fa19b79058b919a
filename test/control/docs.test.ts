/** Runs the commands of docs/control-api.md as they stand there, against a real server. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ROUTES } from '../../src/control/route-table.ts';
import { ownFolder, startTcp, tokenFile } from './support/control-fixture.ts';

const text = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'control-api.md'), 'utf8');

/** The lines of all `sh` blocks that ask something. */
const commands = [...text.matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block = '']) => block.split('\n'))
  .filter((line) => line.includes('curl'));

describe('docs/control-api.md', () => {
  it('tells of every route, and shows how to ask', () => {
    for (const { method, path } of ROUTES) {
      const told = path.replace(/\{.*/, '');
      expect(text, `${method} ${path}`).toContain(`${method} ${told}`);
      expect(commands.join('\n'), `${method} ${path}`).toContain(told);
    }
  });

  // On a host without curl there is nothing to run them with.
  it.runIf(spawnSync('curl', ['--version']).status === 0)('shows commands that work', async () => {
    const { socket, url } = await startTcp(
      {},
      { metrics: async () => ({ contentType: 'text/plain', body: 'up 1\n' }) },
    );
    const options = {
      cwd: await ownFolder(),
      env: { PATH: process.env['PATH'], SOCK: socket, URL: url, TOKEN_FILE: await tokenFile() },
    };
    for (const command of commands) {
      const line = command.replaceAll('curl ', 'curl --fail ').replace('/ID', '/a2');
      // `exec`, so that what is ended is curl and not its shell.
      const child = spawn('sh', ['-c', line.startsWith('curl') ? `exec ${line}` : line], options);
      onTestFinished(() => void child.kill());
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      if (line.includes('/v1/events')) {
        // It does not end by itself.
        await once(child.stdout, 'data');
        child.kill();
        expect(said).toContain('retry: 1000');
      } else {
        const [code] = (await once(child, 'close')) as [number | null];
        expect([code, said], command).toEqual([0, expect.any(String)]);
      }
    }
  });
});
