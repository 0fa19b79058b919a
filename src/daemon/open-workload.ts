/** Opens the workload: its listening sockets, its check addresses, its supervisor. */
import { dirname } from 'node:path';
import { checkSockets, type CheckSockets } from '../adapters/check-sockets.ts';
import { systemClock } from '../adapters/clock.ts';
import { nodeDisk } from '../adapters/disk.ts';
import { openListenSockets, type ListenSockets } from '../adapters/listen-sockets.ts';
import { createProcesses } from '../adapters/processes.ts';
import { UpdateError } from '../errors.ts';
import type { Workload } from '../services/ports.ts';
import { createSupervisor, type Supervisor } from '../supervisor.ts';
import type { AdapterOptions } from './adapter-options.ts';

/**
 * The workload's listening sockets: those that this process was given, and, with the first start of the workload, the others.
 *
 * @throws UpdateError `CONFIG_INVALID`, `LISTEN_FAILED`
 */
export async function openSockets(
  { config, inheritedSockets = [] }: AdapterOptions,
  warn: (error: UpdateError) => void,
): Promise<ListenSockets> {
  const { listen, swap } = config.workload;
  const sockets = await openListenSockets({ specs: listen, inherited: inheritedSockets, warn });
  if (swap === 'overlap' && listen.length === 0 && sockets.held().length === 0)
    throw new UpdateError(
      'CONFIG_INVALID',
      'expected workload.listen beside workload.swap: overlap, or sockets from systemd, found neither: two versions cannot bind one address',
    );
  return sockets;
}

/**
 * Starts the supervisor of the workload; it runs nothing yet.
 *
 * @param recordPath - where the identity of the running workload is written
 * @param sockets - passed on to whatever runs
 * @param check - the check addresses, where two versions may run at once
 */
export function openSupervisor(
  { config, disk = nodeDisk }: AdapterOptions,
  recordPath: string,
  sockets: ListenSockets,
  check: CheckSockets | null = null,
): Supervisor {
  const { workload } = config;
  const processes = createProcesses({
    command: workload.command,
    env: workload.env,
    recordPath,
    sockets,
    check,
    disk,
    output: workload.output === 'inherit' ? 'inherit' : { file: workload.output },
    clock: systemClock,
  });
  return createSupervisor({ processes, clock: systemClock }, workload);
}

/** The workload with its sockets; none where it was given from outside. */
export async function openWorkload(
  options: AdapterOptions,
  recordPath: string,
  warn: (error: UpdateError) => void,
): Promise<{ workload: Workload; sockets: ListenSockets | null; check: CheckSockets | null }> {
  const { workload } = options.adapters ?? {};
  if (workload !== undefined) return { workload, sockets: null, check: null };
  const sockets = await openSockets(options, warn);
  const check = options.config.workload.swap === 'overlap' ? checkSockets(dirname(recordPath)) : null;
  return { workload: openSupervisor(options, recordPath, sockets, check), sockets, check };
}
