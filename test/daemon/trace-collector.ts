import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** A span as OTLP's JSON has it, its attributes as a map. */
export interface SeenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
}

/** A collector on loopback that takes OTLP over HTTP with JSON. */
export interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly spans: SeenSpan[];
  /** The service's name and other attributes of the resource, of the last request. */
  readonly resource: Record<string, unknown>;
  readonly requests: { readonly path: string; readonly headers: Readonly<Record<string, unknown>> }[];
  /** Resolves with the spans once there are so many. */
  until(count: number): Promise<readonly SeenSpan[]>;
}

interface Attribute {
  readonly key: string;
  readonly value: Record<string, unknown>;
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code: number };
}

/** `ExportTraceServiceRequest`, as far as it is looked at. */
interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

const plain = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
const ms = (nanoseconds: string): number => Number(BigInt(nanoseconds) / 1_000_000n);

/**
 * Starts a collector.
 *
 * @param answer - the status that it answers with; null: it never answers
 */
export async function startCollector(answer: number | null = 200): Promise<Collector> {
  const spans: SeenSpan[] = [];
  const requests: Collector['requests'] = [];
  const resource: Record<string, unknown> = {};
  const watchers = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ path: request.url ?? '', headers: request.headers });
      const body = JSON.parse(Buffer.concat(chunks).toString()) as ExportRequest;
      for (const { resource: of, scopeSpans } of body.resourceSpans) {
        Object.assign(resource, plain(of.attributes));
        for (const { spans: sent } of scopeSpans)
          for (const it of sent)
            spans.push({
              traceId: it.traceId,
              spanId: it.spanId,
              parentSpanId: it.parentSpanId,
              name: it.name,
              startMs: ms(it.startTimeUnixNano),
              endMs: ms(it.endTimeUnixNano),
              attributes: plain(it.attributes),
              status: it.status.code,
            });
      }
      for (const look of watchers) look();
      if (answer !== null) response.writeHead(answer, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    spans,
    resource,
    requests,
    until: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (spans.length < count) return;
          watchers.delete(look);
          resolve(spans);
        };
        watchers.add(look);
        look();
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
