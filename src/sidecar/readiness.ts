import { health } from './health.ts';

/** What the service says of itself: its health, or that it is stopping. */
export interface Ready {
  readonly status: 200 | 500 | 503;
  /** The JSON body; the version is added to it. */
  readonly body: Readonly<Record<string, string>>;
}

/** What both ports ask. */
export interface Readiness {
  now(): Ready;
  /** From now on the service is stopping. Again: nothing. */
  drain(): void;
  /** Fires when it begins to stop. */
  readonly draining: AbortSignal;
}

/** Makes the one answer of both ports: the health, until the service is stopping. */
export function createReadiness(): Readiness {
  const stopping = new AbortController();
  return {
    now: () => (stopping.signal.aborted ? { status: 503, body: { status: 'draining' } } : health()),
    drain: () => {
      stopping.abort();
    },
    draining: stopping.signal,
  };
}
