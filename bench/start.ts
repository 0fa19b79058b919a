/** Starting and idling: `core --version`, the daemon until its workload answers, and what the daemon takes when nothing happens. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { watchFor } from './support/caller.ts';
import { createDaemonRig } from './support/daemon-rig.ts';
import { measureCommand } from './support/measure-command.ts';
import { median } from './support/numbers.ts';
import { residentBytes } from './support/process-memory.ts';

/** What starting takes, seconds (medians), and what idling takes. */
export interface StartFigures {
  /** `node -e 0`: the floor of everything here. */
  readonly node: number;
  /** `core --version`. */
  readonly version: number;
  /** `core sidecar status`, with a daemon that answers. */
  readonly status: number;
  /** From the start of the daemon to its control API saying `idle`. */
  readonly idle: number;
  /** From the start of the daemon to the workload's first 200. */
  readonly answers: number;
  /** The workload alone, from its start to its first 200. */
  readonly workload: number;
  readonly idleResidentBytes: number;
  /** CPU seconds that the idle daemon took in a minute. */
  readonly idleCpuSeconds: number;
}

/** CPU time of a process, seconds (`proc(5)`: utime and stime, in ticks of 10 ms). */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * Measures starts and an idle daemon.
 *
 * @param rounds - how often each start is repeated
 * @param idleMs - how long the idle daemon is watched; scaled to a minute
 */
export async function measureStart(rounds: number, idleMs: number): Promise<StartFigures> {
  await using rig = await createDaemonRig();
  const core = join(dirname(rig.program), 'core');
  const node: number[] = [];
  const version: number[] = [];
  const status: number[] = [];
  // In turns, so that whatever else the machine does falls on all of them.
  for (let round = 0; round < rounds; round += 1) {
    node.push((await measureCommand([process.execPath, '-e', '0'])).seconds);
    version.push((await measureCommand([core, '--version'])).seconds);
  }
  const workload: number[] = [];
  for (let round = 0; round < rounds; round += 1) workload.push(await rig.coldStart(`cold-${String(round)}`));

  const idle: number[] = [];
  const answers: number[] = [];
  let figures = { resident: 0, cpu: 0 };
  for (let round = 0; round < Math.ceil(rounds / 3); round += 1) {
    const began = performance.now();
    const [daemon, { first }] = await Promise.all([rig.start(), watchFor(rig.port, 'baseline')]);
    answers.push(first.at - began);
    idle.push(rig.idleAfterMs());
    const { pid } = daemon;
    if (round === 0 && pid !== undefined) {
      for (let count = 0; count < rounds; count += 1)
        status.push((await measureCommand([core, 'sidecar', 'status', '--config', rig.config])).seconds);
      const before = cpuSeconds(pid);
      await new Promise((resolve) => setTimeout(resolve, idleMs));
      figures = {
        resident: residentBytes('VmRSS', pid) ?? 0,
        cpu: ((cpuSeconds(pid) - before) * 60_000) / idleMs,
      };
    }
    await rig.stop();
  }
  return {
    node: median(node),
    version: median(version),
    status: median(status),
    idle: median(idle) / 1000,
    answers: median(answers) / 1000,
    workload: median(workload) / 1000,
    idleResidentBytes: figures.resident,
    idleCpuSeconds: figures.cpu,
  };
}

if (import.meta.main) console.log(await measureStart(9, 20_000));
