/**
 * An attempt as a trace: one span for the whole, one below it for each state that it went through.
 *
 * Invariants: the ids of trace and root span follow from the attempt's id, so that a span of a daemon that was killed stands in the same
 * trace as those of the daemon that took the attempt up; the root span is sent once, by whoever sees the attempt end.
 */
import { ROOT_CONTEXT, SpanStatusCode, trace, type Span, type Tracer } from '@opentelemetry/api';
import type { StepEvent } from '../services/index.ts';
import type { Attempt, Ended } from '../types.ts';
import { isLoud } from './log.ts';
import { beganBy, rootSpanIdOf, traceIdOf } from './trace-ids.ts';

/** Decides the ids of the next span, which are random unless told. */
export interface SpanIds {
  /** Runs `start` so that the span that it starts has these ids. */
  with<T>(ids: { readonly traceId: string; readonly spanId: string }, start: () => T): T;
}

/** What spans are made from. */
export interface Spans {
  readonly step: (event: StepEvent) => void;
  readonly ended: (ended: Ended) => void;
}

/** The attempt under way. */
interface Open {
  readonly id: string;
  readonly root: Span;
  step: Span | null;
}

const about = ({ id, trigger, mode }: Attempt) => ({
  'coresdk.attempt.id': id,
  'coresdk.attempt.trigger': trigger,
  'coresdk.attempt.mode': mode,
});

/** Only seconds stand in an id, and perhaps those of another clock; so near to now it says nothing new, ms. */
const ID_PRECISION_MS = 1_000;

/**
 * Makes spans of steps and ends.
 *
 * @param tracer - starts them
 * @param ids - gives the root span its own id
 * @param now - ms since 1970
 */
export function createSpans(tracer: Tracer, ids: SpanIds, now: () => number = Date.now): Spans {
  let open: Open | null = null;
  /** The root that was sent last: a failed rollback that is retried goes on below it. */
  let sent: { readonly id: string; readonly root: Span } | null = null;

  const startRoot = (attempt: Attempt): Span => {
    const { id } = attempt;
    const attributes = about(attempt);
    if (sent?.id === id)
      return tracer.startSpan('attempt, retried', { attributes }, trace.setSpan(ROOT_CONTEXT, sent.root));
    const seenAt = now();
    const began = beganBy(id);
    const startTime = began !== null && began < seenAt - ID_PRECISION_MS ? began : seenAt;
    return ids.with({ traceId: traceIdOf(id), spanId: rootSpanIdOf(id) }, () =>
      tracer.startSpan('attempt', { root: true, startTime, attributes }, ROOT_CONTEXT),
    );
  };
  const begin = (attempt: Attempt): Open => {
    if (open?.id !== attempt.id) open = { id: attempt.id, root: startRoot(attempt), step: null };
    return open;
  };
  const startStep = ({ step, state }: StepEvent, attempt: Attempt, root: Span): Span =>
    tracer.startSpan(
      state,
      { attributes: { ...about(attempt), 'coresdk.state': state, 'coresdk.step': step } },
      trace.setSpan(ROOT_CONTEXT, root),
    );

  return {
    step: (event) => {
      const { attempt } = event;
      if (attempt === null) return;
      const current = begin(attempt);
      if (event.phase === 'began') {
        current.step?.end();
        current.step = startStep(event, attempt, current.root);
        return;
      }
      // Without one its intent could not be written: it failed before it began.
      const span = current.step ?? startStep(event, attempt, current.root);
      current.step = null;
      if (event.phase === 'failed') {
        const { code, message, retryable } = event.error;
        span.setAttributes({ 'error.type': code, 'coresdk.error.retryable': retryable });
        if (code !== 'CANCELLED') span.setStatus({ code: SpanStatusCode.ERROR, message });
      }
      span.end();
    },
    ended: ({ attempt, outcome, reason, error, stage, from, to }: Ended) => {
      const { root, step } = begin(attempt);
      step?.end();
      open = null;
      sent = { id: attempt.id, root };
      root.setAttributes({
        'coresdk.attempt.outcome': outcome,
        'coresdk.attempt.reason': reason,
        'coresdk.attempt.stage': stage,
        ...(from === null ? {} : { 'coresdk.attempt.from': from.version }),
        ...(to === null ? {} : { 'coresdk.attempt.to': to.version }),
        ...(error === null ? {} : { 'error.type': error.code }),
      });
      if (isLoud(attempt.trigger, outcome)) root.setStatus({ code: SpanStatusCode.ERROR, message: reason });
      root.end();
    },
  };
}
