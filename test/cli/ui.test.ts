import { describe, expect, it } from 'vitest';
import { startControl } from '../control/support/control-fixture.ts';
import { captured, core, EMBEDDED } from './support/core.ts';
import { runCli } from '../../src/cli/run.ts';

describe('core sidecar ui', () => {
  it('serves the page at the address that it prints, until it is stopped', async () => {
    const { socket } = await startControl();
    const stop = new AbortController();
    const stdout = captured();
    const stderr = captured();
    const said = Promise.withResolvers<string>();
    const write = stderr.write.bind(stderr);
    stderr.write = (text: string) => {
      write(text);
      said.resolve(stdout.text.trim());
    };
    const run = runCli(['sidecar', 'ui', '--socket', socket], {
      env: {},
      stdout,
      stderr,
      embedded: EMBEDDED,
      stop: stop.signal,
    });
    const url = await said.promise;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/);
    const page = await fetch(url, { headers: { connection: 'close' } });
    expect(await page.text()).toContain('id="state-probing"');
    stop.abort();
    expect(await run).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
  });

  it('ends at once where no daemon answers, or the port is none', async () => {
    expect(await core(['sidecar', 'ui', '--socket', '/nonexistent/control.sock'])).toMatchObject({ exit: 6 });
    expect(await core(['sidecar', 'ui', '--port', '70000'])).toMatchObject({ exit: 2 });
  });
});
