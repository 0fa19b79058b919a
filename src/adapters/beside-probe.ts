import type { HealthProbe } from '../services/ports.ts';
import { createExecProbe } from './exec-probe.ts';
import { createGrpcProbe } from './grpc-probe.ts';
import { createHttpProbe } from './http-probe.ts';
import type { ProbeSettings } from './probe.ts';
import { createTcpProbe } from './tcp-probe.ts';
import { openTlsFiles, type TlsFiles } from './tls-files.ts';
import { CHECK_SOCKET_VARIABLE } from './workload-env.ts';

function probeAt(settings: ProbeSettings, socket: string, tls: TlsFiles | undefined): HealthProbe {
  const { exec, url, timeoutMs } = settings;
  if (exec !== null)
    return createExecProbe({ command: exec, timeoutMs, env: { [CHECK_SOCKET_VARIABLE]: socket } });
  const kind = new URL(url).protocol;
  if (kind === 'tcp:') return createTcpProbe({ url, timeoutMs, socket });
  if (kind.startsWith('http')) return createHttpProbe({ ...settings, socket, tls });
  return createGrpcProbe({ url, timeoutMs, socket, tls });
}

/**
 * The same health check as that of the workload, at the check address of the version that runs beside it. A check by a program is told
 * the address in `CORESDK_CHECK_SOCKET`.
 *
 * @param settings - as for `createProbe`, which has seen that they are right
 * @param address - the path of the check address; null while nothing runs beside
 * @throws UpdateError `CONFIG_INVALID` when the TLS files cannot be used
 * @example
 * const probe = await createBesideProbe(config.probe, () => '/var/lib/coresdk/check-1f2e3d4c5b6a.sock');
 */
export async function createBesideProbe(
  settings: ProbeSettings,
  address: () => string | null,
): Promise<HealthProbe> {
  const { caFile } = settings;
  const tls =
    caFile === null ? undefined : await openTlsFiles({ caFile, certFile: null, keyFile: null }, 'probe');
  const now = (): HealthProbe | null => {
    const socket = address();
    return socket === null ? null : probeAt(settings, socket, tls);
  };
  return {
    get address() {
      return now()?.address ?? 'a check address that is not there yet';
    },
    look: (signal) =>
      now()?.look(signal) ?? Promise.resolve({ healthy: false, detail: 'nothing runs beside' }),
    answered: (signal) => now()?.answered(signal) ?? Promise.resolve(false),
  };
}
