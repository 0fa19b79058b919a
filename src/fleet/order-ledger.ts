/**
 * The orders that hold: of each release the newest that an operators' key has signed. An order that is not rightly signed changes
 * nothing, but that it takes a number in the stream.
 */
import { UpdateError } from '../errors.ts';
import type { Arrived } from './follow.ts';
import { verifyOrder, type OrderRule } from './orders.ts';
import type { OrderPayload } from './records.ts';

/** What is ordered of a release. */
export interface Ordered {
  /** The newest order that is rightly signed; null where there is none. */
  readonly order: OrderPayload | null;
  /** When the fleet got it, ms since 1970, by the server's clock; 0 where there is none. */
  readonly at: number;
  /** The number in the stream of the last message for the release, right or wrong: what the next order has to follow. */
  readonly lastSeq: number;
}

/** The orders so far. */
export interface OrderLedger {
  /**
   * Takes a message of the stream of orders in.
   *
   * @returns the digest that it is about; and the error `HALT_INVALID` where it is not obeyed
   */
  hear(message: Arrived): Promise<{ readonly digest: string; readonly refused: UpdateError | null }>;
  of(digest: string): Ordered;
  /** Of each release the order that holds. */
  all(): OrderPayload[];
}

const NONE: Ordered = { order: null, at: 0, lastSeq: 0 };

/**
 * Makes an empty ledger.
 *
 * @param rule - whose orders count
 */
export function createOrderLedger({ keys, product }: Pick<OrderRule, 'keys' | 'product'>): OrderLedger {
  const releases = new Map<string, Ordered>();
  const of = (digest: string): Ordered => releases.get(digest) ?? NONE;
  return {
    hear: async ({ subject, data, at, seq }) => {
      const digest = subject.slice(subject.lastIndexOf('.') + 1);
      let refused: UpdateError | null = null;
      let order: OrderPayload | null = null;
      try {
        // The server stored it at `at`: an order of last year is judged by last year's clock.
        ({ payload: order } = await verifyOrder(data, { keys, product, now: at }));
        if (order.release.digest !== digest) throw misplaced(order.release.digest, digest);
      } catch (error) {
        refused = UpdateError.from(error, 'HALT_INVALID');
        order = null;
      }
      const known = of(digest);
      const newer = order !== null && order.seq > (known.order?.seq ?? 0);
      releases.set(digest, {
        order: newer ? order : known.order,
        at: newer ? at : known.at,
        lastSeq: Math.max(seq, known.lastSeq),
      });
      return { digest, refused };
    },
    of,
    all: () => [...releases.values()].map(({ order }) => order).filter((order) => order !== null),
  };
}

function misplaced(found: string, expected: string): UpdateError {
  return new UpdateError(
    'HALT_INVALID',
    `expected an order for the release ${expected}, found one for ${found}`,
  );
}
