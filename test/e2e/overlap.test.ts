import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { createHost } from './support/host.ts';
import { overlappingProgram } from './support/overlapping-program.ts';

/** One request on a connection of its own, after the other, until it is told to stop. */
function ask(url: string): { stop: () => Promise<{ answers: string[]; failures: unknown[] }> } {
  const over = { yet: false };
  const answers: string[] = [];
  const failures: unknown[] = [];
  const asking = (async () => {
    while (!over.yet) {
      try {
        const response = await fetch(url, { headers: { connection: 'close' } });
        answers.push(await response.text());
      } catch (error) {
        failures.push(error);
      }
    }
  })();
  return {
    stop: async () => {
      over.yet = true;
      await asking;
      return { answers, failures };
    },
  };
}

describe('a workload of which two versions can run at once', () => {
  it('is updated without a request lost, and no client ever meets a version that fails its probe', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${String(port)}/`;
    await using host = await createHost({
      config: {
        update: { rollback_timeout: 1 },
        workload: { listen: [`tcp://127.0.0.1:${String(port)}`], swap: 'overlap' },
        probe: { url: `${url}healthz` },
      },
    });
    const answered = join(host.root, 'answered');
    await writeFile(answered, '');
    await writeFile(join(host.root, 'baseline'), overlappingProgram('1.0.0', 200));
    await chmod(join(host.root, 'baseline'), 0o755);
    await host.start({ env: { ANSWERED_FILE: answered } });
    await host.until('the start', ({ workload }) => workload.state === 'running');
    const client = ask(url);
    await host.publisher.publish({ version: '1.1.0', program: overlappingProgram('1.1.0', 500) });
    const { last_attempt: bad } = await host.until(
      'the rollback',
      ({ last_attempt, state }) => state === 'idle' && last_attempt?.outcome === 'rolledBack',
    );
    expect(bad).toMatchObject({ to: '1.1.0', error: { code: 'PROBE_TIMEOUT' } });
    expect(bad?.steps.map(({ state }) => state)).toContain('overlapping');
    await host.publisher.publish({ version: '1.2.0', program: overlappingProgram('1.2.0', 200) });
    await host.core('sidecar', 'update');
    const { workload, last_attempt: good } = await host.until(
      'the commit',
      ({ last_attempt, state }) => state === 'idle' && last_attempt?.outcome === 'committed',
    );
    expect(good?.steps.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['overlapping', 'draining']),
    );
    expect(workload).toMatchObject({ state: 'running', version: '1.2.0', restarts: 0 });
    const { answers, failures } = await client.stop();
    expect(failures).toEqual([]);
    // In this order, and the bad one never.
    expect(answers.filter((answer, index) => answer !== answers[index - 1])).toEqual(['1.0.0', '1.2.0']);
    expect(new Set((await readFile(answered, 'utf8')).trim().split('\n'))).toEqual(
      new Set(['1.0.0', '1.2.0']),
    );
  });
});
