import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { loadConfig } from '../../src/config/index.ts';
import { configMapSchema, deploymentSchema, type Deployment } from './support/kubernetes-schema.ts';
import { installed, REFERENCE, ROOT, runTool } from './support/tool.ts';

const FILES = {
  ours: join(ROOT, 'deploy/kubernetes/coresdk-sidecar-deployment.yaml'),
  reference: join(REFERENCE, 'coresdk-sidecar-deployment.yaml'),
};
const OTHER_IMAGE = 'coresdk/sidecar:0.0.0';
const kubectl = installed('kubectl', 'Kubernetes manifests by kubectl itself', false);

async function documents(path: string): Promise<{ kind: string }[]> {
  const found = parseAllDocuments(await readFile(path, 'utf8'), { strict: true, uniqueKeys: true });
  return [...found].map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as { kind: string };
  });
}

async function deployment(path: string): Promise<Deployment> {
  return deploymentSchema.parse((await documents(path)).find(({ kind }) => kind === 'Deployment'));
}

/** Every leaf as `path=value`. */
function leaves(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${path}=${JSON.stringify(value)}`];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
}

/** What kubectl's own types keep of a manifest, without a cluster: a field that they do not know is gone. */
async function throughKubectl(document: unknown): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-kubectl-'));
  try {
    const path = join(folder, 'deployment.yaml');
    await writeFile(path, stringify(document));
    const { code, stdout, stderr } = await runTool('kubectl', [
      'set',
      'image',
      '--local',
      '--kubeconfig=/dev/null',
      '-f',
      path,
      // Only what is changed is printed.
      `sidecar=${OTHER_IMAGE}`,
      '-o',
      'json',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe.each(Object.entries(FILES))('the Deployment: %s', (_name, path) => {
  it('has the shape of apps/v1, and nothing else', async () => {
    const { spec } = await deployment(path);
    expect(spec.selector.matchLabels).toEqual(spec.template.metadata.labels);
  });

  it.skipIf(!kubectl)('is one that kubectl knows every field of', async () => {
    const found = await deployment(path);
    const kept = new Set(leaves(await throughKubectl(found)));
    expect(kept.size).toBeGreaterThan(10);
    expect(leaves(found).filter((leaf) => !kept.has(leaf) && !leaf.includes('.image='))).toEqual([]);
  });

  it('mounts only volumes that it has, and probes a port that it has', async () => {
    const { volumes, containers } = (await deployment(path)).spec.template.spec;
    for (const { volumeMounts, ports, readinessProbe, livenessProbe } of containers) {
      for (const { name } of volumeMounts) expect(volumes.map((it) => it.name)).toContain(name);
      for (const probe of [readinessProbe, livenessProbe])
        expect(ports.map(({ containerPort }) => containerPort)).toContain(probe.httpGet.port);
    }
  });

  it('switches updates off, by variables that are read', async () => {
    const [container] = (await deployment(path)).spec.template.spec.containers;
    const own = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
    const env = { ...own, KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    const { config, warnings } = await loadConfig({ path: join(ROOT, 'no-such-file'), explicit: false, env });
    expect(config.update.channel).toBe('manual');
    expect(config.tenant).toBe('acme');
    expect(config.runtime.kind).toBe('k8s');
    expect(warnings).toEqual([]);
  });
});

describe('our Deployment', () => {
  it('fits the Pod Security Standard "restricted"', async () => {
    const { securityContext, containers, automountServiceAccountToken } = (await deployment(FILES.ours)).spec
      .template.spec;
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(automountServiceAccountToken).toBe(false);
    for (const container of containers)
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  });

  it('runs as the user of the image, and pins it to a version', async () => {
    const { securityContext, containers } = (await deployment(FILES.ours)).spec.template.spec;
    const dockerfile = await readFile(join(ROOT, 'deploy/docker/Dockerfile'), 'utf8');
    expect(dockerfile).toContain(
      `USER ${String(securityContext?.runAsUser)}:${String(securityContext?.runAsGroup)}`,
    );
    expect(containers[0]?.image).toMatch(/:\d+\.\d+\.\d+$/);
  });

  it('can write where the daemon writes there: the temporary folder', async () => {
    const { volumes, containers } = (await deployment(FILES.ours)).spec.template.spec;
    const mount = containers[0]?.volumeMounts.find(({ mountPath }) => mountPath === '/tmp');
    expect(volumes.find(({ name }) => name === mount?.name)).toHaveProperty('emptyDir');
  });

  it('brings a configuration that can be loaded', async () => {
    const { data } = configMapSchema.parse(
      (await documents(FILES.ours)).find(({ kind }) => kind === 'ConfigMap'),
    );
    const folder = await mkdtemp(join(tmpdir(), 'coresdk-config-map-'));
    try {
      const path = join(folder, 'sidecar.yaml');
      await writeFile(path, data['sidecar.yaml'] ?? '');
      expect((await loadConfig({ path, env: {} })).config.update.channel).toBe('manual');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
