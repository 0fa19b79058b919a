import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/index.ts';
import { installed, REFERENCE, ROOT, runTool } from './support/tool.ts';

interface Service {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly [key: string]: unknown;
}

const FILES = {
  ours: join(ROOT, 'deploy/docker/compose.yaml'),
  reference: join(REFERENCE, 'docker-compose.yaml'),
};
const compose = installed('docker-compose', 'Compose files by Compose itself');

async function sidecar(path: string): Promise<Service> {
  const document = parse(await readFile(path, 'utf8')) as { services: Record<string, Service> };
  const service = document.services['coresdk-sidecar'];
  if (service === undefined) throw new Error(`${path} has no service coresdk-sidecar`);
  return service;
}

describe.each(Object.entries(FILES))('the Compose file: %s', (_name, path) => {
  it.skipIf(!compose)('is valid for Compose itself', async () => {
    const { code, stderr } = await runTool('docker-compose', ['-f', path, 'config', '-q']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('sets variables that are read', async () => {
    const { environment, volumes } = await sidecar(path);
    const file =
      path === FILES.ours
        ? join(ROOT, 'deploy/docker/coresdk-sidecar.yaml')
        : join(REFERENCE, 'sidecar.yaml');
    const { config, origins, warnings } = await loadConfig({
      path: file,
      env: environment,
      exists: () => false,
    });
    expect(config.update).toMatchObject({
      channel: 'stable',
      checkIntervalMs: 3_600_000,
      rollbackTimeoutMs: 60_000,
    });
    expect(config.tenant).toBe('acme');
    for (const name of Object.keys(environment)) expect(Object.values(origins)).toContain(`env ${name}`);
    expect(warnings).toEqual([]);
    expect(volumes).toContain(`coresdk-data:${config.stateDir}`);
    expect(volumes).toContain('./coresdk-sidecar.yaml:/etc/coresdk/sidecar.yaml:ro');
  });
});

describe('our Compose file', () => {
  it('pins the image to a version', async () => {
    expect((await sidecar(FILES.ours)).image).toMatch(/^coresdk\/sidecar:\d+\.\d+\.\d+$/);
  });

  it('gives away no right that is not needed', async () => {
    expect(await sidecar(FILES.ours)).toMatchObject({
      user: '7700:7700',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
  });

  it('gives the workload time to stop', async () => {
    const { stop_grace_period: grace } = await sidecar(FILES.ours);
    const { config } = await loadConfig({ path: join(ROOT, 'deploy/docker/coresdk-sidecar.yaml'), env: {} });
    expect(Number.parseInt(String(grace), 10) * 1000).toBeGreaterThan(config.workload.stopTimeoutMs);
  });

  it('publishes on loopback alone', async () => {
    for (const port of (await sidecar(FILES.ours)).ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });
});
