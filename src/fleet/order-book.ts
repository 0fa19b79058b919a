/**
 * The orders that this host knows, one a release: the port `Orders`.
 *
 * Invariants:
 * - Only what was verified is in it, on disk too; of two orders for a release the one with the higher `seq` holds, whichever came first.
 * - It is kept on disk, and outlasts a restart and the loss of whatever brought it. A disk that cannot be written takes no halt away:
 *   it holds in memory, and is written when it comes again.
 * - Nothing of it ever rejects: what is wrong is told as a warning, and the last order holds.
 */
import { UpdateError, type ErrorRecord } from '../errors.ts';
import type { Clock, Orders, Reporter } from '../services/ports.ts';
import type { Release } from '../types.ts';
import { verifyOrder, type OperatorKeys, type Order } from './orders.ts';

/** Where orders are kept (`src/adapters/order-store.ts`). */
export interface KeptOrders {
  read(): Promise<ReadonlyMap<string, Uint8Array>>;
  write(digest: string, bytes: Uint8Array): Promise<void>;
  remove(digest: string): Promise<void>;
}

/** What {@link openOrderBook} needs. */
export interface OrderBookOptions {
  readonly keys: OperatorKeys;
  readonly product: string;
  readonly store: KeptOrders;
  readonly clock: Pick<Clock, 'now'>;
  readonly reporter: Reporter;
  /** Asks whoever brings orders for those for a release, before it is said that there is none; absent where nobody can be asked. */
  readonly ask?: (digest: string) => Promise<readonly Uint8Array[]>;
}

/** The orders of a host. */
export interface OrderBook extends Orders {
  /** An order has come. Never rejects. */
  take(bytes: Uint8Array): Promise<void>;
  /** The halts that hold now, the newest first. */
  inForce(): readonly Order[];
}

/** More are not kept: hosts install the newest releases. */
const KEPT = 64;

/**
 * Opens the book: reads and verifies what is on disk. One that does not verify, since its key was taken away or the file was changed, is
 * told and counts no more.
 *
 * @example
 * const orders = await openOrderBook({ keys, product, store, clock, reporter });
 * await orders.take(bytes);
 * await orders.halted(release);
 */
export async function openOrderBook(options: OrderBookOptions): Promise<OrderBook> {
  const { keys, product, store, clock, reporter, ask } = options;
  const book = new Map<string, Order>();
  const unwritten = new Set<string>();
  /** One after the other: each is compared with what the one before left. */
  let turn: Promise<void> = Promise.resolve();

  const warn = (error: unknown, what: string): void => {
    const { code, message } = UpdateError.from(error);
    reporter.report({ kind: 'warning', error: { code, message: `${what}: ${message}` } });
  };
  const verify = (bytes: Uint8Array, now = clock.now()): Promise<Order> =>
    verifyOrder(bytes, { keys, product, now });
  const isOver = ({ payload: { exp } }: Order): boolean => exp !== undefined && clock.now() >= exp * 1000;
  const newestFirst = (): Order[] => [...book.values()].sort((a, b) => b.payload.iat - a.payload.iat);

  const enter = async (bytes: Uint8Array): Promise<void> => {
    try {
      const order = await verify(bytes);
      const { digest } = order.payload.release;
      const before = book.get(digest);
      const isNew = before === undefined || before.payload.seq < order.payload.seq;
      const isSame = before?.payload.seq === order.payload.seq && unwritten.has(digest);
      if (!isNew && !isSame) return;
      if (isNew) book.set(digest, order);
      unwritten.add(digest);
      await store.write(digest, bytes);
      unwritten.delete(digest);
      for (const old of newestFirst().slice(KEPT)) {
        const gone = old.payload.release.digest;
        await store.remove(gone);
        book.delete(gone);
      }
    } catch (error) {
      warn(error, 'an order that came');
    }
  };
  const take = (bytes: Uint8Array): Promise<void> => {
    turn = turn.then(() => enter(bytes));
    return turn;
  };

  try {
    for (const [digest, bytes] of await store.read())
      try {
        // By its time it was judged when it came; a host may start with its clock at 1970.
        const order = await verify(bytes, Infinity);
        if (order.payload.release.digest !== digest)
          throw new UpdateError('HALT_INVALID', 'it is for another release');
        book.set(digest, order);
      } catch (error) {
        warn(error, `the order on disk for ${digest.slice(0, 12)}`);
      }
  } catch (error) {
    warn(error, 'the orders on disk');
  }

  const halted = async ({ digest, version }: Release): Promise<ErrorRecord | null> => {
    try {
      for (const bytes of (await ask?.(digest)) ?? []) await take(bytes);
    } catch (error) {
      // It is away: what is known here holds.
      if (UpdateError.from(error).code !== 'FLEET_UNREACHABLE') warn(error, 'orders');
    }
    const order = book.get(digest);
    if (order?.payload.action !== 'halt' || isOver(order)) return null;
    const { iss, iat, reason } = order.payload;
    return {
      code: 'ROLLOUT_HALTED',
      message: `${version} was halted by ${iss} at ${new Date(iat * 1000).toISOString()}: ${reason}`,
    };
  };

  return {
    halted,
    take,
    inForce: () => newestFirst().filter((it) => it.payload.action === 'halt' && !isOver(it)),
  };
}
