/**
 * The one connection of a host to NATS, made again for ever.
 *
 * Invariants:
 * - Nobody waits for it: it is made behind the daemon's back, and whoever wants it while it is away is told so at once.
 * - Back-off with full jitter, so that a fleet which lost its server together does not come back together. A connection that did not last
 *   is a failure as well: a server that takes everybody and then drops them would be asked for ever as fast as at first.
 * - Each connection is a new one: what listens is set up again for each (`each`), and nothing is remembered of the one before.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { UpdateError } from '../errors.ts';
import { fleetFault } from '../fleet/faults.ts';
import type { Clock, Reporter } from '../services/ports.ts';

/** How the connection is. */
export interface LinkState {
  readonly connected: boolean;
  /** The server; null while there is none. */
  readonly server: string | null;
  /** Since when it is so, ms since 1970. */
  readonly since: number;
  /** Why there is none; null while there is one, and before the first try ended. */
  readonly fault: string | null;
}

/** What is done with each connection. The signal fires when that connection is gone. */
export type Visit = (connection: NatsConnection, signal: AbortSignal) => Promise<void>;

/** A connection that is kept up. */
export interface NatsLink {
  state(): LinkState;
  /** The connection that is there now. `FLEET_UNREACHABLE` where there is none. */
  connection(): NatsConnection;
  /** Does something with the connection that is there, and with each that comes. What it rejects with is told as a warning. */
  each(visit: Visit): void;
  /** Starts to connect. Again: does nothing. */
  open(): void;
  /** Ends the connection, and every try to have one; never rejects. */
  close(): Promise<void>;
}

/** The longest first wait, and the longest of all, ms. */
export interface LinkPace {
  readonly baseMs: number;
  readonly capMs: number;
}

/** What {@link createNatsLink} needs. */
export interface NatsLinkOptions {
  readonly connect: () => Promise<NatsConnection>;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly pace?: LinkPace;
}

const PACE: LinkPace = { baseMs: 5_000, capMs: 120_000 };

/** The wait after some failures in a row: uniform between 0 and what doubles each time. */
const waitMs = ({ baseMs, capMs }: LinkPace, failures: number, random: number): number =>
  Math.round(random * Math.min(capMs, baseMs * 2 ** Math.min(failures, 16)));

/**
 * Makes the link; it connects once it is opened.
 *
 * @example
 * const link = createNatsLink({ connect: () => connectNats(config.fleet.nats, { name: 'coresdk' }), clock, reporter });
 * link.each(async (connection, signal) => { … });
 * link.open();
 */
export function createNatsLink({ connect, clock, reporter, pace = PACE }: NatsLinkOptions): NatsLink {
  const closing = new AbortController();
  const visits: Visit[] = [];
  let current: { readonly connection: NatsConnection; readonly gone: AbortController } | null = null;
  let state: LinkState = { connected: false, server: null, since: clock.now(), fault: null };
  let running: Promise<void> | null = null;
  const isOpen = (): boolean => !closing.signal.aborted;

  const warn = (error: unknown, what: string): void => {
    reporter.report({ kind: 'warning', error: fleetFault(error, what).toRecord() });
  };
  const pay = (visit: Visit, { connection, gone }: NonNullable<typeof current>): void => {
    visit(connection, gone.signal).catch((error: unknown) => {
      if (!gone.signal.aborted) warn(error, 'the fleet');
    });
  };
  /** Resolves with a connection; one that comes too late is closed. */
  const connected = async (): Promise<NatsConnection> => {
    const wanted = connect();
    const left = Promise.withResolvers<never>();
    const leave = (): void => {
      left.reject(new UpdateError('CANCELLED', 'the daemon stops'));
      wanted.then(
        (late) => void late.close(),
        () => undefined,
      );
    };
    closing.signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([wanted, left.promise]);
    } finally {
      closing.signal.removeEventListener('abort', leave);
    }
  };
  /** What the server complains of, such as a right that is missing, comes by itself. */
  const heed = async (connection: NatsConnection): Promise<void> => {
    for await (const status of connection.status())
      if (status.type === 'error') warn(status.error, `the fleet’s server ${connection.getServer()}`);
  };
  const away = (fault: string | null): void => {
    const told = state.fault === fault && !state.connected;
    const since = state.connected ? clock.now() : state.since;
    state = { connected: false, server: null, since, fault };
    if (fault !== null && !told) warn(new UpdateError('FLEET_UNREACHABLE', fault), 'the fleet');
  };
  const stay = async (connection: NatsConnection): Promise<void> => {
    const gone = new AbortController();
    current = { connection, gone };
    state = { connected: true, server: connection.getServer(), since: clock.now(), fault: null };
    heed(connection).catch(() => undefined);
    for (const visit of visits) pay(visit, current);
    const error = await connection.closed();
    current = null;
    gone.abort();
    if (isOpen()) away(`the connection ended${error instanceof Error ? `: ${error.message}` : ''}`);
  };
  const run = async (): Promise<void> => {
    for (let failures = 0; isOpen();) {
      try {
        const connection = await connected();
        const begun = clock.monotonic();
        await stay(connection);
        failures = clock.monotonic() - begun < pace.capMs ? failures + 1 : 0;
      } catch (error) {
        failures += 1;
        if (isOpen()) away(fleetFault(error, 'cannot connect').message);
      }
      await clock.sleep(waitMs(pace, failures, clock.random()), closing.signal).catch(() => undefined);
    }
  };

  return {
    state: () => state,
    connection: () => {
      if (current === null)
        throw new UpdateError('FLEET_UNREACHABLE', state.fault ?? 'there is no connection yet');
      return current.connection;
    },
    each: (visit) => {
      visits.push(visit);
      if (current !== null) pay(visit, current);
    },
    open: () => {
      running ??= run();
    },
    close: async () => {
      closing.abort();
      await current?.connection.close().catch(() => undefined);
      await running;
    },
  };
}
