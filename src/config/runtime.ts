/**
 * Tells whether this host is one where the daemon updates by itself. On Kubernetes it does not: there the image tag
 * is what is updated.
 */
import { existsSync } from 'node:fs';
import { UpdateError } from '../errors.ts';
import { didYouMean } from './suggest.ts';

/** Where the daemon runs. `k8s` switches all update logic off. */
export type RuntimeKind = 'host' | 'container' | 'k8s';

/** What was found, and by what. */
export interface Runtime {
  readonly kind: RuntimeKind;
  /** For people, such as `KUBERNETES_SERVICE_HOST is set`. */
  readonly reason: string;
}

/** What {@link detectRuntime} looks at. */
export interface RuntimeFacts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a file exists; the real disk unless given. */
  readonly exists?: ((path: string) => boolean) | undefined;
}

/** Every pod has it unless its service account's token is not mounted. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/token';
/** Docker's mark and Podman's. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'] as const;

const SETTINGS: ReadonlyMap<string, RuntimeKind | 'auto'> = new Map([
  ['auto', 'auto'],
  ['k8s', 'k8s'],
  ['host', 'host'],
  ['systemd', 'host'],
  ['docker', 'container'],
]);

/**
 * Where this program runs: as `CORESDK_RUNTIME` says, else as found (Kubernetes before containers).
 *
 * @throws UpdateError `CONFIG_INVALID` where `CORESDK_RUNTIME` is set to something unknown
 */
export function detectRuntime({ env, exists = existsSync }: RuntimeFacts): Runtime {
  const text = env['CORESDK_RUNTIME'] ?? '';
  const setting = text === '' ? 'auto' : SETTINGS.get(text);
  if (setting === undefined) {
    const allowed = [...SETTINGS.keys()];
    throw new UpdateError(
      'CONFIG_INVALID',
      `CORESDK_RUNTIME: expected one of ${allowed.join(', ')}, found ${JSON.stringify(text)}${didYouMean(text, allowed)}`,
    );
  }
  if (setting !== 'auto') return { kind: setting, reason: `CORESDK_RUNTIME=${text}` };
  if ((env['KUBERNETES_SERVICE_HOST'] ?? '') !== '')
    return { kind: 'k8s', reason: 'KUBERNETES_SERVICE_HOST is set' };
  if (exists(SERVICE_ACCOUNT)) return { kind: 'k8s', reason: `${SERVICE_ACCOUNT} exists` };
  const mark = CONTAINER_MARKS.find((path) => exists(path));
  if (mark !== undefined) return { kind: 'container', reason: `${mark} exists` };
  return { kind: 'host', reason: 'no sign of Kubernetes or of a container' };
}
