import type { Disk } from '../adapters/disk.ts';
import type { StatePaths } from '../adapters/state-dir.ts';
import { openSuccession, type DaemonSuccession } from '../adapters/succession.ts';
import type { Ports, Reporter } from '../services/ports.ts';
import type { AdapterOptions, HandOver } from './adapter-options.ts';
import { startGuard } from './guard-role.ts';
import { launcherEnv } from './launch.ts';

/** The succession of a built daemon, which is started by its installed program. */
export function openOwnSuccession(
  { config, embedded, program, installed = { path: program, version: embedded.version } }: AdapterOptions,
  { args, env, times, leave }: HandOver,
  {
    paths,
    journal,
    reporter,
    carry,
    ...needs
  }: Pick<Ports, 'store' | 'clock' | 'journal'> & {
    readonly carry: () => Readonly<Record<string, string>>;
    readonly disk: Disk;
    readonly paths: StatePaths;
    readonly reporter: Reporter;
  },
): DaemonSuccession {
  return openSuccession({
    ...needs,
    paths,
    program,
    version: embedded.version,
    args,
    env: { ...env, ...launcherEnv(installed) },
    times,
    leave: async () => {
      const more = await leave();
      // Frees the lock; the kernel would do so too, since nothing but the standard streams outlasts `execve`.
      journal.end();
      // Last of all: a child that is started after it would keep the sockets too.
      return { ...more, ...carry() };
    },
    guard: (attempt) =>
      startGuard(program, { stateDir: config.stateDir, attempt, installed: installed.path, args }, env),
    warn: (error) => {
      reporter.report({ kind: 'warning', error: error.toRecord() });
    },
  });
}
