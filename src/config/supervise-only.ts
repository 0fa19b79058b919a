/**
 * Where there is no update logic (Kubernetes) and no state directory was ever used, the daemon only supervises the workload. What it
 * needs on disk for that, the record of the workload and the control socket, lies in a folder for temporary files.
 *
 * Invariant: daemon and CLI come to the same folder from the same configuration.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from './runtime.ts';

/** What decides about it. */
export interface SuperviseOnlyFacts {
  readonly stateDir: string;
  readonly runtime: Runtime;
  /** Whether a file exists; the real disk unless given. */
  readonly exists?: ((path: string) => boolean) | undefined;
}

/**
 * The folder of a daemon that only supervises: the same at each start, so that a workload which a killed daemon left is found.
 *
 * @returns its absolute path; null for a daemon that has, or had, update logic
 */
export function superviseOnlyFolder({
  stateDir,
  runtime,
  exists = existsSync,
}: SuperviseOnlyFacts): string | null {
  // An attempt that was left in flight is still recovered.
  if (runtime.kind !== 'k8s' || exists(join(stateDir, 'state.db'))) return null;
  const key = createHash('sha256').update(stateDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `coresdk-${String(process.geteuid?.() ?? 0)}-${key}`);
}
