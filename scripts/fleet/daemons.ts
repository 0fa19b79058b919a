/** Real daemons: the built program, real files, real workloads, each with a machine id of its own where that can be had. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_MACHINE_ID } from '../../src/adapters/machine-id.ts';
import type { AttemptView } from '../../src/control/api.ts';
import { cohort } from '../../src/bundle/rollout.ts';
import type { BuiltForTests } from '../../test/e2e/support/built.ts';
import { createHostOn, type Host } from '../../test/e2e/support/host-on.ts';
import { BAD_VERSION, machineIdOf, type HostCount } from './sim-host.ts';

/** What all daemons have in common. */
export interface DaemonSettings {
  readonly built: Pick<BuiltForTests, 'program' | 'core' | 'keys'>;
  readonly operatorKeysFile: string;
  readonly checkIntervalS: number;
  readonly product: string;
}

/** Where a daemon finds NATS and the feed. */
export interface DaemonNetwork {
  readonly natsUrl: string;
  readonly feedUrl: string;
}

/** The daemons that run. */
export interface Daemons {
  counts(badDigest: string): Promise<HostCount[]>;
  stop(): Promise<void>;
}

/** Whether a process can be given another machine id than the system's: a mount that only it sees. */
function canMount(): boolean {
  return spawnSync('unshare', ['--mount', 'true']).status === 0;
}

const OWN_ID = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';

/** Whether the fleet is told of an attempt: docs/fleet.md. */
function speaksOfRelease({ outcome, to, steps }: AttemptView): boolean {
  const early = new Set(['recovering', 'idle', 'checking', 'waiting']);
  return outcome !== 'deferred' && to !== null && steps.some(({ state }) => !early.has(state));
}

async function hasSystemId(): Promise<boolean> {
  return readFile(SYSTEM_MACHINE_ID).then(
    () => true,
    () => false,
  );
}

/** Starts a daemon for each network given. */
export async function startDaemons(
  networks: readonly DaemonNetwork[],
  settings: DaemonSettings,
): Promise<Daemons> {
  const { built, operatorKeysFile, checkIntervalS, product } = settings;
  const ids = await mkdtemp(join(tmpdir(), 'coresdk-fleet-ids-'));
  const system = await hasSystemId();
  const apart = system && canMount();
  const hosts: { readonly name: string; readonly host: Host; readonly machineId: () => Promise<string> }[] =
    [];
  for (const [index, { natsUrl, feedUrl }] of networks.entries()) {
    const name = `daemon-${String(index)}`;
    const host = await createHostOn(built, {
      config: {
        update: {
          channel: 'edge',
          feed_url: feedUrl,
          check_interval: checkIntervalS,
          jitter: 1,
          rollback_timeout: 2,
        },
        fleet: { group: 'real', host: name, nats: { url: natsUrl }, operator_keys_file: operatorKeysFile },
        log: { level: 'info' },
      },
    });
    const idFile = join(ids, name);
    await writeFile(idFile, `${machineIdOf(1_000_000 + index)}\n`);
    const daemon = [built.program, '--config', host.configFile];
    await host.start({
      argv: apart
        ? ['unshare', '--mount', 'sh', '-c', OWN_ID, 'sh', idFile, SYSTEM_MACHINE_ID, ...daemon]
        : daemon,
    });
    const idOf = (path: string) => async (): Promise<string> => (await readFile(path, 'latin1')).trim();
    const machineId = apart
      ? idOf(idFile)
      : idOf(system ? SYSTEM_MACHINE_ID : join(host.stateDir, 'machine-id'));
    hosts.push({ name, host, machineId });
  }
  for (const { host } of hosts) await host.until('idle', ({ state }) => state === 'idle');
  return {
    counts: async (badDigest) => {
      const counts: HostCount[] = [];
      for (const { name, host, machineId } of hosts) {
        const status = await host.status();
        const ended = (await host.history()).filter(({ outcome }) => outcome !== null);
        counts.push({
          host: name,
          version: status?.current.version ?? 'unknown',
          state: status?.state ?? 'unknown',
          touched: ended.some(({ to, outcome }) => to === BAD_VERSION && outcome === 'rolledBack'),
          told: ended.filter(speaksOfRelease).map(({ id }) => `${name}/${id}`),
          place: cohort(await machineId(), product, badDigest),
        });
      }
      return counts;
    },
    stop: async () => {
      for (const { host } of hosts) await host[Symbol.asyncDispose]();
      await rm(ids, { recursive: true, force: true });
    },
  };
}
