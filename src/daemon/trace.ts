import type { StepObserver } from '../services/index.ts';
import type { Ended } from '../types.ts';
import type { Trace } from './trace-export.ts';
import type { Spans } from './trace-spans.ts';

export type { Trace };

/** What {@link openTrace} needs. */
export interface TraceOptions {
  /** The environment: it says whether there is a trace. The exporter reads the rest (headers, certificates) from the process's own. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Version of this program. */
  readonly version: string;
  /** Hears, once an outage, that spans could not be sent. */
  readonly onFault: (message: string) => void;
}

/**
 * Where the spans go, by the variables of the OpenTelemetry specification (OTLP exporter configuration; SDK environment variables).
 *
 * @returns the URL for OTLP over HTTP; null where nobody wants a trace
 */
export function traceUrl(env: TraceOptions['env']): string | null {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none')
    return null;
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? '';
  if (own !== '') return own;
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
  return base === '' ? null : `${base.replace(/\/$/, '')}/v1/traces`;
}

/**
 * Opens the trace of attempts, if `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set; nothing of OpenTelemetry is
 * loaded otherwise. A trace that cannot be opened (a URL that is none) is told to `onFault`: it never stops an updater.
 *
 * @returns null where there is none
 * @example
 * const trace = await openTrace({ env: process.env, version: '1.2.0', onFault: (message) => logger.warn(message) });
 */
export async function openTrace(options: TraceOptions): Promise<Trace | null> {
  const url = traceUrl(options.env);
  if (url === null) return null;
  try {
    const { openExport } = await import('./trace-export.ts');
    return openExport({ ...options, url });
  } catch (error) {
    options.onFault(`no traces: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

/** Who hears of an updater's steps and of the ends of its attempts. */
interface Observers {
  readonly observe?: StepObserver;
  readonly onEnded?: (ended: Ended) => void;
}

/** The observers, with a trace before them. */
export function traced(trace: Spans | null, { observe, onEnded }: Observers): Required<Observers> {
  return {
    observe: (event) => {
      trace?.step(event);
      observe?.(event);
    },
    onEnded: (ended) => {
      trace?.ended(ended);
      onEnded?.(ended);
    },
  };
}
