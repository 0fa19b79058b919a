import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, inject, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { trustSetSchema } from '../../src/bundle/trust.ts';
import { loadConfig, type Config } from '../../src/config/index.ts';
import { examineFromHere } from '../../src/daemon/examine-from-here.ts';
import { startDaemon } from '../../src/daemon.ts';
import type { Embedded } from '../../src/embedded.ts';
import { inFolder } from '../adapters/state-fixture.ts';
import { EMBEDDED } from '../cli/support/core.ts';
import { finding } from '../doctor/patient-fixture.ts';
import { eventually } from '../e2e/support/host.ts';
import { workloadProgram } from '../e2e/support/workload-program.ts';

/** A configuration on a real workload, and a program that was built with keys. */
async function onHost(
  update: Record<string, unknown>,
  http: Record<string, unknown>,
  body: (host: { config: Config; embedded: Embedded; folder: string }) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const binary = join(folder, 'baseline');
    await writeFile(binary, workloadProgram('baseline', 'healthy'));
    await chmod(binary, 0o755);
    const port = String(await freePort());
    const path = join(folder, 'sidecar.yaml');
    const file = {
      state_dir: join(folder, 'state'),
      update,
      http,
      workload: { binary, command: ['{binary}'], env: { PORT: port }, stop_timeout: 1 },
      probe: { url: `http://127.0.0.1:${port}/healthz` },
    };
    await writeFile(path, JSON.stringify(file), { mode: 0o644 });
    const env = { CORESDK_RUNTIME: 'host' };
    const { config } = await loadConfig({ path, env });
    const text = await readFile(join(inject('built').keys, 'trust.json'), 'utf8');
    const trust = trustSetSchema.parse(JSON.parse(text));
    await body({ config, embedded: { ...EMBEDDED, trust }, folder });
  });
}

it('a daemon is examined from inside of itself', () =>
  onHost({ channel: 'manual' }, {}, async ({ config, embedded }) => {
    const daemon = await startDaemon({
      config,
      embedded,
      program: process.execPath,
      logger: pino({ level: 'silent' }),
      onFatal: (error) => {
        throw error;
      },
    });
    try {
      await eventually('a healthy workload', async () =>
        (await daemon.api.status()).workload.health?.healthy === true ? true : null,
      );
      const report = await daemon.api.doctor();
      expect(report.inside).toBe('daemon');
      expect(report.checks.filter(({ result }) => result === 'fail')).toEqual([]);
      for (const name of [
        'workload.running',
        'journal.write',
        'state_dir.write',
        'state_dir.execute',
        'probe.answers',
      ])
        expect(finding(report, name)).toContain('pass: ');
    } finally {
      await daemon.stop();
    }
  }));

it('without a daemon it is examined from outside: nothing is made, and what cannot be opened is a line', () =>
  onHost(
    { feed_url: 'https://updates.invalid/' },
    { ca_file: '/nowhere/ca.pem' },
    async ({ config, embedded }) => {
      const report = await examineFromHere({ config, embedded }, process.execPath);
      expect(report).toMatchObject({ inside: 'caller', result: 'fail' });
      expect(report.summary).toContain('/nowhere/ca.pem');
      expect(finding(report, 'state_dir.write')).toContain('the daemon makes it at its first start');
      expect(finding(report, 'workload.command')).toContain('pass: ');
      await expect(stat(config.stateDir)).rejects.toThrow('ENOENT');
    },
  ));
