import { DESCRIPTORS } from './descriptors.ts';
import type { ReflectionAnswer, ReflectionRequest } from './reflection-messages.ts';
import { symbolsOf } from './symbols.ts';

/** gRPC statuses (github.com/grpc/grpc/blob/master/doc/statuscodes.md). */
const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

/** Answers what a client asks about the services of this program. */
export type Reflection = (request: Pick<ReflectionRequest, 'ask'>) => ReflectionAnswer;

const ECHO_MAX = 200;

/**
 * Makes the answers to requests of server reflection. The files import nothing, so each is told of alone; none defines or has an
 * extension.
 *
 * @example
 * createReflection()({ ask: { for: 'services' } }); // { kind: 'services', names: ['grpc.health.v1.Health', …] }
 */
export function createReflection(): Reflection {
  const files = new Map<string, Buffer>();
  const bySymbol = new Map<string, Buffer>();
  const services: string[] = [];
  for (const [name, base64] of Object.entries(DESCRIPTORS)) {
    const file = Buffer.from(base64, 'base64');
    const found = symbolsOf(file);
    files.set(name, file);
    for (const symbol of found.symbols) bySymbol.set(symbol, file);
    services.push(...found.services);
  }
  const missing = (what: string, name: string): ReflectionAnswer => ({
    kind: 'error',
    code: NOT_FOUND,
    message: `${what} not found: ${name.slice(0, ECHO_MAX)}`,
  });
  const fileOr = (what: string, name: string, file: Buffer | undefined): ReflectionAnswer =>
    file === undefined ? missing(what, name) : { kind: 'files', files: [file] };

  return ({ ask }) => {
    switch (ask.for) {
      case 'services':
        return { kind: 'services', names: services };
      case 'file':
        return fileOr('file', ask.name, files.get(ask.name));
      case 'symbol':
        return fileOr('symbol', ask.name, bySymbol.get(ask.name));
      case 'extension':
      case 'extensions':
        return missing('extension of', ask.name);
      case 'unknown':
        return { kind: 'error', code: UNIMPLEMENTED, message: 'this kind of request is not known' };
    }
  };
}
