import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { serveProgram, type Kind } from '../../bench/handover/workloads.ts';
import { freePort } from '../../demo/free-port.ts';
import { createHost } from './support/host.ts';
import { overlappingProgram } from './support/overlapping-program.ts';

/** Calls of `grpc.health.v1` on a channel that is kept, one after the other, until it is told to stop. */
function call(port: number): { stop: () => Promise<{ calls: number; failures: unknown[] }> } {
  const client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure());
  const over = { yet: false };
  const failures: unknown[] = [];
  let calls = 0;
  const calling = (async () => {
    while (!over.yet) {
      calls += 1;
      await new Promise<void>((resolve) => {
        client.makeUnaryRequest(
          '/grpc.health.v1.Health/Check',
          () => Buffer.alloc(0),
          (bytes) => bytes,
          {},
          { deadline: Date.now() + 20_000 },
          (error: ServiceError | null) => {
            if (error !== null) failures.push(error);
            resolve();
          },
        );
      });
    }
  })();
  return {
    stop: async () => {
      over.yet = true;
      await calling;
      client.close();
      return { calls, failures };
    },
  };
}

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
    // The old one is gone with the commit: nobody meets it again.
    const after = await Promise.all(Array.from({ length: 8 }, async () => (await fetch(url)).text()));
    expect(new Set(after)).toEqual(new Set(['1.2.0']));
    const { answers, failures } = await client.stop();
    expect(failures).toEqual([]);
    // The bad one never; while the old one is drained and stopped, both good ones take clients (docs/overlap.md).
    expect([answers.at(0), answers.at(-1), ...new Set(answers)]).toEqual([
      '1.0.0',
      '1.2.0',
      '1.0.0',
      '1.2.0',
    ]);
    expect(new Set((await readFile(answered, 'utf8')).trim().split('\n'))).toEqual(
      new Set(['1.0.0', '1.2.0']),
    );
  });

  it('is updated so where it is the built-in service, which is asked by gRPC how it is', async () => {
    const [port, grpcPort] = [await freePort(), await freePort()];
    await using host = await createHost({
      config: {
        update: { rollback_timeout: 3 },
        workload: {
          listen: [`tcp://127.0.0.1:${String(port)}`, `tcp://127.0.0.1:${String(grpcPort)}`],
          swap: 'overlap',
          env: serveProgram.env(port, grpcPort),
          stop_timeout: 20,
        },
        probe: { url: `grpc://127.0.0.1:${String(grpcPort)}` },
      },
    });
    const program = async (version: string, kind: Kind): Promise<Buffer> => {
      const [file] = await serveProgram.files(version, kind);
      return file?.source as Buffer;
    };
    await writeFile(join(host.root, 'baseline'), await program('1.0.0', 'good'));
    await host.start();
    await host.until('the start', ({ workload }) => workload.health?.healthy === true);
    const client = ask(`http://127.0.0.1:${String(port)}/version`);
    const caller = call(grpcPort);
    await host.publisher.publish({ version: '1.1.0', program: await program('1.1.0', 'unhealthy') });
    const { last_attempt: bad } = await host.until(
      'the rollback',
      ({ last_attempt, state }) => state === 'idle' && last_attempt?.outcome === 'rolledBack',
    );
    expect(bad).toMatchObject({ to: '1.1.0', error: { code: 'PROBE_TIMEOUT' } });
    expect(bad?.error?.message).toContain('NOT_SERVING');
    await host.publisher.publish({ version: '1.2.0', program: await program('1.2.0', 'good') });
    await host.core('sidecar', 'update');
    const { last_attempt: good } = await host.until(
      'the commit',
      ({ last_attempt, state }) => state === 'idle' && last_attempt?.outcome === 'committed',
    );
    expect(good?.steps.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['overlapping', 'draining']),
    );
    const [{ answers, failures }, called] = [await client.stop(), await caller.stop()];
    expect([...failures, ...called.failures]).toEqual([]);
    expect(called.calls).toBeGreaterThan(0);
    const versions = answers.map((answer) => (JSON.parse(answer) as { version: string }).version);
    // While both run, either answers; the bad one never.
    expect(new Set(versions)).toEqual(new Set(['1.0.0', '1.2.0']));
    expect(versions.at(-1)).toBe('1.2.0');
    const told = (await readFile(join(host.root, 'workload.log'), 'utf8')).match(
      /takes no clients before SIGUSR2/g,
    );
    expect(told).toHaveLength(2);
  });
});
