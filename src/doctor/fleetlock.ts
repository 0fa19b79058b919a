import { fleetHostId } from '../adapters/fleet-host-id.ts';
import { lookAtFleetLock } from '../adapters/fleetlock.ts';
import { createHttpClient } from '../adapters/http-client.ts';
import { openTlsFiles } from '../adapters/tls-files.ts';
import { UpdateError } from '../errors.ts';
import { fail, pass, skip, warn, type Check, type Finding } from './check.ts';
import type { Patient } from './patient.ts';

const NEXT = 'Correct fleet.fleetlock_url, or mend the server; until then updates wait.';
/** Less than a check may take, so that its own error is told. */
const ANSWER_MS = 8_000;

async function lock({ config, disabled, ports }: Patient, signal: AbortSignal): Promise<Finding> {
  const { update, fleet, http } = config;
  const url = fleet.fleetlockUrl;
  if (url === null) return skip('fleet.fleetlock_url is not configured');
  if (disabled !== null) return skip(`not asked: ${disabled}`);
  if (update.channel === 'manual') return skip('not asked: the manual channel makes no request of its own');
  const client = createHttpClient({ proxies: http.proxies, tls: await openTlsFiles(http) });
  try {
    const { status, refusal } = await lookAtFleetLock({ url, client, timeoutMs: ANSWER_MS }, signal);
    const refused = status >= 400 && status < 500;
    if (refused && refusal !== null) {
      const { machineId } = ports.host;
      const id = fleet.host ?? (machineId === '' ? null : fleetHostId(machineId));
      const as = id === null ? '' : `; it knows this host as ${id} of group ${fleet.group}`;
      return pass(`${url} answers as a FleetLock server does${as}`);
    }
    const found = `expected ${url} to refuse an empty request in the words of FleetLock, found HTTP ${String(status)}`;
    // As early servers did; a place that is taken is then told from a server that is away by nothing.
    return status === 400
      ? warn(found, 'See that it is a FleetLock server, and update it.')
      : fail(found, NEXT);
  } catch (thrown) {
    return fail(UpdateError.from(thrown).message, NEXT);
  } finally {
    await client.close();
  }
}

/** The check of the lock server, where updates wait for one. It takes no place, and frees none. */
export function fleetLockChecks(patient: Patient): Check[] {
  if (patient.config.update.gate !== 'fleetlock') return [];
  return [{ name: 'fleet.lock', look: (signal) => lock(patient, signal) }];
}
