/**
 * The soak: a version that became healthy has to stay so for a while before it is committed.
 *
 * Invariant: it ends well only with a healthy look, at or after its end.
 */
import type { ProbeEvidence } from '../types.ts';
import { lookUntil, type Watching } from './looking.ts';
import type { Ports, ProbeResult } from './ports.ts';
import type { Settings } from './settings.ts';

/** What a soak goes by. */
export type SoakRules = Pick<Settings, 'soakMs' | 'failureThreshold' | 'flapThreshold'>;

/** What was seen so far. */
export interface SoakState {
  /** What the last look that counts said. */
  readonly healthy: boolean;
  /** Unhealthy looks in a row. */
  readonly failures: number;
  /** Turns from healthy to unhealthy. */
  readonly flaps: number;
  /** The last turns, for people. */
  readonly turns: readonly string[];
}

/** It has just become healthy. */
export const SOAK_BEGINS: SoakState = { healthy: true, failures: 0, flaps: 0, turns: [] };

const KEEP_TURNS = 10;

/** "Not yet": it asks to be looked at again later. Neither healthy nor a failure. */
const isNotYet = (result: ProbeResult): boolean => !result.healthy && result.retryAfterMs !== undefined;

/** What is known after one more look. */
export function afterLook(state: SoakState, result: ProbeResult, elapsedMs: number): SoakState {
  if (isNotYet(result)) return state;
  const { healthy, detail } = result;
  const turned = healthy !== state.healthy;
  const turn = `turned ${healthy ? 'healthy' : 'unhealthy'} after ${String(Math.round(elapsedMs))} ms: ${detail}`;
  return {
    healthy,
    failures: healthy ? 0 : state.failures + 1,
    flaps: state.flaps + (turned && !healthy ? 1 : 0),
    turns: turned ? [...state.turns, turn].slice(-KEEP_TURNS) : state.turns,
  };
}

/** Why a soak has failed; null while it has not. */
export function whyFailed(
  { failures, flaps }: SoakState,
  { failureThreshold, flapThreshold }: SoakRules,
): string | null {
  if (failures >= failureThreshold) return `${String(failures)} unhealthy looks in a row`;
  if (flaps > flapThreshold) return `it turned unhealthy ${String(flaps)} times`;
  return null;
}

/** How a soak ended. */
export type SoakVerdict = { readonly evidence: ProbeEvidence; readonly turns: readonly string[] } & (
  | { readonly kind: 'stayed' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'exited'; readonly how: string }
);

/**
 * Looks at a version that has become healthy until the soak is over, it did not stay healthy, or its process ended.
 *
 * @param watch - `budgetMs` is what it may take beyond its end to be healthy once more
 */
export async function soak(
  ports: Pick<Ports, 'probe' | 'clock' | 'reporter'>,
  settings: SoakRules & Pick<Settings, 'probeIntervalMs'>,
  { budgetMs, ...watch }: Pick<Watching<never>, 'budgetMs' | 'spentMs' | 'exited' | 'onSpent'>,
  signal: AbortSignal,
): Promise<SoakVerdict> {
  const { soakMs } = settings;
  let state = SOAK_BEGINS;
  const seen = await lookUntil<{ readonly why: string | null }>(
    ports,
    {
      ...watch,
      budgetMs: Math.max(0, soakMs - watch.spentMs) + budgetMs,
      intervalMs: settings.probeIntervalMs,
      deadlineMs: soakMs,
      lastLookMs: soakMs,
      judge: (result, elapsedMs) => {
        state = afterLook(state, result, elapsedMs);
        const why = whyFailed(state, settings);
        if (why !== null) return { why };
        return elapsedMs >= soakMs && result.healthy ? { why: null } : null;
      },
    },
    signal,
  );
  const { evidence } = seen;
  const common = { evidence, turns: state.turns };
  if (seen.kind === 'exited') return { ...common, kind: 'exited', how: seen.how };
  if (seen.kind === 'timeout') return { ...common, kind: 'failed', why: 'it was not healthy at its end' };
  const { why } = seen.verdict;
  return why === null ? { ...common, kind: 'stayed' } : { ...common, kind: 'failed', why };
}
