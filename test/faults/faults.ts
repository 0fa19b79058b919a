import { AsyncLocalStorage } from 'node:async_hooks';
import { errnoError, nodeDisk, type Disk } from '../../src/adapters/disk.ts';
import type { Ports } from '../../src/services/ports.ts';
import { aroundDisk } from './around-disk.ts';
import { aroundPorts, type Around, type PortCall } from './around-ports.ts';
import type { Errno, Fault } from './fault.ts';
import type { ServiceRuns } from './service-runs.ts';

/** The faults of one daemon. */
export interface Faults {
  /** For `startDaemon({ adapt })`. */
  readonly adapt: (ports: Ports) => Ports;
  /** For `startDaemon({ disk })`. */
  readonly disk: Disk;
  /** From now on these faults lie in wait; what was armed last comes first. */
  arm(...faults: readonly Fault[]): void;
  /** Takes away every fault. */
  clear(): void;
  /** Titles of the armed faults that no call has met yet. */
  unmet(): string[];
}

interface Armed {
  readonly fault: Fault;
  seen: number;
}

/** A disk that fails once. */
interface Trouble {
  readonly errno: Errno;
  left: number;
}

/** Free space is asked for, not taken: a full disk answers that question. */
const isHit = (errno: Errno, access: { readonly changes: boolean; readonly op: string }): boolean =>
  access.op !== 'freeBytes' && (errno === 'EIO' || access.changes);

/**
 * Makes the faults of a daemon.
 *
 * @param runs - tells which service makes a call
 * @param around - put around every call, outside of its faults; nothing unless told
 * @param disk - the disk below; the real one unless told
 * @example
 * const faults = createFaults(createServiceRuns());
 * faults.arm(failing('VersionStore.activate', 'ENOSPC', { in: 'swap' }));
 * await startDaemon({ ...options, adapt: faults.adapt, disk: faults.disk, observe: runs.observe });
 */
export function createFaults(
  runs: ServiceRuns,
  around: Around = (_call, proceed) => proceed(),
  disk: Disk = nodeDisk,
): Faults {
  const armed: Armed[] = [];
  let aheadMs = 0;
  const troubles = new AsyncLocalStorage<Trouble>();

  const find = ({ method, args }: PortCall): Fault | null => {
    const step = runs.current()?.step ?? null;
    let hit: Fault | null = null;
    for (const each of armed.toReversed()) {
      const { fault } = each;
      if (fault.method !== method || (fault.in !== null && fault.in !== step) || !fault.when(args)) continue;
      each.seen += 1;
      if (each.seen >= fault.nth && each.seen < fault.nth + fault.times) hit ??= fault;
    }
    return hit;
  };

  const meet: Around = async (call, proceed) => {
    const fault = find(call);
    if (fault === null) return proceed();
    return fault.meet({
      args: call.args,
      signal: signalOf(call),
      proceed,
      passTime: (ms) => {
        aheadMs += ms;
      },
      proceedOnBrokenDisk: (errno) => troubles.run({ errno, left: 1 }, proceed),
    });
  };

  return {
    adapt: (ports) => {
      const { clock } = ports;
      const late = { ...ports, clock: { ...clock, monotonic: () => clock.monotonic() + aheadMs } };
      return aroundPorts(late, (call, proceed) => {
        runs.note(call);
        return around(call, () => meet(call, proceed));
      });
    },
    disk: aroundDisk(disk, (access) => {
      const trouble = troubles.getStore();
      if (trouble === undefined || trouble.left === 0 || !isHit(trouble.errno, access)) return;
      trouble.left -= 1;
      throw errnoError(trouble.errno, 'a fault that the test put here', access.path);
    }),
    arm: (...faults) => {
      armed.push(...faults.map((fault) => ({ fault, seen: 0 })));
    },
    clear: () => {
      armed.length = 0;
    },
    unmet: () => armed.filter(({ fault, seen }) => seen < fault.nth).map(({ fault }) => fault.title),
  };
}

/** The signal that ends a call, if it takes one. */
export function signalOf({ args }: PortCall): AbortSignal | null {
  return args.find((arg) => arg instanceof AbortSignal) ?? null;
}
