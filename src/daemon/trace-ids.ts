/**
 * Ids of traces, made from the attempt's own id: whoever has one from a log, the history or an alert finds its trace, and an attempt that
 * a restart interrupted goes on in the same trace.
 *
 * W3C Trace Context section 3.2.2: 16 and 8 bytes, not all zero, ids random enough to sample by; a SHA-256 is.
 */
import { createHash } from 'node:crypto';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * The trace of an attempt: the first 16 bytes of the SHA-256 of its id, in hex.
 *
 * @example
 * traceIdOf('20261123-141502-k3f9'); // the same as: printf %s 20261123-141502-k3f9 | sha256sum | cut -c1-32
 */
export function traceIdOf(attemptId: string): string {
  return hash(attemptId).slice(0, 32);
}

/** The span of an attempt as a whole: the next 8 bytes. */
export function rootSpanIdOf(attemptId: string): string {
  return hash(attemptId).slice(32, 48);
}

/**
 * When an attempt began, by its id, to the second; null where the id does not tell (an embedder's own ids).
 *
 * @returns ms since 1970
 */
export function beganBy(attemptId: string): number | null {
  const [, date, hours, minutes, seconds] = /^(\d{8})-(\d{2})(\d{2})(\d{2})-/.exec(attemptId) ?? [];
  if (date === undefined) return null;
  const day = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;
  const at = Date.parse(`${day}T${hours ?? ''}:${minutes ?? ''}:${seconds ?? ''}Z`);
  return Number.isNaN(at) ? null : at;
}
