import { UpdateError } from '../errors.ts';
import type { HealthProbe } from '../services/ports.ts';
import { createExecProbe } from './exec-probe.ts';
import { createGrpcProbe } from './grpc-probe.ts';
import { createHttpProbe } from './http-probe.ts';
import { targetOf, type ProbeTarget } from './probe-address.ts';
import { createTcpProbe } from './tcp-probe.ts';
import { openTlsFiles } from './tls-files.ts';

/** What is asked for the workload's health; see `probe` in the configuration. */
export interface ProbeSettings {
  readonly url: string;
  readonly socket: string | null;
  readonly exec: readonly string[] | null;
  readonly status: readonly number[];
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly caFile: string | null;
  readonly timeoutMs: number;
}

/** Which keys say something to which kind of check. */
const KINDS: Readonly<Record<string, readonly (keyof ProbeSettings)[]>> = {
  'exec:': [],
  'tcp:': [],
  'grpc:': ['socket'],
  'grpcs:': ['caFile'],
  'http:': ['socket', 'body', 'headers'],
  'https:': ['socket', 'body', 'headers', 'caFile'],
};

const KEYS = {
  socket: 'probe.socket',
  body: 'probe.body',
  headers: 'probe.headers',
  caFile: 'probe.ca_file',
} as const;

/** A key that the check would not look at is a mistake: whoever wrote it relies on it. */
function refuseIdle(settings: ProbeSettings, kind: string): void {
  const used = KINDS[kind];
  if (used === undefined)
    throw new UpdateError(
      'CONFIG_INVALID',
      `expected probe.url to be an http:, https:, grpc:, grpcs: or tcp: URL, found ${settings.url}`,
    );
  const isSet = { ...settings, headers: Object.keys(settings.headers).length > 0 ? true : null };
  for (const key of ['socket', 'body', 'headers', 'caFile'] as const)
    if (isSet[key] !== null && !used.includes(key))
      throw new UpdateError(
        'CONFIG_INVALID',
        `expected no ${KEYS[key]} beside ${kind === 'exec:' ? 'probe.exec' : `a probe.url with ${kind}`}, found one`,
      );
}

/**
 * The health check that the configuration asks for.
 *
 * @throws UpdateError `CONFIG_INVALID` when its files cannot be used, or when a key is set that this kind of check does not use
 * @example
 * const probe = await createProbe(config.probe);
 */
export async function createProbe(settings: ProbeSettings): Promise<HealthProbe> {
  const { exec, url, socket, caFile, timeoutMs } = settings;
  const kind = exec === null ? (URL.parse(url)?.protocol ?? '') : 'exec:';
  refuseIdle(settings, kind);
  if (exec !== null) return createExecProbe({ command: exec, timeoutMs });
  if (kind === 'tcp:') return createTcpProbe({ url, timeoutMs });
  const files = { caFile, certFile: null, keyFile: null };
  const tls = caFile === null ? undefined : await openTlsFiles(files, 'probe');
  if (kind.startsWith('http')) return createHttpProbe({ ...settings, tls });
  return createGrpcProbe({ url, timeoutMs, socket, tls });
}

/**
 * Where the health check connects to; null where it is a program, which does as it likes.
 *
 * @throws UpdateError `CONFIG_INVALID` where the URL names no port and has none by itself
 */
export function probeTarget({
  exec,
  url,
  socket,
}: Pick<ProbeSettings, 'exec' | 'url' | 'socket'>): ProbeTarget | null {
  return exec === null ? targetOf(new URL(url), socket) : null;
}
