/** One host of the test: a daemon under a manager, its workload, its feed; and what must hold of it. */
import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DaemonRecord } from '../../src/adapters/daemon-record.ts';
import type { AttemptView, Status } from '../../src/control/api.ts';
import { createHostOn, eventually, type Host } from '../../test/e2e/support/host-on.ts';
import { workloadProgram } from '../../test/e2e/support/workload-program.ts';
import { processesOf, type HostProcess, type Manager } from './managers.ts';

/** How long something that must happen may take on a machine that is busy, ms. */
const PATIENCE_MS = 60_000;

/** What every host of the test is made from. */
export interface Parts {
  /** Folder of the private keys and `trust.json`. */
  readonly keys: string;
  /** The program that is installed at first. */
  readonly installed: string;
}

/** A host under test. */
export interface Stage extends AsyncDisposable {
  readonly host: Host;
  readonly manager: Manager;
  /** Starts a program under the manager; the installed one unless told. */
  start(program?: string): Promise<void>;
  cut(): Promise<void>;
  restart(): Promise<void>;
  /** Publishes a release of a daemon; with a workload beside it where one is wanted. */
  publish(version: string, daemon: string, workload?: boolean): Promise<void>;
  /** Asks for an update, and waits for nothing. */
  update(): Promise<void>;
  /** What `daemon.json` says; null where there is none. */
  record(): Promise<DaemonRecord | null>;
  until(what: string, wanted: (status: Status) => boolean): Promise<Status>;
  /** Waits until the record is as wanted. */
  untilRecord(what: string, wanted: (record: DaemonRecord | null) => boolean): Promise<void>;
  history(): Promise<AttemptView[]>;
  /** Daemons, without guards and self-tests. */
  daemons(): Promise<HostProcess[]>;
  /** A daemon that is idle, and a workload that is healthy: exactly one of each. */
  well(what: string): Promise<Status>;
}

/** Makes a host; nothing runs yet. */
export async function createStage({ keys, installed }: Parts, manager: Manager): Promise<Stage> {
  const host = await createHostOn(
    { program: installed, core: join(dirname(installed), 'core'), keys },
    { config: { update: { check_interval: 3600 }, probe: { watch: 0.2 } } },
  );
  const { root, configFile } = host;
  const command = (program: string): Parameters<Manager['start']>[0] => ({ root, program, configFile });
  const tail = async (): Promise<string> => {
    const log = existsSync(join(root, 'daemon.log')) ? await host.log() : '';
    return `${JSON.stringify(await host.status())}\n${JSON.stringify(await stage.record())}\n${log.split('\n').slice(-30).join('\n')}`;
  };
  const wait = <T>(what: string, look: () => Promise<T | null>): Promise<T> =>
    eventually(what, look, tail, { patienceMs: PATIENCE_MS, pollMs: 20 });
  let program = installed;
  const stage: Stage = {
    host,
    manager,
    start: (other = installed) => {
      program = other;
      return manager.start(command(program));
    },
    cut: () => manager.cut(command(program)),
    restart: () => manager.restart(command(program)),
    publish: async (version, daemon, workload = false) => {
      const script = join(root, `workload-${version}`);
      if (workload) {
        await writeFile(script, workloadProgram(version, 'healthy'));
        await chmod(script, 0o755);
      }
      await host.publisher.publish({
        version,
        entrypoint: workload ? 'coresdk-sidecar' : undefined,
        daemon: 'coresdk-daemon',
        files: [
          { path: 'coresdk-daemon', source: daemon, mode: 0o755 },
          ...(workload ? [{ path: 'coresdk-sidecar', source: script, mode: 0o755 as const }] : []),
        ],
      });
    },
    update: async () => {
      await host.core('sidecar', 'update', '--no-wait');
    },
    record: async () => {
      const path = join(host.stateDir, 'daemon.json');
      return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as DaemonRecord) : null;
    },
    until: (what, wanted) =>
      wait(what, async () => {
        const now = await host.status();
        return now !== null && wanted(now) ? now : null;
      }),
    untilRecord: async (what, wanted) => {
      await wait(what, async () => (wanted(await stage.record()) ? true : null));
    },
    history: () => host.history(),
    daemons: async () =>
      (await processesOf(root)).filter(
        ({ args }) =>
          args.includes(configFile) &&
          !['guard', 'self-test', 'sidecar'].some((role) => args.includes(role)) &&
          !['tini', 'unshare', 'sh', '/bin/sh'].includes(args[0] ?? ''),
      ),
    well: async (what) => {
      const status = await stage.until(
        `${what}: idle, with a healthy workload`,
        (now) => now.state === 'idle' && now.workload.health?.healthy === true,
      );
      await wait(`${what}: exactly one daemon`, async () =>
        (await stage.daemons()).length === 1 ? true : null,
      );
      return status;
    },
    [Symbol.asyncDispose]: async () => {
      await manager.end(command(program));
      await host[Symbol.asyncDispose]();
    },
  };
  return stage;
}
