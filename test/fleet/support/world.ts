/** A fleet's server with its streams, and links to it. */
import type { NatsConnection } from '@nats-io/transport-node';
import { systemClock } from '../../../src/adapters/clock.ts';
import { createNatsLink, type NatsLink } from '../../../src/adapters/nats-link.ts';
import { connectNats, type NatsAccess } from '../../../src/fleet/connect.ts';
import { fleetNames } from '../../../src/fleet/names.ts';
import { ensureSpine, type SpineLimits } from '../../../src/fleet/spine.ts';
import { createFakeReporter, type FakeReporter } from '../../fakes/reporter.ts';
import { startNats, type NatsServer } from './nats-server.ts';

export const PRODUCT = 'coresdk-sidecar';
export const NAMES = fleetNames(PRODUCT);
export const GROUP = 'web';

export const accessTo = (url: string, more: Partial<NatsAccess> = {}): NatsAccess => ({
  urls: [url],
  credentialsFile: null,
  caFile: null,
  certFile: null,
  keyFile: null,
  ...more,
});

export interface FleetWorld {
  readonly server: NatsServer;
  /** Of the test itself. */
  readonly connection: NatsConnection;
  readonly reporter: FakeReporter;
  /** A link that is up. */
  link(): Promise<NatsLink>;
  close(): Promise<void>;
}

/** Resolves once `check` says so; looks again every few ms. The test's own time limit ends it. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 10));
}

export async function openWorld(limits: Partial<SpineLimits> = {}, more = ''): Promise<FleetWorld> {
  const server = await startNats(more);
  const connection = await connectNats(accessTo(server.url), { name: 'test', reconnect: true });
  await ensureSpine(connection, PRODUCT, limits);
  const links: NatsLink[] = [];
  const reporter = createFakeReporter();
  return {
    server,
    connection,
    reporter,
    link: async () => {
      const link = createNatsLink({
        connect: () => connectNats(accessTo(server.url), { name: 'host', timeoutMs: 2_000, pingMs: 200 }),
        clock: systemClock,
        reporter,
        pace: { baseMs: 20, capMs: 50 },
      });
      links.push(link);
      link.open();
      await until(() => link.state().connected);
      return link;
    },
    close: async () => {
      await Promise.all(links.map((link) => link.close()));
      await connection.close();
      await server.close();
    },
  };
}
