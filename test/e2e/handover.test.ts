/** A daemon that is given sockets by systemd's convention passes them on, and whoever asks while it is restarted is answered by the next. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../../demo/free-port.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { openListenSockets } from '../../src/adapters/listen-sockets.ts';
import { createProcesses } from '../../src/adapters/processes.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('a daemon with sockets from systemd', () => {
  it('passes them on, and loses nobody while it is restarted', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coresdk-handover-'));
    const port = await freePort();
    const config = join(folder, 'sidecar.yaml');
    await writeFile(
      config,
      stringify({
        update: { channel: 'manual' },
        workload: {
          binary: process.execPath,
          command: ['{binary}', join(ROOT, 'test/sidecar/fixtures/serve.ts')],
          env: { CORESDK_HTTP_ADDR: `127.0.0.1:${String(port)}`, CORESDK_GRPC_ADDR: 'none' },
        },
        probe: { url: `http://127.0.0.1:${String(port)}/healthz` },
        state_dir: join(folder, 'state'),
      }),
    );
    // It does what systemd does: the sockets from 3 on, and LISTEN_PID.
    const sockets = await openListenSockets({
      specs: [`tcp://127.0.0.1:${String(port)}`],
      inherited: [],
      warn: () => undefined,
    });
    const systemd = createProcesses({
      command: [process.execPath, join(ROOT, 'src/main.ts'), '--config', config],
      env: {},
      recordPath: join(folder, 'daemon.json'),
      output: { file: join(folder, 'log') },
      clock: systemClock,
      sockets,
    });
    const target = { ref: { origin: 'baseline', version: '1.0.0' }, entry: process.execPath } as const;
    const never = new AbortController().signal;
    const pid = async (): Promise<number> => {
      const { body } = await request(`http://127.0.0.1:${String(port)}/version`, { headersTimeout: 20_000 });
      return ((await body.json()) as { pid: number }).pid;
    };
    try {
      const daemon = await systemd.launch(target, never);
      const first = await pid();
      expect(first).not.toBe(daemon.pid);
      await systemd.terminate(daemon, 20_000);
      const waiting = pid();
      const again = await systemd.launch(target, never);
      expect(await waiting).not.toBe(first);
      await systemd.terminate(again, 20_000);
      expect(await readFile(join(folder, 'log'), 'utf8')).not.toMatch(/LISTEN_FAILED|ExperimentalWarning/);
    } finally {
      await systemd.endSurvivor(0);
      sockets.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
