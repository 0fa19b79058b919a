import type { Drain } from '../services/ports.ts';

/** Where nothing is configured to drain a workload. */
export const noDrain: Drain = { run: () => Promise.resolve(null) };
