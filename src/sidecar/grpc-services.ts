import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { healthList, healthRequest, healthResponse } from '../grpc/health-messages.ts';
import { decodeReflectionRequest } from '../grpc/reflection-messages.ts';

interface Codec<In, Out> {
  readonly decode: (bytes: Buffer) => In;
  readonly encode: (value: Out) => Buffer;
}

function method<In, Out>(
  path: string,
  { decode, encode }: Codec<In, Out>,
  streams: { readonly request?: boolean; readonly response?: boolean } = {},
): MethodDefinition<In, Out> {
  // Only a client needs the other two.
  const serverOnly = (): never => {
    throw new TypeError(`${path}: this end is a server`);
  };
  return {
    path,
    requestStream: streams.request ?? false,
    responseStream: streams.response ?? false,
    requestDeserialize: decode,
    responseSerialize: encode,
    requestSerialize: serverOnly,
    responseDeserialize: serverOnly,
  };
}

const health = { decode: healthRequest.decode, encode: healthResponse.encode };

/** `grpc.health.v1.Health`. */
export const HEALTH_SERVICE: ServiceDefinition = {
  check: method('/grpc.health.v1.Health/Check', health),
  watch: method('/grpc.health.v1.Health/Watch', health, { response: true }),
  list: method('/grpc.health.v1.Health/List', { decode: () => ({}), encode: healthList.encode }),
};

/** `grpc.reflection.v1.ServerReflection`, and `v1alpha`, which older clients ask for. */
export const reflectionService = (edition: 'v1' | 'v1alpha'): ServiceDefinition => ({
  serverReflectionInfo: method(
    `/grpc.reflection.${edition}.ServerReflection/ServerReflectionInfo`,
    { decode: decodeReflectionRequest, encode: (bytes: Buffer) => bytes },
    { request: true, response: true },
  ),
});
