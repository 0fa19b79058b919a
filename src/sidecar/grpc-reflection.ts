import type { ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import { encodeReflectionResponse, type ReflectionRequest } from '../grpc/reflection-messages.ts';
import { createReflection } from '../grpc/reflection.ts';

/**
 * Server reflection, for `Server.addService`; v1 and v1alpha answer the same. A client that sends and does not read is not read
 * from either.
 */
export function reflectionMethods(): UntypedServiceImplementation {
  const answer = createReflection();
  return {
    serverReflectionInfo: (call: ServerDuplexStream<ReflectionRequest, Buffer>) => {
      call.on('data', (request: ReflectionRequest) => {
        if (call.write(encodeReflectionResponse(request, answer(request)))) return;
        call.pause();
        call.once('drain', () => call.resume());
      });
      call.once('end', () => {
        call.end();
      });
    },
  };
}
