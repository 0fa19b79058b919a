import { hasErrno } from '../errors.ts';
import type { ProbeResult } from '../services/ports.ts';
import { throwIfCancelled } from './disk-errors.ts';

const DETAIL_MAX = 200;

/** What a look needs to be bounded. */
export interface LookBounds {
  /** The time that it may take, ms. */
  readonly timeoutMs: number;
  /** Cancels it. */
  readonly signal: AbortSignal;
}

/**
 * Text that a workload said, made fit for one line of a message: printable, and at most 200 characters.
 *
 * @example
 * oneLine('not\nyet'); // not?yet
 */
export function oneLine(text: string): string {
  const cut = text.length > DETAIL_MAX ? `${text.slice(0, DETAIL_MAX)}…` : text;
  return cut.replace(/[^\x20-\x7e\xa0-\ud7ff\ue000-\uffef]/g, '?');
}

/** What an error of a connection says to people. */
export function describeFault(error: unknown): string {
  if (hasErrno(error, 'ECONNREFUSED')) return 'connection refused';
  if (hasErrno(error, 'ECONNRESET', 'EPIPE')) return 'connection closed without an answer';
  if (hasErrno(error, 'ENOTFOUND', 'EAI_AGAIN')) return 'host name not found';
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('HPE_'))
    return 'not an HTTP answer';
  return oneLine(error instanceof Error ? error.message : String(error));
}

/**
 * Makes one look that never takes longer than `timeoutMs`, and rejects only with `CANCELLED`.
 *
 * @param look - ends when its signal fires; what it throws is told as the detail of an unhealthy look
 */
export async function boundedLook(
  { timeoutMs, signal }: LookBounds,
  look: (stop: AbortSignal) => Promise<ProbeResult>,
): Promise<ProbeResult> {
  throwIfCancelled(signal);
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const result = await look(AbortSignal.any([signal, timeout]));
    throwIfCancelled(signal);
    return result;
  } catch (error) {
    throwIfCancelled(signal);
    const detail = timeout.aborted ? `no answer in ${String(timeoutMs / 1000)} s` : describeFault(error);
    return { healthy: false, detail };
  }
}
