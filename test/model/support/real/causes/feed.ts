/** A feed that is away, or answers in some bad way, over HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StepName } from '../../../../../src/steps.ts';
import type { PortMethod } from '../../../../faults/port-methods.ts';
import type { Cause, Causes } from './cause.ts';
import { fails } from './common.ts';

/** The feed's server does this to every request, until the step is over. */
export const answers = (how: (response: ServerResponse, request: IncomingMessage) => void): Cause => ({
  arrange: ({ host, later }) => {
    host.feed.fault((request, response) => {
      how(response, request);
      return true;
    });
    later(() => {
      host.feed.fault(null);
    });
  },
});

/** Every code of a feed that is away, for a service. */
export const feedFails = (service: StepName, method: PortMethod): Causes => ({
  FEED_UNREACHABLE: answers((response) => response.socket?.destroy()),
  FEED_REFUSED: answers((response) => response.writeHead(503).end()),
  FEED_REDIRECTED: answers((response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end()),
  // Half a minute of silence; the adapter’s own tests wait for a shorter one.
  FEED_STALLED: fails(service, method, 'FEED_STALLED'),
  DOWNLOAD_TRUNCATED: answers((response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('half', () => response.socket?.destroy());
  }),
});
