/**
 * Spans on their way to a collector: OTLP over HTTP with JSON, in batches, from a queue that is bounded.
 *
 * Invariants: nothing global is registered, so that a program that embeds the updater keeps its own OpenTelemetry; a collector that is
 * dead or slow costs spans and never time, and no export outlasts `EXPORT_MS`.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  RandomIdGenerator,
  type IdGenerator,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { createSpans, type SpanIds, type Spans } from './trace-spans.ts';

/** An export, with its retries, and so the flush when the program stops, ms. */
const EXPORT_MS = 2_000;
const SEND_EVERY_MS = 1_000;
/** About 30 attempts. */
const QUEUE = 512;
const SERVICE = 'coresdk-sidecar-updater';

/** Makes spans and sends them. Only `close` waits, and nothing throws. */
export interface Trace extends Spans {
  /** Sends what is left, for 2 seconds at most; never rejects. */
  readonly close: () => Promise<void>;
}

/** Tells the first failure of each outage. */
function telling(exporter: OTLPTraceExporter, onFault: (message: string) => void): SpanExporter {
  let out = false;
  return {
    export: (spans, done) => {
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined;
        if (failed && !out) onFault(`traces could not be sent: ${result.error?.message ?? ''}`);
        out = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}

/**
 * Opens a trace whose spans are sent to `url`.
 *
 * @throws Error where the URL is none
 */
export function openExport(options: {
  readonly url: string;
  readonly version: string;
  readonly onFault: (message: string) => void;
}): Trace {
  const { url, version, onFault } = options;
  const { protocol } = new URL(url);
  const agent = new (protocol === 'https:' ? HttpsAgent : HttpAgent)({ keepAlive: true });
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_MS, httpAgentOptions: () => agent });
  const random = new RandomIdGenerator();
  let next: { readonly traceId: string; readonly spanId: string } | null = null;
  const idGenerator: IdGenerator = {
    generateTraceId: () => next?.traceId ?? random.generateTraceId(),
    generateSpanId: () => next?.spanId ?? random.generateSpanId(),
  };
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': SERVICE, 'service.version': version }))
      // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
      .merge(detectResources({ detectors: [envDetector] })),
    idGenerator,
    spanProcessors: [
      new BatchSpanProcessor(telling(exporter, onFault), {
        maxQueueSize: QUEUE,
        maxExportBatchSize: QUEUE,
        scheduledDelayMillis: SEND_EVERY_MS,
        exportTimeoutMillis: 2 * EXPORT_MS,
      }),
    ],
  });
  const ids: SpanIds = {
    with: (planned, start) => {
      next = planned;
      try {
        return start();
      } finally {
        next = null;
      }
    },
  };
  return {
    ...createSpans(provider.getTracer(SERVICE, version), ids),
    close: async () => {
      const late = Promise.withResolvers<undefined>();
      const timer = setTimeout(late.resolve, EXPORT_MS, undefined);
      // A collector that does not answer has been told of already.
      const sent = provider.shutdown().catch(() => undefined);
      await Promise.race([sent, late.promise]);
      clearTimeout(timer);
      agent.destroy();
    },
  };
}
