/** Puts together what may hold an update before the swap: approvals and windows, and then the lease that the configuration asks for. */
import { fleetHostId } from '../adapters/fleet-host-id.ts';
import { createFleetLock } from '../adapters/fleetlock.ts';
import { createGate } from '../adapters/gate.ts';
import { createHttpClient } from '../adapters/http-client.ts';
import { createLeaseGate } from '../adapters/lease-gate.ts';
import { leftBehind, openLeaseRecords } from '../adapters/lease-record.ts';
import { openTlsFiles } from '../adapters/tls-files.ts';
import type { Disk } from '../adapters/disk.ts';
import type { Config } from '../config/index.ts';
import { windowAt } from '../config/windows.ts';
import type { Approvals, Clock, Gate, Lease, Reporter } from '../services/ports.ts';

/** What {@link openGate} needs. */
export interface GateParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly approvals: Approvals;
  readonly disk: Disk;
  /** Absolute path of `lease.json`. */
  readonly leaseFile: string;
  /** Only ever hashed. */
  readonly machineId: string;
  /** The lease of a fleet on NATS; null where there is none. */
  readonly natsLease: Lease | null;
}

/** An open gate. */
export interface OpenGate {
  readonly gate: Gate;
  close(): Promise<void>;
}

interface OpenLease {
  readonly lease: Lease;
  close(): Promise<void>;
}

async function openLease({ config, machineId, natsLease }: GateParts): Promise<OpenLease | null> {
  const { update, fleet, http } = config;
  if (update.gate === 'nats' && natsLease !== null)
    return { lease: natsLease, close: () => Promise.resolve() };
  if (update.gate !== 'fleetlock' || fleet.fleetlockUrl === null) return null;
  const client = createHttpClient({ proxies: http.proxies, tls: await openTlsFiles(http) });
  const id = fleet.host ?? fleetHostId(machineId);
  const lease = createFleetLock({ url: fleet.fleetlockUrl, group: fleet.group, id, client });
  return { lease, close: () => client.close() };
}

/**
 * Opens the gate.
 *
 * @throws UpdateError `CONFIG_INVALID` for files of `http` that cannot be used
 */
export async function openGate(parts: GateParts): Promise<OpenGate> {
  const { config, clock, reporter, approvals, disk, leaseFile } = parts;
  const { windows, approval } = config.update;
  const gate = createGate({
    windowAt: windows.length === 0 ? null : (now) => windowAt(windows, now),
    approval,
    approvals,
    clock,
    reporter,
  });
  const opened = await openLease(parts);
  const records = openLeaseRecords(disk, leaseFile);
  if (opened === null) {
    const left = await records.read();
    if (left !== null) reporter.report({ kind: 'warning', error: leftBehind(left).toRecord() });
    return { gate, close: () => Promise.resolve() };
  }
  // An attempt that goes on after a restart keeps its place, where that has to be renewed.
  const held = opened.lease.keep === undefined ? null : await records.read();
  if (held !== null) opened.lease.keep?.(held.attempt);
  const leaseGate = createLeaseGate({ gate, lease: opened.lease, records, clock, reporter });
  return {
    gate: leaseGate,
    close: async () => {
      await leaseGate.close();
      await opened.close();
    },
  };
}
