/**
 * A host in miniature for the walks: a simulated clock, a feed with releases, a disk with versions, marks, a quarantine and a
 * journal. Services take simulated time and do what the real ones do to the disk, or fail as the walk has ordered.
 */
import { fromPromise, type PromiseActorLogic } from 'xstate';
import { ERROR_CODES, type ErrorCode } from '../../../src/error-codes.ts';
import { UpdateError, type ErrorRecord } from '../../../src/errors.ts';
import type { Recovered, StepName, Steps, Verdict } from '../../../src/steps.ts';
import type {
  Attempt,
  Ended,
  Offer,
  Plan,
  Release,
  StateName,
  Successor,
  VersionRef,
  Way,
} from '../../../src/types.ts';
import { UPDATE_SAMPLES } from '../../../src/statechart/plans/update.ts';

/** How long each service takes, seconds. */
const TAKES: Readonly<Record<StepName, number>> = {
  recover: 1,
  schedule: 3600,
  watch: 600,
  check: 1,
  download: 30,
  verify: 2,
  stage: 2,
  gate: 1,
  swap: 3,
  overlap: 3,
  drain: 3,
  handOver: 2,
  probe: 5,
  commit: 1,
  rollback: 5,
  quarantine: 1,
};
const CRASHES_AFTER = 30;

const STATE_OF: Readonly<Partial<Record<StepName, StateName>>> = {
  check: 'checking',
  download: 'downloading',
  verify: 'verifying',
  stage: 'staging',
  gate: 'waiting',
  swap: 'swapping',
  overlap: 'overlapping',
  drain: 'draining',
  probe: 'probing',
  commit: 'committed',
  handOver: 'handingOver',
  rollback: 'rollingBack',
  quarantine: 'rolledBack',
};

/** What the walk orders a service to do the next time it ends; else it does what it would. */
export type Order =
  { readonly code: ErrorCode } | { readonly special: 'crashLoop' | 'runsAlready' | 'superseded' };

/** A service that came to its end. */
export interface End {
  readonly service: StepName;
  readonly output?: unknown;
  readonly code?: ErrorCode;
}

interface Timer {
  readonly at: number;
  readonly service: StepName;
  readonly fire: () => End;
  readonly signal: AbortSignal;
}

interface InFlight {
  readonly attempt: Attempt;
  readonly state: StateName;
  readonly plan: Plan | null;
  readonly verdict: Verdict | null;
  readonly successor: Successor | null;
  readonly afterCommit: boolean;
  readonly suspended: boolean;
}

/** `1.n.0`. */
export const release = (n: number): Release => ({
  version: `1.${String(n)}.0`,
  digest: n.toString(16).padStart(64, '0'),
});
const ref = (version: string): Extract<VersionRef, { origin: 'store' }> => ({
  origin: 'store',
  ...release(Number(version.split('.')[1])),
});

/** What is in a release, and how this host takes it: every second one carries a daemon, every fourth nothing else. */
const contentOf = (n: number): { readonly way: Way; readonly daemon: boolean } =>
  (
    [
      { way: 'swap', daemon: false },
      { way: 'overlap', daemon: false },
      { way: 'swap', daemon: true },
      { way: 'handOver', daemon: true },
    ] as const
  )[n % 4] ?? { way: 'swap', daemon: false };
const contents = (version: string): ReturnType<typeof contentOf> => contentOf(Number(version.split('.')[1]));
const daemonOf = (version: string): Successor => ({ ref: ref(version), sha256: ref(version).digest });

/** The host. */
export interface SimWorld {
  readonly actors: Record<string, PromiseActorLogic<unknown>>;
  /** Simulated seconds since the walk began. */
  clock: number;
  newest: number;
  current: string;
  readonly marks: Map<string, { previous: string; watched: boolean }>;
  readonly quarantine: Set<string>;
  /** The release that the running daemon came from. */
  daemon: string;
  /** Daemons that failed, by their releases: known to whoever comes back, until it is written down. */
  failedDaemon: string | null;
  readonly quarantinedDaemons: Set<string>;
  /** Versions that run though their commit could not be recorded. */
  readonly unrecorded: Set<string>;
  readonly orders: Map<StepName, Order>;
  /** How every attempt ended that was closed in the journal. */
  readonly history: Map<string, string>;
  inFlight: InFlight | null;
  /** An operator's pause, on disk. */
  paused: ErrorRecord | null;
  nextId(): string;
  /** Ends the service that is due next, if one is before `until`; moves the clock. */
  step(until: number): End | null;
  /** The daemon goes down: in good order, or as in a power cut. */
  down(orderly: boolean): void;
  /** What an operator's rollback would do now; null where there is nothing to go back to. */
  rollbackPlan(): Plan | null;
}

const deserves = ({ error: { code }, interruptions }: Verdict): boolean =>
  ERROR_CODES[code].blames === 'release' || code === 'ROLLED_BACK_BY_OPERATOR' || interruptions >= 2;

/** Makes a host that runs 1.1.0, which was committed long ago. */
export function simWorld(): SimWorld {
  let timers: Timer[] = [];
  let ids = 0;
  const interruptions = new Map<string, number>();

  const offerOf = (n: number): Offer => {
    const { version, digest } = release(n);
    const full = { kind: 'feed', path: `${version}.jws`, size: 100, sha256: digest } as const;
    const delta = { ...full, path: `${version}.delta.jws`, size: 10 };
    return {
      source: n % 2 === 0 ? delta : full,
      release: release(n),
      channel: 'stable',
      ...(n % 2 === 0 ? { full } : {}),
    };
  };

  const enter = (service: StepName, input: Record<string, unknown>): void => {
    const state = STATE_OF[service];
    if (state === undefined) return;
    const { attempt, plan, verdict, successor, afterCommit } = input as unknown as Partial<
      Steps['rollback']['input'] & Steps['handOver']['input']
    > & { attempt: Attempt };
    const before = world.inFlight?.attempt.id === attempt.id ? world.inFlight : null;
    world.inFlight = {
      attempt,
      state,
      plan: plan ?? before?.plan ?? null,
      verdict: verdict ?? before?.verdict ?? null,
      successor: successor ?? null,
      afterCommit: afterCommit === true,
      suspended: false,
    };
  };

  const close = (ended: Ended): void => {
    world.history.set(ended.attempt.id, ended.outcome);
    if (world.inFlight?.attempt.id === ended.attempt.id) world.inFlight = null;
    if (ended.error?.code === 'ATTEMPT_INTERRUPTED' && ended.outcome === 'rolledBack' && ended.to !== null)
      interruptions.set(ended.to.version, (interruptions.get(ended.to.version) ?? 0) + 1);
  };

  const recover = (paused: ErrorRecord | null): Recovered => {
    const watchOf = (version: string) => {
      const mark = world.marks.get(version);
      return mark === undefined || mark.watched
        ? null
        : { version: ref(version), previous: ref(mark.previous) };
    };
    const { inFlight } = world;
    if (inFlight === null && !world.marks.has(world.current)) {
      const [best = '1.1.0'] = [...world.marks.keys()]
        .reverse()
        .filter((version) => !world.quarantine.has(version));
      return {
        next: 'probing',
        attempt: { id: world.nextId(), trigger: 'recovery', mode: 'apply' },
        plan: { from: ref(best), to: ref(world.current) },
        pid: 1,
        watch: null,
        paused,
      };
    }
    if (!inFlight?.plan) {
      const ended: Ended | null =
        inFlight === null
          ? null
          : {
              attempt: inFlight.attempt,
              outcome: 'interrupted',
              reason: 'down',
              error: { code: 'ATTEMPT_INTERRUPTED', message: 'down' },
              stage: inFlight.state,
              from: null,
              to: null,
            };
      return { next: 'idle', ended, watch: watchOf(world.current), paused };
    }
    const { attempt, plan, state, suspended, successor, afterCommit } = inFlight;
    if (successor !== null)
      return {
        next: 'handingOver',
        attempt,
        plan,
        successor,
        afterCommit,
        watch: watchOf(world.current),
        paused,
      };
    const watch = watchOf(plan.from.version);
    if (state === 'committed' || (state === 'probing' && suspended))
      return { next: 'probing', attempt, plan, pid: 1, watch, paused };
    const verdict = inFlight.verdict ?? {
      error: { code: 'ATTEMPT_INTERRUPTED' as const, message: 'down' },
      evidence: [],
      interruptions: (interruptions.get(plan.to.version) ?? 0) + 1,
    };
    return { next: 'rollingBack', attempt, plan, verdict, watch, paused };
  };

  const watched = (
    watch: Steps['watch']['input']['watch'],
    order: Order | undefined,
  ): Steps['watch']['output'] => {
    if (watch === null) return { saw: 'nothing' };
    const plan: Plan = { from: watch.previous, to: watch.version };
    if (order !== undefined && 'special' in order)
      return {
        saw: 'crashLoop',
        attempt: { id: world.nextId(), trigger: 'watch', mode: 'apply' },
        plan,
        verdict: { error: { code: 'CRASH_LOOP', message: 'crashed' }, evidence: [], interruptions: 0 },
      };
    world.marks.set(watch.version.version, { previous: watch.previous.version, watched: true });
    world.unrecorded.delete(watch.version.version);
    return { saw: 'calm' };
  };

  /** What a service refuses by itself. */
  const refusal = (service: StepName, input: Record<string, unknown>): ErrorCode | null => {
    if (service === 'handOver') {
      const { successor } = input as unknown as Steps['handOver']['input'];
      return world.failedDaemon === successor.ref.version ? 'DAEMON_FAILED' : null;
    }
    if (service !== 'verify') return null;
    const { offer } = input as unknown as Steps['verify']['input'];
    const { version } = offer.release ?? release(world.newest);
    return world.quarantine.has(version) && version !== world.current ? 'RELEASE_QUARANTINED' : null;
  };

  /** What a service does to the host when nothing is in its way, and what it gives back. */
  const work = (
    service: StepName,
    input: never,
    order: Order | undefined,
    paused: ErrorRecord | null,
  ): unknown => {
    const special = order !== undefined && 'special' in order ? order.special : null;
    const { plan, verdict, release: wanted } = input as Steps['rollback']['input'] & { release: Release };
    switch (service) {
      case 'recover':
        return recover(paused);
      case 'schedule':
        return { id: world.nextId(), trigger: 'schedule', mode: 'apply' } satisfies Attempt;
      case 'watch':
        return watched((input as Steps['watch']['input']).watch, order);
      case 'check': {
        const { version } = release(world.newest);
        const runs = version === (contents(version).way === 'handOver' ? world.daemon : world.current);
        if (runs || world.quarantine.has(version))
          return { found: 'nothing', reason: 'nothing newer', error: null };
        return {
          found: 'release',
          offer: offerOf(world.newest),
          release: release(world.newest),
          note: 'newer',
        };
      }
      case 'verify': {
        const { offer } = input as Steps['verify']['input'];
        const found = offer.release ?? release(world.newest);
        const runs = special === 'runsAlready' || found.version === world.current;
        const [sample] = UPDATE_SAMPLES.verify;
        return { ...sample?.output, release: found, unpacked: runs ? null : 'unpacked' };
      }
      case 'gate': {
        if (special === 'superseded') return { go: false, error: { code: 'SUPERSEDED', message: 'newer' } };
        const { version } = wanted;
        const { way, daemon } = contents(version);
        const takesDaemon = daemon && world.daemon !== version && !world.quarantinedDaemons.has(version);
        return {
          go: true,
          plan: { from: ref(world.current), to: { origin: 'store', ...wanted } },
          way,
          successor: takesDaemon || way === 'handOver' ? daemonOf(version) : null,
        } satisfies Steps['gate']['output'];
      }
      case 'overlap':
        return { pid: 2 };
      case 'swap':
        world.current = plan.to.version;
        return { pid: 2 };
      case 'drain':
        world.current = plan.to.version;
        return { drained: null };
      case 'handOver': {
        const { successor } = input as Steps['handOver']['input'];
        world.daemon = successor.ref.version;
        return { note: `the daemon is ${world.daemon} now` };
      }
      case 'commit':
        world.marks.set(plan.to.version, { previous: plan.from.version, watched: false });
        return { version: plan.to, previous: plan.from };
      case 'rollback':
        world.current = plan.from.version;
        return UPDATE_SAMPLES.rollback[0]?.output;
      case 'quarantine':
        for (const failed of [
          ...((input as Steps['quarantine']['input']).owed ?? []),
          input as Steps['quarantine']['input'],
        ]) {
          if (!deserves(failed.verdict)) continue;
          if (failed.successor !== undefined) world.quarantinedDaemons.add(failed.successor.ref.version);
          if (failed.afterCommit !== true) world.quarantine.add(failed.plan.to.version);
        }
        world.failedDaemon = null;
        return { quarantined: deserves(verdict) };
      case 'download':
      case 'stage':
      case 'probe': {
        const [sample] = UPDATE_SAMPLES[service];
        return service === 'stage' ? (input as Steps['stage']['input']).verified.release : sample?.output;
      }
    }
  };

  const durationOf = (service: StepName, input: Record<string, unknown>): number => {
    if (service === 'schedule' && (input['paused'] !== null || input['watch'] !== null)) return Infinity;
    if (service !== 'watch') return TAKES[service];
    if (input['watch'] === null) return 0;
    const order = world.orders.get('watch');
    return order !== undefined && 'special' in order ? CRASHES_AFTER : TAKES.watch;
  };

  const actor = (service: StepName): PromiseActorLogic<unknown> =>
    fromPromise<unknown, unknown>(({ input, signal }) => {
      const facts = input as Record<string, unknown>;
      // `recover` reads it first: what is said after that is news to it.
      const pausedThen = world.paused;
      const { ended, paused } = facts as Partial<Steps['schedule']['input']>;
      if (service === 'schedule' && ended && paused?.code !== 'QUARANTINE_FAILED') close(ended);
      enter(service, facts);
      return new Promise((resolve, reject) => {
        const fire = (): End => {
          const order = world.orders.get(service);
          const applies = order !== undefined && (service !== 'watch' || facts['watch'] !== null);
          if (applies) world.orders.delete(service);
          const failing = applies && 'code' in order ? order.code : refusal(service, facts);
          if (failing !== null) {
            // Some swaps fail after they pointed `current` at the new version.
            if (service === 'swap' && failing === 'WORKLOAD_START_FAILED')
              world.current = (facts['plan'] as Plan).to.version;
            if (service === 'drain' && failing !== 'STAGE_FAILED')
              world.current = (facts['plan'] as Plan).to.version;
            if (service === 'handOver') world.failedDaemon = (facts['successor'] as Successor).ref.version;
            if (service === 'commit') world.unrecorded.add((facts['plan'] as Plan).to.version);
            reject(new UpdateError(failing, 'in this world'));
            return { service, code: failing };
          }
          const output = work(service, input as never, applies ? order : undefined, pausedThen);
          resolve(output);
          return { service, output };
        };
        timers.push({ at: world.clock + durationOf(service, facts), service, fire, signal });
      });
    });

  const world: SimWorld = {
    actors: Object.fromEntries((Object.keys(TAKES) as StepName[]).map((name) => [name, actor(name)])),
    clock: 0,
    newest: 1,
    current: '1.1.0',
    marks: new Map([
      ['1.0.0', { previous: '1.0.0', watched: true }],
      ['1.1.0', { previous: '1.0.0', watched: true }],
    ]),
    quarantine: new Set(),
    daemon: '1.0.0',
    failedDaemon: null,
    quarantinedDaemons: new Set(),
    unrecorded: new Set(),
    orders: new Map(),
    history: new Map(),
    inFlight: null,
    paused: null,
    nextId: () => `a${String((ids += 1))}`,
    step: (until) => {
      timers = timers.filter(({ signal }) => !signal.aborted);
      const [due] = timers.toSorted((a, b) => a.at - b.at);
      if (due === undefined || due.at > until) {
        world.clock = until;
        return null;
      }
      timers = timers.filter((timer) => timer !== due);
      world.clock = Math.max(world.clock, due.at);
      return due.fire();
    },
    down: (orderly) => {
      timers = [];
      if (world.inFlight?.state === 'probing' && orderly)
        world.inFlight = { ...world.inFlight, suspended: true };
    },
    rollbackPlan: () => {
      const previous = world.marks.get(world.current)?.previous;
      return previous === undefined || previous === world.current
        ? null
        : { from: ref(previous), to: ref(world.current) };
    },
  };
  return world;
}
