import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, superviseOnlyFolder } from '../../src/config/index.ts';

const k8s = { kind: 'k8s', reason: 'a test' } as const;
const nothing = (): boolean => false;

describe('the folder of a daemon that only supervises', () => {
  it('is one for temporary files, another for each state directory, and the same each time', () => {
    const folder = (stateDir: string): string | null =>
      superviseOnlyFolder({ stateDir, runtime: k8s, exists: nothing });
    expect(dirname(folder('/var/lib/coresdk') ?? '')).toBe(tmpdir());
    expect(folder('/var/lib/coresdk')).toBe(folder('/var/lib/coresdk'));
    expect(folder('/var/lib/coresdk')).not.toBe(folder('/srv/coresdk'));
  });

  it('is none on a host, and none where a state directory was used', () => {
    const stateDir = '/var/lib/coresdk';
    const host = { kind: 'host', reason: 'a test' } as const;
    expect(superviseOnlyFolder({ stateDir, runtime: host, exists: nothing })).toBeNull();
    const used = (path: string): boolean => path === '/var/lib/coresdk/state.db';
    expect(superviseOnlyFolder({ stateDir, runtime: k8s, exists: used })).toBeNull();
  });

  it('holds the control socket unless that is configured, for the daemon and for the CLI', async () => {
    const socketOf = async (env: Record<string, string>): Promise<string> =>
      (await loadConfig({ path: '/nowhere.yaml', explicit: false, env, exists: nothing })).config.control
        .socket;
    const folder = superviseOnlyFolder({ stateDir: '/var/lib/coresdk', runtime: k8s, exists: nothing });
    expect(await socketOf({ KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toBe(`${String(folder)}/control.sock`);
    expect(await socketOf({})).toBe('/var/lib/coresdk/control.sock');
  });
});
