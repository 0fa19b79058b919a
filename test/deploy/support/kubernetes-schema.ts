/**
 * The parts of Kubernetes' API that our manifests use, strictly: `apps/v1` Deployment and `v1` ConfigMap, as the API reference has
 * them. A field that is not listed is an error, whether Kubernetes knows it or not.
 */
import { z } from 'zod';

const dnsName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
const labels = z.record(z.string(), z.string());
const count = z.int().min(0);
const quantity = z.string().regex(/^\d+(\.\d+)?(m|[KMGT]i?)?$/);
const port = z.int().min(1).max(65_535);

const metadata = z.strictObject({ name: dnsName, namespace: dnsName.optional(), labels: labels.optional() });

const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string().startsWith('/'), port: z.union([port, dnsName]) }),
  initialDelaySeconds: count.optional(),
  periodSeconds: count.optional(),
  timeoutSeconds: count.optional(),
});

const container = z.strictObject({
  name: dnsName,
  image: z.string().regex(/^[a-z0-9./-]+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$/),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
  env: z.array(z.strictObject({ name: z.string().regex(/^[A-Z][A-Z0-9_]*$/), value: z.string() })),
  ports: z.array(z.strictObject({ name: dnsName.optional(), containerPort: port })),
  readinessProbe: probe,
  livenessProbe: probe,
  securityContext: z
    .strictObject({
      allowPrivilegeEscalation: z.boolean(),
      readOnlyRootFilesystem: z.boolean(),
      capabilities: z.strictObject({ drop: z.array(z.string()) }),
    })
    .optional(),
  resources: z
    .strictObject({
      requests: z.strictObject({ cpu: quantity, memory: quantity }),
      limits: z.strictObject({ cpu: quantity.optional(), memory: quantity }),
    })
    .optional(),
  volumeMounts: z.array(
    z.strictObject({
      name: dnsName,
      mountPath: z.string().startsWith('/'),
      readOnly: z.boolean().optional(),
    }),
  ),
});

const volume = z.union([
  z.strictObject({ name: dnsName, configMap: z.strictObject({ name: dnsName }) }),
  z.strictObject({ name: dnsName, emptyDir: z.strictObject({ sizeLimit: quantity.optional() }) }),
]);

const podSpec = z.strictObject({
  automountServiceAccountToken: z.boolean().optional(),
  enableServiceLinks: z.boolean().optional(),
  terminationGracePeriodSeconds: count.optional(),
  securityContext: z
    .strictObject({
      runAsNonRoot: z.boolean(),
      runAsUser: count,
      runAsGroup: count,
      fsGroup: count,
      seccompProfile: z.strictObject({ type: z.enum(['RuntimeDefault', 'Unconfined', 'Localhost']) }),
    })
    .optional(),
  containers: z.array(container).min(1),
  volumes: z.array(volume),
});

/** `apps/v1` Deployment. */
export const deploymentSchema = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata,
  spec: z.strictObject({
    replicas: count,
    strategy: z.strictObject({
      type: z.enum(['RollingUpdate', 'Recreate']),
      rollingUpdate: z.strictObject({ maxUnavailable: count, maxSurge: count }),
    }),
    progressDeadlineSeconds: count.optional(),
    revisionHistoryLimit: count.optional(),
    selector: z.strictObject({ matchLabels: labels }),
    template: z.strictObject({ metadata: z.strictObject({ labels }), spec: podSpec }),
  }),
});

/** `v1` ConfigMap. */
export const configMapSchema = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('ConfigMap'),
  metadata,
  data: z.record(z.string(), z.string()),
});

/** A Deployment as its manifest has it. */
export type Deployment = z.infer<typeof deploymentSchema>;
