import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { openTrace, traceUrl, type Trace } from '../../src/daemon/trace.ts';
import { beganBy, rootSpanIdOf, traceIdOf } from '../../src/daemon/trace-ids.ts';
import { UpdateError } from '../../src/errors.ts';
import type { StepName } from '../../src/steps.ts';
import type { Attempt, StateName } from '../../src/types.ts';
import { freePort } from '../../demo/free-port.ts';
import { attempt, ended, NEW, OLD } from '../machines/values.ts';
import { startCollector, type SeenSpan } from './trace-collector.ts';

const ID = '20261123-141502-k3f9';
const BEGAN = Date.UTC(2026, 10, 23, 14, 15, 2);
const mine = attempt({ id: ID });

async function traceTo(url: string, onFault: (message: string) => void = () => {}): Promise<Trace> {
  const trace = await openTrace({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: url }, version: '1.2.3', onFault });
  if (trace === null) throw new Error('expected a trace');
  return trace;
}

const pass = (trace: Trace, step: StepName, state: StateName, of: Attempt = mine): void => {
  trace.step({ step, state, attempt: of, phase: 'began' });
  trace.step({ step, state, attempt: of, phase: 'done', tookMs: 1 });
};
const fail = (trace: Trace, step: StepName, state: StateName, error: UpdateError): void => {
  trace.step({ step, state, attempt: mine, phase: 'began' });
  trace.step({ step, state, attempt: mine, phase: 'failed', tookMs: 1, error });
};
const named = (spans: readonly SeenSpan[], name: string): SeenSpan => {
  const found = spans.filter((span) => span.name === name);
  expect(found).toHaveLength(1);
  return found[0]!;
};

describe('where it goes', () => {
  it.each([
    [{}, null],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, null],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, 'http://c:4318/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/otlp/' }, 'http://c:4318/otlp/v1/traces'],
    [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' },
      'http://t/x',
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'true' }, null],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_TRACES_EXPORTER: 'none' }, null],
  ])('%j: %s', (env, url) => {
    expect(traceUrl(env)).toBe(url);
  });

  it('is nowhere unless it is asked for, and then nothing of OpenTelemetry is loaded', async () => {
    const module = JSON.stringify(join(import.meta.dirname, '../../src/daemon/trace.ts'));
    const code = `
      import { Module } from 'node:module';
      const { openTrace } = await import(${module});
      const trace = await openTrace({ env: {}, version: '1', onFault: () => {} });
      console.log(trace, Object.keys(Module._cache).filter((it) => it.includes('opentelemetry')).length);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code]);
    expect(stdout.trim()).toBe('null 0');
  });

  it('that is no URL is told, and there is no trace', async () => {
    const faults: string[] = [];
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' };
    const trace = await openTrace({ env, version: '1', onFault: (message) => faults.push(message) });
    expect(trace).toBeNull();
    expect(faults).toEqual([expect.stringContaining('no traces')]);
  });
});

describe('an attempt', () => {
  it('is one trace: a span for the whole, and one below it for each state', async () => {
    await using collector = await startCollector();
    const trace = await traceTo(collector.url);
    pass(trace, 'check', 'checking');
    pass(trace, 'download', 'downloading');
    trace.ended(
      ended({ attempt: mine, outcome: 'committed', error: null, from: OLD, to: NEW, stage: 'committed' }),
    );
    await trace.close();

    expect(collector.spans.map(({ name }) => name).sort()).toEqual(['attempt', 'checking', 'downloading']);
    const root = named(collector.spans, 'attempt');
    expect(root).toMatchObject({
      traceId: createHash('sha256').update(ID).digest('hex').slice(0, 32),
      spanId: rootSpanIdOf(ID),
      startMs: BEGAN,
      status: 0,
      attributes: {
        'coresdk.attempt.id': ID,
        'coresdk.attempt.trigger': 'schedule',
        'coresdk.attempt.outcome': 'committed',
        'coresdk.attempt.from': '1.0.0',
        'coresdk.attempt.to': '1.1.0',
      },
    });
    expect(root.parentSpanId ?? '').toBe('');
    for (const name of ['checking', 'downloading'])
      expect(named(collector.spans, name)).toMatchObject({
        traceId: root.traceId,
        parentSpanId: root.spanId,
      });
    expect(collector.resource).toMatchObject({
      'service.name': 'coresdk-sidecar-updater',
      'service.version': '1.2.3',
    });
    expect(collector.requests[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'content-type': 'application/json' },
    });
  });

  it('that fails says with which code, in which state', async () => {
    await using collector = await startCollector();
    const trace = await traceTo(collector.url);
    fail(trace, 'check', 'checking', new UpdateError('FEED_UNREACHABLE', 'nobody answers'));
    const error = { code: 'FEED_UNREACHABLE', message: 'nobody answers' } as const;
    trace.ended(ended({ attempt: mine, outcome: 'error', error, reason: 'nobody answers' }));
    await trace.close();
    expect(named(collector.spans, 'checking')).toMatchObject({
      status: 2,
      attributes: { 'error.type': 'FEED_UNREACHABLE' },
    });
    expect(named(collector.spans, 'attempt')).toMatchObject({
      status: 2,
      attributes: { 'error.type': 'FEED_UNREACHABLE' },
    });
  });

  it('that an operator rolled back is no error', async () => {
    await using collector = await startCollector();
    const trace = await traceTo(collector.url);
    const asked = attempt({ id: ID, trigger: 'rollback' });
    pass(trace, 'rollback', 'rollingBack', asked);
    trace.ended(ended({ attempt: asked, outcome: 'rolledBack' }));
    await trace.close();
    expect(named(collector.spans, 'attempt').status).toBe(0);
  });

  it('that is put off leaves its state without an error', async () => {
    await using collector = await startCollector();
    const trace = await traceTo(collector.url);
    fail(trace, 'gate', 'waiting', new UpdateError('CANCELLED', 'left'));
    trace.ended(ended({ attempt: mine, outcome: 'deferred' }));
    await trace.close();
    expect(collector.spans.map(({ status }) => status)).toEqual([0, 0]);
  });

  it('goes on in the same trace after a kill, and its root is sent once, from when it began', async () => {
    await using collector = await startCollector();
    const first = await traceTo(collector.url);
    pass(first, 'check', 'checking');
    first.step({ step: 'probe', state: 'probing', attempt: mine, phase: 'began' });
    await first.close();
    await collector.until(1);
    const second = await traceTo(collector.url);
    pass(second, 'rollback', 'rollingBack');
    second.ended(ended({ attempt: mine, outcome: 'rolledBack' }));
    await second.close();
    const { spans } = collector;
    expect(spans.map(({ name }) => name).sort()).toEqual(['attempt', 'checking', 'rollingBack']);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf(ID)]));
    expect(named(spans, 'checking').parentSpanId).toBe(named(spans, 'attempt').spanId);
    expect(named(spans, 'attempt').startMs).toBe(BEGAN);
  });

  it('that is retried after it failed goes on below the span that was sent', async () => {
    await using collector = await startCollector();
    const trace = await traceTo(collector.url);
    pass(trace, 'rollback', 'rollingBack');
    trace.ended(ended({ attempt: mine, outcome: 'failed' }));
    pass(trace, 'rollback', 'rollingBack');
    trace.ended(ended({ attempt: mine, outcome: 'rolledBack' }));
    await trace.close();
    const root = named(collector.spans, 'attempt');
    const again = named(collector.spans, 'attempt, retried');
    expect(again).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId });
    expect(again.spanId).not.toBe(root.spanId);
  });

  it('has a time in its id; ids of others tell none', () => {
    expect(beganBy(ID)).toBe(BEGAN);
    expect(beganBy('a-1')).toBeNull();
    expect(beganBy('99999999-999999-zzzz')).toBeNull();
  });
});

describe('a collector that is no good', () => {
  it('is told of once an outage, and fails nothing', async () => {
    const faults: string[] = [];
    const trace = await traceTo(`http://127.0.0.1:${String(await freePort())}`, (message) =>
      faults.push(message),
    );
    pass(trace, 'check', 'checking');
    // More than one request takes.
    for (let i = 0; i < 600; i += 1) trace.ended(ended({ attempt: attempt({ id: `a-${String(i)}` }) }));
    await trace.close();
    expect(faults).toEqual([expect.stringContaining('traces could not be sent')]);
  });

  it('that never answers holds up no stop for longer than the flush may take', async () => {
    await using collector = await startCollector(null);
    const trace = await traceTo(collector.url);
    trace.ended(ended({ attempt: mine }));
    await trace.close();
    expect(collector.requests).toHaveLength(1);
  });

  it('costs spans when the queue is full, and no memory', async () => {
    await using collector = await startCollector();
    const trace = await traceTo(collector.url);
    for (let i = 0; i < 2_000; i += 1) trace.ended(ended({ attempt: attempt({ id: `a-${String(i)}` }) }));
    await trace.close();
    expect(collector.spans.length).toBeLessThanOrEqual(1_024);
    expect(collector.spans.length).toBeGreaterThan(0);
  });
});

describe('the variables of OpenTelemetry', () => {
  it('give headers and the name of the service', async () => {
    await using collector = await startCollector();
    vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-team=core');
    vi.stubEnv('OTEL_SERVICE_NAME', 'mine');
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment=lab');
    const trace = await traceTo(collector.url);
    trace.ended(ended({ attempt: mine }));
    await trace.close();
    expect(collector.requests[0]?.headers).toMatchObject({ 'x-team': 'core' });
    expect(collector.resource).toMatchObject({ 'service.name': 'mine', 'deployment.environment': 'lab' });
  });

  it('decide what is sampled', async () => {
    await using collector = await startCollector();
    vi.stubEnv('OTEL_TRACES_SAMPLER', 'always_off');
    const trace = await traceTo(collector.url);
    pass(trace, 'check', 'checking');
    trace.ended(ended({ attempt: mine }));
    await trace.close();
    expect(collector.spans).toEqual([]);
  });
});
