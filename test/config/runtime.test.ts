import { describe, expect, it } from 'vitest';
import { detectRuntime } from '../../src/config/index.ts';

const only =
  (...paths: string[]) =>
  (path: string): boolean =>
    paths.includes(path);
const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

describe('detectRuntime', () => {
  it.each([
    ['k8s', 'k8s'],
    ['host', 'host'],
    ['systemd', 'host'],
    ['docker', 'container'],
  ])('takes CORESDK_RUNTIME=%s over what it finds', (text, kind) => {
    const env = { CORESDK_RUNTIME: text, KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    expect(detectRuntime({ env, exists: () => true })).toEqual({ kind, reason: `CORESDK_RUNTIME=${text}` });
  });

  it.each([undefined, '', 'auto'])('finds out by itself where CORESDK_RUNTIME is %j', (text) => {
    const env = { CORESDK_RUNTIME: text };
    const found = (paths: string[], more = {}): string =>
      detectRuntime({ env: { ...env, ...more }, exists: only(...paths) }).kind;
    expect(found([])).toBe('host');
    expect(found([], { KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toBe('k8s');
    expect(found([TOKEN])).toBe('k8s');
    expect(found([TOKEN, '/.dockerenv'])).toBe('k8s');
    expect(found(['/.dockerenv'])).toBe('container');
    expect(found(['/run/.containerenv'])).toBe('container');
  });

  it('says why', () => {
    const reason = (env: Record<string, string>, ...paths: string[]): string =>
      detectRuntime({ env, exists: only(...paths) }).reason;
    expect(reason({ KUBERNETES_SERVICE_HOST: 'x' })).toBe('KUBERNETES_SERVICE_HOST is set');
    expect(reason({}, TOKEN)).toBe(`${TOKEN} exists`);
    expect(reason({}, '/.dockerenv')).toBe('/.dockerenv exists');
  });

  it('refuses anything else, rather than update on Kubernetes by a misspelling', () => {
    expect(() => detectRuntime({ env: { CORESDK_RUNTIME: 'K8S' } })).toThrow(
      'CORESDK_RUNTIME: expected one of auto, k8s, host, systemd, docker, found "K8S"; did you mean "k8s"?',
    );
  });
});
