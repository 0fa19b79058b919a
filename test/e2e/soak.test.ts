import { readFile } from 'node:fs/promises';
import { describe, expect, inject, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { createHost } from './support/host.ts';

describe('soaking', () => {
  it('rolls back a version that is healthy at first and then flaps', async () => {
    await using host = await createHost({
      config: { probe: { soak: 60, flap_threshold: 1, failure_threshold: 1000 } },
    });
    await host.publisher.publish({ version: '1.1.0', behaviour: 'flaps' });
    await host.start();
    const { last_error, quarantine } = await host.until(
      'the rollback',
      ({ last_attempt, state }) => state === 'idle' && last_attempt?.outcome === 'rolledBack',
    );
    expect(last_error).toMatchObject({ code: 'SOAK_FAILED' });
    expect(last_error?.message).toContain('it turned unhealthy 2 times');
    expect(quarantine).toMatchObject([{ version: '1.1.0', reason: { code: 'SOAK_FAILED' } }]);
    expect(await host.untilAnswer()).toBe('baseline');
  });
});

describe('a gRPC probe', () => {
  it('commits the built-in service, once it has soaked', async () => {
    const address = `127.0.0.1:${String(await freePort())}`;
    const { script } = inject('built');
    await using host = await createHost({
      config: {
        update: { rollback_timeout: 20 },
        workload: {
          binary: undefined,
          command: ['{binary}', 'serve'],
          env: { CORESDK_HTTP_ADDR: '127.0.0.1:0', CORESDK_GRPC_ADDR: address },
        },
        probe: { url: `grpc://${address}/coresdk.sidecar`, soak: 0.2 },
      },
    });
    // The program of the host itself, as a script: what it says of its version is of no interest here.
    await host.publisher.publish({ version: '1.1.0', program: await readFile(script) });
    await host.start();
    const { current } = await host.until(
      'the commit',
      ({ last_attempt, state }) => state === 'idle' && last_attempt?.outcome === 'committed',
    );
    expect(current.version).toBe('1.1.0');
    expect(await host.log()).toContain('probe: SERVING');
  });
});
