/**
 * `grpc.health.v1.Health` (github.com/grpc/grpc/blob/master/doc/health-checking.md).
 *
 * Invariants: a status is asked for when it is told, never kept; a client that does not read gets no queue of old ones.
 */
import type { ServerUnaryCall, ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { HealthRequest, ServingStatus } from '../grpc/health-messages.ts';
import type { Readiness } from './readiness.ts';

/** The name under which the service is known; the empty name is the server as a whole. */
export const SERVICE_NAME = 'coresdk.sidecar';

/** How often the health is looked at while somebody watches it, ms. */
const WATCH_MS = 1_000;
const NOT_FOUND = 5;
const UNAVAILABLE = 14;

type Reply<T> = (error: { code: number; details: string } | null, value?: T) => void;
type WatchCall = ServerWritableStream<HealthRequest, ServingStatus>;

const STATUSES = new Map<string, true>([
  ['', true],
  [SERVICE_NAME, true],
]);

/** The methods, for `Server.addService`. */
export function healthMethods(readiness: Readiness): UntypedServiceImplementation {
  const watchers = new Map<WatchCall, ServingStatus | null>();
  let timer: NodeJS.Timeout | null = null;
  const statusOf = (service: string): ServingStatus => {
    if (!STATUSES.has(service)) return 'SERVICE_UNKNOWN';
    return readiness.now().status === 200 ? 'SERVING' : 'NOT_SERVING';
  };
  const tell = (call: WatchCall, told: ServingStatus | null): void => {
    const status = statusOf(call.request.service);
    if (status === told || call.writableNeedDrain) return;
    watchers.set(call, status);
    call.write(status);
  };
  const forget = (call: WatchCall): void => {
    watchers.delete(call);
    if (watchers.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
  readiness.draining.addEventListener('abort', () => {
    for (const [call, told] of [...watchers]) {
      tell(call, told);
      forget(call);
      call.emit('error', { code: UNAVAILABLE, details: 'the service is stopping' });
    }
  });

  return {
    check: ({ request }: ServerUnaryCall<HealthRequest, ServingStatus>, reply: Reply<ServingStatus>) => {
      const status = statusOf(request.service);
      if (status === 'SERVICE_UNKNOWN')
        reply({ code: NOT_FOUND, details: `expected '' or ${SERVICE_NAME}, found another service` });
      else reply(null, status);
    },
    list: (_: unknown, reply: Reply<ReadonlyMap<string, ServingStatus>>) => {
      reply(null, new Map([...STATUSES.keys()].map((service) => [service, statusOf(service)])));
    },
    watch: (call: WatchCall) => {
      call.once('cancelled', () => {
        forget(call);
      });
      watchers.set(call, null);
      tell(call, null);
      timer ??= setInterval(() => {
        for (const [watcher, told] of watchers) tell(watcher, told);
      }, WATCH_MS);
    },
  };
}
