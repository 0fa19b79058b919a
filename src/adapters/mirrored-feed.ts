/**
 * A feed of several mirrors: the first that is well is asked, in the order that the operator gave; one that fails is put back for a
 * growing time.
 *
 * Invariants:
 * - A mirror can delay, never deceive: nothing here judges what is signed. What a service finds wrong it says by `doubt`, and the next
 *   mirror is asked.
 * - Whatever state they are in, some mirror is asked.
 * - What all of them had in common was none's doing: once one answers after all were out, the others are asked in their order again.
 * - One mirror's entity tag is never shown to another; a download goes on at another mirror all the same, since its digest decides.
 * - What is remembered of them is kept in memory alone: after a restart each gets its chance again. A verdict that outlived the network
 *   or the place in which it was found would cost more than the one request that finds it again.
 */
import { createHash } from 'node:crypto';
import { UpdateError, type ErrorRecord } from '../errors.ts';
import type { Clock, Doubt, Feed, FeedBody, HeadAnswer, HeadQuery, MirrorHealth } from '../services/ports.ts';

/** One mirror. */
export interface Mirror {
  /** For people: without user and password. */
  readonly url: string;
  readonly feed: Feed & { close(): Promise<void> };
}

/** How long a mirror is put back: at first about `firstMs`, each time in a row twice as long, at most `mostMs`. */
const PUT_BACK = { firstMs: 5 * 60_000, mostMs: 12 * 3_600_000 } as const;
/**
 * The share of requests for a head that go to the second mirror first: so a first one that says nothing new, though there is, is found
 * out after about ten checks, and not only when its head expires.
 */
const SECOND_OPINION = 0.1;

interface State {
  failures: number;
  /** On the monotonic clock, ms. */
  until: number;
  fault: ErrorRecord | null;
}

/** A head as a mirror gave it. */
interface Given {
  readonly etag: string;
  readonly sha256: string;
}

/** Whether a fault may be of the file, not of the mirror: it has no such file, as no other mirror may have. */
const mayBeTheFile = ({ code, retry }: UpdateError): boolean => code === 'FEED_REFUSED' && retry === null;

function together(faults: readonly { readonly url: string; readonly error: UpdateError }[]): UpdateError {
  const [first] = faults;
  if (first === undefined) return new UpdateError('INTERNAL', 'expected a mirror, found none');
  // Who has no such file knows more of it than a mirror that will never answer, and that more than one that may. In whatever order they stand.
  const known =
    faults.find(({ error }) => mayBeTheFile(error)) ?? faults.find(({ error }) => error.retry === null);
  const { code } = (known ?? first).error;
  const waits = faults.flatMap(({ error }) => (error.retry === null ? [] : [error.retry.afterMs ?? 0]));
  const least = Math.min(...waits);
  return new UpdateError(
    code,
    `none of ${String(faults.length)} mirrors: ${faults.map(({ error }) => error.message).join('; ')}`,
    {
      cause: first.error,
      retry: waits.length === 0 ? null : { afterMs: least === 0 ? null : least },
    },
  );
}

/**
 * Puts several mirrors together. Rejects as a single feed does; where all mirrors failed, with `FEED_REFUSED` where one has no
 * such file, else the code of the first whose fault will not pass, and a message that names each.
 *
 * @param mirrors - at least one, in the order in which they are asked
 * @example
 * const feed = createMirroredFeed([{ url, feed: createFeed(url) }, { url: second, feed: createFeed(second) }], clock);
 * const { bytes } = await feed.head('stable', HEAD_MAX_BYTES.stable, signal);
 * feed.mirrors?.()[0]?.fault; // why the first was put back
 */
export function createMirroredFeed(
  mirrors: readonly Mirror[],
  clock: Pick<Clock, 'now' | 'monotonic' | 'random'>,
): Feed & { close(): Promise<void> } {
  const all = mirrors.map(({ url, feed }) => {
    const state: State = { failures: 0, until: -Infinity, fault: null };
    /** By channel and key. */
    const heads = new Map<string, Given>();
    return { url, feed, state, heads };
  });
  type Known = (typeof all)[number];
  /** Whose tag the bytes carry that are being downloaded. */
  let tagged: { readonly path: string; readonly by: Known } | null = null;

  const isWell = ({ state }: Known): boolean => state.until <= clock.monotonic();
  const putBack = ({ state }: Known, fault: ErrorRecord): void => {
    state.failures += 1;
    const ms = Math.min(PUT_BACK.mostMs, PUT_BACK.firstMs * 2 ** (state.failures - 1));
    state.until = clock.monotonic() + ms * (0.5 + clock.random() / 2);
    state.fault = { code: fault.code, message: fault.message };
  };
  const acquit = ({ state }: Known): void => {
    Object.assign(state, { failures: 0, until: -Infinity, fault: null } satisfies State);
  };
  const anyWell = (): boolean => all.some(isWell);
  /** @param failures - those before the answer that is doubted, which was none of that worth */
  const doubtOf =
    (mirror: Known, failures: number): Doubt =>
    (fault) => {
      mirror.state.failures = Math.max(mirror.state.failures, failures);
      putBack(mirror, fault);
      return anyWell();
    };

  /** All of them: those that are well in their order, then the others, whose time is over soonest first. */
  const inOrder = (): Known[] => [
    ...all.filter(isWell),
    ...all.filter((it) => !isWell(it)).sort((a, b) => a.state.until - b.state.until),
  ];
  const withSecondOpinion = (order: Known[]): Known[] => {
    const [first, second, ...rest] = order;
    if (first === undefined || second === undefined || !isWell(second)) return order;
    return clock.random() < SECOND_OPINION ? [second, first, ...rest] : order;
  };

  /** Asks one after the other until one answers. */
  const ask = async <T>(order: readonly Known[], request: (mirror: Known) => Promise<T>): Promise<T> => {
    const faults: { readonly url: string; readonly error: UpdateError }[] = [];
    const withoutFile: { readonly mirror: Known; readonly error: UpdateError }[] = [];
    const allWereOut = !anyWell();
    for (const [index, mirror] of order.entries())
      try {
        const answer = await request(mirror);
        for (const lacking of withoutFile) putBack(lacking.mirror, lacking.error);
        // A night without a network, a head that nobody renewed: no reason to leave the operator's order for hours.
        if (allWereOut) for (const { state } of order.slice(index + 1)) state.until = -Infinity;
        return answer;
      } catch (thrown) {
        const error = UpdateError.from(thrown);
        if (error.code === 'CANCELLED' || error.code === 'FEED_PATH_INVALID') throw error;
        faults.push({ url: mirror.url, error });
        if (mayBeTheFile(error)) withoutFile.push({ mirror, error });
        else putBack(mirror, error);
      }
    const [only] = faults;
    throw faults.length === 1 && only !== undefined ? only.error : together(faults);
  };

  async function* watched(
    mirror: Known,
    chunks: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* chunks;
    } catch (thrown) {
      const error = UpdateError.from(thrown);
      if (error.code === 'CANCELLED') throw error;
      putBack(mirror, error);
      if (error.retry !== null || !anyWell()) throw error;
      // It would be of no use to ask this mirror again; but another is.
      throw new UpdateError(error.code, error.message, { cause: error, retry: { afterMs: null } });
    }
    acquit(mirror);
  }

  /** What may be asked of a mirror: by its own tag for the bytes that are here, if it gave one. */
  const queryFor = (mirror: Known, name: string, query: HeadQuery): HeadQuery => {
    const { etag, ...rest } = query;
    const here = all.map(({ heads }) => heads.get(name)).find((given) => given?.etag === etag);
    const own = mirror.heads.get(name);
    return own !== undefined && own.sha256 === here?.sha256 ? { ...rest, etag: own.etag } : rest;
  };
  const remember = ({ heads }: Known, name: string, { bytes, etag }: HeadAnswer): void => {
    if (bytes === null) return;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (etag === null) heads.delete(name);
    else heads.set(name, { etag, sha256 });
  };

  const retry = all.find(({ feed }) => feed.retry !== undefined)?.feed.retry;
  return {
    // A round asks all of them: each gets no more requests than a single feed would.
    ...(retry === undefined ? {} : { retry: { ...retry, retries: Math.ceil(retry.retries / all.length) } }),
    head: (channel, maxBytes, signal, query = {}): Promise<HeadAnswer> =>
      ask(withSecondOpinion(inOrder()), async (mirror) => {
        const name = `${channel} ${query.kid ?? ''}`;
        const asked = query.etag === undefined ? query : queryFor(mirror, name, query);
        const answer = await mirror.feed.head(channel, maxBytes, signal, asked);
        remember(mirror, name, answer);
        const { failures } = mirror.state;
        acquit(mirror);
        return { ...answer, doubt: doubtOf(mirror, failures) };
      }),
    bundle: (path, offset, maxBytes, signal, validator = null): Promise<FeedBody> =>
      ask(inOrder(), async (mirror) => {
        const own = tagged?.path === path && tagged.by === mirror ? validator : null;
        const body = await mirror.feed.bundle(path, offset, maxBytes, signal, own);
        if (body.offset === 0) tagged = { path, by: mirror };
        const { failures } = mirror.state;
        return { ...body, chunks: watched(mirror, body.chunks), doubt: doubtOf(mirror, failures) };
      }),
    mirrors: () => {
      const ahead = clock.now() - clock.monotonic();
      return all.map(({ url, state }): MirrorHealth => ({
        url,
        failures: state.failures,
        putBackUntil: state.until > clock.monotonic() ? Math.round(state.until + ahead) : null,
        fault: state.fault,
      }));
    },
    close: async () => {
      for (const { feed } of all) await feed.close();
    },
  };
}
