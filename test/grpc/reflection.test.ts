import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { descriptorsModule } from '../../scripts/grpc-descriptors.ts';
import { DESCRIPTORS } from '../../src/grpc/descriptors.ts';
import { createReflection } from '../../src/grpc/reflection.ts';

const reflect = createReflection();
const fileOf = (name: string): Buffer => Buffer.from(DESCRIPTORS[name] ?? '', 'base64');

describe('the compiled .proto files', () => {
  it('are fresh', async () => {
    const path = join(import.meta.dirname, '../../src/grpc/descriptors.ts');
    expect(await readFile(path, 'utf8')).toBe(await descriptorsModule());
  });
});

describe('reflection', () => {
  it('names every service of the port', () => {
    expect(reflect({ ask: { for: 'services' } })).toEqual({
      kind: 'services',
      names: [
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ],
    });
  });

  it.each([
    ['a service', 'grpc.health.v1.Health'],
    ['a method', 'grpc.health.v1.Health.Watch'],
    ['a message', 'grpc.health.v1.HealthCheckResponse'],
    ['a field', 'grpc.health.v1.HealthCheckRequest.service'],
    ['an enumeration', 'grpc.health.v1.HealthCheckResponse.ServingStatus'],
    ['a value, beside its enumeration', 'grpc.health.v1.HealthCheckResponse.SERVING'],
    [
      'the entry of a map, by the name that protoc gives it',
      'grpc.health.v1.HealthListResponse.StatusesEntry',
    ],
  ])('finds the file of %s', (_, name) => {
    expect(reflect({ ask: { for: 'symbol', name } })).toEqual({
      kind: 'files',
      files: [fileOf('grpc/health/v1/health.proto')],
    });
  });

  it('finds a file by its name, and a `oneof`', () => {
    const name = 'grpc/reflection/v1/reflection.proto';
    const files = [fileOf(name)];
    expect(reflect({ ask: { for: 'file', name } })).toEqual({ kind: 'files', files });
    const oneof = 'grpc.reflection.v1.ServerReflectionRequest.message_request';
    expect(reflect({ ask: { for: 'symbol', name: oneof } })).toEqual({ kind: 'files', files });
  });

  it('says what it does not have, shortly', () => {
    const long = 'x'.repeat(10_000);
    for (const kind of ['symbol', 'file', 'extension', 'extensions'] as const) {
      const answer = reflect({ ask: { for: kind, name: long } });
      expect(answer).toMatchObject({ kind: 'error', code: 5 });
      expect(answer.kind === 'error' && answer.message.length).toBeLessThan(300);
    }
    expect(reflect({ ask: { for: 'unknown' } })).toMatchObject({ kind: 'error', code: 12 });
  });
});
