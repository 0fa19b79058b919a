import { UpdateError, type ErrorRecord } from '../errors.ts';
import type { Head } from '../bundle/head.ts';
import type { Passed, Steps } from '../steps.ts';
import type { FeedChannel, Plan, VersionRef } from '../types.ts';
import { objection } from './admission.ts';
import { fetchHead } from './fetch-head.ts';
import { storedHead } from './heads.ts';
import { intervalMs } from './interval.ts';
import { namedRelease } from './named-release.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';
import { daemonIn } from './successor.ts';
import { turnOf } from './turn.ts';

type Needs = Pick<
  Ports,
  | 'gate'
  | 'hooks'
  | 'workload'
  | 'store'
  | 'feed'
  | 'heads'
  | 'host'
  | 'clock'
  | 'reporter'
  | 'quarantine'
  | 'orders'
  | 'journal'
  | 'succession'
>;
type Policy = Pick<
  Settings,
  'minAgeMs' | 'allowSecurityOverride' | 'group' | 'checkIntervalMs' | 'jitter' | 'swap'
>;

/** The channel's head as it is now; null when the feed is away. */
async function headNow(ports: Needs, channel: FeedChannel, signal: AbortSignal): Promise<Head | null> {
  try {
    return await fetchHead(ports, channel, signal);
  } catch (error) {
    // A feed that is away now takes nothing back of what it has signed; anything else that is wrong with it holds the update.
    const failure = UpdateError.from(error);
    if (failure.info.blames !== 'feed' || failure.info.exit === 3) throw failure;
    const accepted = await storedHead(ports, channel, 'any');
    if (accepted !== null && ports.clock.now() >= accepted.head.exp * 1000)
      throw new UpdateError(
        'HEAD_EXPIRED',
        `the accepted head expired at ${new Date(accepted.head.exp * 1000).toISOString()}, and there is no newer one: ${failure.message}`,
        { cause: failure },
      );
    ports.reporter.report({ kind: 'warning', error: failure.toRecord() });
    return null;
  }
}

/** Looks again at everything that may have changed while the update waited; says what speaks against it now. */
async function lookAgain(
  ports: Needs,
  settings: Policy,
  { attempt, offer, release }: Steps['gate']['input'],
  signal: AbortSignal,
): Promise<UpdateError | null> {
  const head = offer.channel === null ? null : await headNow(ports, offer.channel, signal);
  if (head !== null) {
    const current = await ports.store.current();
    const named = namedRelease(head, ports.host, current.version);
    if (named.release.version !== release.version)
      return new UpdateError(
        'SUPERSEDED',
        `${named.release.version} appeared on ${head.sub} while ${release.version} waited`,
      );
    if (named.release.digest !== release.digest)
      return new UpdateError(
        'SUPERSEDED',
        `other files of ${release.version} appeared on ${head.sub} while it waited`,
      );
    const { held } = await turnOf(ports, settings, head, attempt);
    if (held !== null) {
      // The next check, which tells of it, is an interval away.
      ports.reporter.report({ kind: 'heldBack', held });
      return new UpdateError('HELD_BACK', held.reason);
    }
  }
  const objected = await objection(ports, release);
  const halted = objected === null ? await ports.orders.halted(release) : null;
  if (halted !== null) {
    const held = { version: release.version, reason: halted.message, until: null };
    ports.reporter.report({ kind: 'heldBack', held });
  }
  const reason = objected ?? halted;
  return reason === null ? null : new UpdateError(reason.code, reason.message);
}

/** Looks at the head at the interval of the checks until something speaks against the update; says what. */
async function lookNowAndThen(
  ports: Needs,
  settings: Policy,
  input: Steps['gate']['input'],
  signal: AbortSignal,
): Promise<UpdateError> {
  for (;;) {
    await ports.clock.sleep(intervalMs(ports.clock, settings), signal);
    try {
      const objected = await lookAgain(ports, settings, input, signal);
      if (objected !== null) return objected;
    } catch (error) {
      // What is wrong with the feed or the disk now may be right when the gate opens; then it is looked at for good.
      signal.throwIfAborted();
      ports.reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
    }
  }
}

/**
 * Waits until what runs crashes again and again, where it is a fresh commit that is still watched: `idle` goes back from it, which must
 * not wait for a window.
 */
async function untilCrashLoop(
  { store, workload }: Needs,
  current: VersionRef,
  signal: AbortSignal,
): Promise<UpdateError | null> {
  const mark = (await store.list()).find(
    ({ ref }) => current.origin === 'store' && ref.digest === current.digest,
  )?.mark;
  if (mark?.watched !== false) return null;
  // The gate may have opened meanwhile.
  signal.throwIfAborted();
  const how = await workload.crashLoop(signal);
  return new UpdateError(
    'CRASH_LOOP',
    `${current.version}, which is still watched, crashes again and again: ${how}`,
  );
}

/**
 * Passes the gate. That may take days, so what comes from a feed is looked at again meanwhile, and so is what runs; says what speaks
 * against going on by then.
 */
async function passLooking(
  ports: Needs,
  settings: Policy,
  input: Steps['gate']['input'],
  plan: Plan,
  signal: AbortSignal,
): Promise<UpdateError | null> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const found: UpdateError[] = [];
  const heed = (look: Promise<UpdateError | null>): Promise<void> =>
    look.then(
      (objected) => {
        if (objected === null) return;
        found.push(objected);
        over.abort();
      },
      // Ended by `stop`; or the disk cannot be read now, which the last look finds out.
      () => undefined,
    );
  const looks = [
    heed(untilCrashLoop(ports, plan.from, stop)),
    ...(input.offer.channel === null ? [] : [heed(lookNowAndThen(ports, settings, input, stop))]),
  ];
  try {
    await ports.gate.pass(input.attempt, plan, stop);
    return null;
  } catch (error) {
    const [objected] = found;
    if (objected === undefined || signal.aborted) throw error;
    return objected;
  } finally {
    over.abort();
    await Promise.all(looks);
  }
}

/** What the release brings, and how it comes to run. A daemon that has to stay where it is does not hold back its workload. */
async function wayOf(
  ports: Needs,
  settings: Policy,
  to: Extract<VersionRef, { origin: 'store' }>,
): Promise<Pick<Extract<Passed, { go: true }>, 'way' | 'successor'> | ErrorRecord> {
  const { successor, workload, runs, objection } = await daemonIn(ports, to);
  if (workload) {
    // An older daemon, or one that cannot be replaced, is nothing to tell of.
    if (objection?.code === 'RELEASE_QUARANTINED')
      ports.reporter.report({ kind: 'warning', error: objection });
    const overlaps = settings.swap === 'overlap' && ports.workload.beside !== undefined;
    return { way: overlaps ? 'overlap' : 'swap', successor };
  }
  if (successor !== null) return { way: 'handOver', successor };
  return (
    objection ?? {
      code: 'SUPERSEDED',
      message: runs
        ? `the daemon of ${to.version} runs already`
        : `${to.version} carries neither a workload nor a daemon for this host`,
    }
  );
}

/**
 * `waiting`: passes the gate, then looks again: another release than the one that waited, the bake, the rollout, `blocked`, the
 * version floor, the quarantine, and the bytes on disk. A release from a feed is looked at while it waits, too, so that a newer one
 * takes its place, and a crash loop of a fresh commit ends the attempt, so that `idle` goes back from it. At last the hook `pre_swap` is run, so that what it prepares for happens at once. Says what will be swapped for
 * what.
 *
 * @throws UpdateError `GATE_CLOSED`, `HOOK_DEFERRED`, `HOOK_FAILED`, `VERSION_DAMAGED`, `VERSION_NOT_FOUND`, the codes of the head,
 * `BAKE_MISSING`, `BAKE_INVALID`, `BAKE_TOO_SHORT`, `NO_TARGET`, `UPDATER_TOO_OLD`, `JOURNAL_DAMAGED`, `DISK_FULL`,
 * `STATE_DIR_UNUSABLE`
 */
export const gate =
  (ports: Needs, settings: Policy) =>
  async (input: Steps['gate']['input'], signal: AbortSignal): Promise<Passed> => {
    const { attempt } = input;
    const to = { origin: 'store', ...input.release } as const;
    const plan: Plan = { from: await ports.store.current(), to };
    const meanwhile = await passLooking(ports, settings, input, plan, signal);
    try {
      const objected = meanwhile ?? (await lookAgain(ports, settings, input, signal));
      if (objected !== null) {
        await ports.gate.release(attempt);
        return { go: false, error: objected.toRecord() };
      }
      await ports.store.check(plan.to, signal);
      const way = await wayOf(ports, settings, to);
      if ('code' in way) {
        await ports.gate.release(attempt);
        return { go: false, error: way };
      }
      await ports.hooks.run('pre_swap', { attempt, plan, outcome: null, error: null }, signal);
      const lost = ports.gate.lost?.(attempt) ?? null;
      if (lost !== null) throw new UpdateError(lost.code, lost.message);
      return { go: true, plan, ...way };
    } catch (error) {
      await ports.gate.release(attempt);
      throw error;
    }
  };
