import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import { addressIsFree } from './address.ts';
import { drainRunning } from './drain-running.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

/**
 * `swapping`: compares the new version with its signed manifest while the old one still runs, drains and stops the old one, sees that nobody
 * answers at the probe's address any more (else its 200 would pass for the new version's), points `current` at the new version,
 * sees that none of its files has changed since, and starts it.
 *
 * From the stop to the start nobody answers, so nothing is done there that can be done before.
 *
 * @throws UpdateError `WORKLOAD_STOP_FAILED`, `PROBE_ADDRESS_TAKEN`, `STAGE_FAILED`, `VERSION_DAMAGED`, `VERSION_NOT_FOUND`,
 * `LISTEN_FAILED`, `WORKLOAD_START_FAILED`, `WORKLOAD_SPAWN_FAILED`, `DISK_FULL`, `STATE_DIR_UNUSABLE`
 */
export const swap =
  (
    ports: Pick<Ports, 'workload' | 'store' | 'probe' | 'clock' | 'drain' | 'reporter'>,
    settings: Pick<Settings, 'addressFreeMs'>,
  ) =>
  async ({ plan }: Steps['swap']['input'], signal: AbortSignal): Promise<{ pid: number }> => {
    const { workload, store, probe, clock } = ports;
    const target = { ref: plan.to, entry: await store.entry(plan.to) };
    const seal = await store.check(plan.to, signal);
    await drainRunning(ports, plan.from.version, signal);
    await workload.stop(signal);
    if (!(await addressIsFree({ probe, clock }, settings.addressFreeMs, signal)))
      throw new UpdateError(
        'PROBE_ADDRESS_TAKEN',
        `expected nobody at ${probe.address} after ${plan.from.version} was stopped; something still answers there`,
      );
    await store.activate(plan.to);
    // Immediately before it is started: what was verified is what runs.
    await store.check(plan.to, signal, seal);
    return workload.start(target, signal);
  };
