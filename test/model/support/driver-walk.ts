/**
 * Random walks: fast-check's commands on the real update machine in a simulated host, against the reference model, with the
 * invariants after every event. A walk that fails is shrunk to few commands, and its error holds the trace.
 */
import { isDeepStrictEqual } from 'node:util';
import fc, { type AsyncCommand } from 'fast-check';
import { createActor, type AnyActorRef, type AnyStateMachine } from 'xstate';
import type { ErrorCode } from '../../../src/error-codes.ts';
import { UPDATE_ERRORS } from '../../../src/machines/update.errors.ts';
import type { UpdateContext, UpdateEvent } from '../../../src/machines/update.types.ts';
import { transitionId } from '../../../src/statechart/plans/index.ts';
import type { StepName } from '../../../src/steps.ts';
import type { StateName } from '../../../src/types.ts';
import { referenceModel, type Reference, type ReferenceModel } from './reference-model.ts';
import { simWorld, type End, type Order, type SimWorld } from './scripted-world-sim.ts';
import { settled } from './scripted-world.ts';

/** One walk under way. */
export interface Walk {
  readonly world: SimWorld;
  readonly model: ReferenceModel;
  readonly trace: string[];
  readonly taken: Set<string>;
  /** Every attempt that was ever under way. */
  readonly begun: Set<string>;
  actor: AnyActorRef;
  restart(orderly: boolean): Promise<void>;
  tell(event: UpdateEvent): Promise<void>;
  /** Lets time pass; with `to`, only until the machine is in that state. */
  pass(seconds: number, to?: StateName): Promise<void>;
}

const clockText = (seconds: number): string => {
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
};

const seenOf = ({ value, context }: { value: string; context: UpdateContext }): Reference => ({
  state: value as Reference['state'],
  attempt: value === 'idle' ? null : (context.attempt?.id ?? null),
  ended: context.ended === null ? null : { id: context.ended.attempt.id, outcome: context.ended.outcome },
  paused: context.paused?.code ?? null,
  watched: context.watch?.version.version ?? null,
  owing: value === 'idle' && context.verdict !== null,
});

/** What must hold on this host after every event, whatever the reference says; the broken one, or null. */
function broken(
  { world, begun }: Walk,
  { value, context }: { value: string; context: UpdateContext },
): string | null {
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(context)), context)) return 'the context is not JSON';
  const { current, marks, quarantine, unrecorded } = world;
  const resting = ['idle', 'checking', 'downloading', 'verifying', 'staging', 'waiting'].includes(value);
  if (resting && !marks.has(current) && !unrecorded.has(current))
    return `${current} runs, and was never found healthy`;
  if (resting && quarantine.has(current)) return `${current} runs, and is in quarantine`;
  if (value === 'idle' && context.watch !== null && context.watch.version.version !== current)
    return `${context.watch.version.version} is watched, and ${current} runs`;
  if (value === 'idle' && context.verdict === null && world.inFlight !== null)
    return `attempt ${world.inFlight.attempt.id} was left and not closed`;
  const forgotten = [...begun].filter(
    (id) => !world.history.has(id) && world.inFlight?.attempt.id !== id && context.attempt?.id !== id,
  );
  return forgotten.length === 0 ? null : `attempt ${forgotten.join(', ')} is neither under way nor closed`;
}

const endText = ({ service, code, output }: End): string => {
  if (code !== undefined) return `${service} ✗ ${code}`;
  const { found, next, saw, go } = (output ?? {}) as {
    found?: string;
    next?: string;
    saw?: string;
    go?: boolean;
  };
  const said = found ?? next ?? saw ?? (go === false ? 'not now' : undefined);
  return said === undefined ? service : `${service}: ${said}`;
};

/** Starts a walk of a machine. */
export async function startWalk(machine: AnyStateMachine): Promise<Walk> {
  const world = simWorld();
  const provided = machine.provide({ actors: world.actors });
  const faults: unknown[] = [];

  const launch = (): AnyActorRef => {
    const actor = createActor(provided, {
      inspect: (event) => {
        if (event.type !== '@xstate.microstep') return;
        for (const transition of event._transitions) walk.taken.add(transitionId(transition));
      },
    });
    actor.subscribe({ error: (error) => faults.push(error) });
    actor.start();
    return actor;
  };

  const look = async (what: string): Promise<void> => {
    await settled();
    const snapshot = walk.actor.getSnapshot() as { value: string; context: UpdateContext };
    const seen = seenOf(snapshot);
    if (snapshot.context.attempt !== null) walk.begun.add(snapshot.context.attempt.id);
    walk.trace.push(
      `${clockText(world.clock)}  ${what.padEnd(34)} → ${snapshot.value}, ${world.current} runs`,
    );
    const wrong =
      faults.length > 0
        ? `the machine failed: ${String(faults[0])}`
        : isDeepStrictEqual(seen, {
              ...walk.model.now,
              attempt: seen.state === 'idle' ? null : walk.model.now.attempt,
            })
          ? broken(walk, snapshot)
          : `expected ${JSON.stringify(walk.model.now)}, found ${JSON.stringify(seen)}`;
    if (wrong !== null) throw new Error(`${wrong}\n${walk.trace.slice(-40).join('\n')}`);
  };

  const walk: Walk = {
    world,
    model: referenceModel(),
    trace: [],
    taken: new Set(),
    begun: new Set(),
    actor: undefined as unknown as AnyActorRef,
    restart: async (orderly) => {
      walk.actor.stop();
      world.down(orderly);
      await settled();
      walk.model.restarted();
      walk.actor = launch();
      await look(orderly ? 'the daemon is restarted' : 'the power goes, and comes back');
    },
    tell: async (event) => {
      const { model } = walk;
      if (event.type === 'RESUME') {
        walk.world.paused = null;
        model.resumed();
      } else if (event.type === 'PAUSE') {
        walk.world.paused = event.error;
        model.pausedBy(event.error.code);
      } else if (event.type === 'RETRY') model.retried();
      else model.told(event.type, event.attempt.id, event.attempt.mode === 'report');
      walk.actor.send(event);
      await look(event.type);
    },
    pass: async (seconds, to) => {
      const until = world.clock + seconds;
      const isThere = (): boolean => to !== undefined && walk.model.now.state === to;
      for (let end = world.step(until); end !== null; end = isThere() ? null : world.step(until)) {
        if (end.code === undefined) walk.model.done(end.service, end.output as never);
        else walk.model.failed(end.service, end.code);
        await look(endText(end));
      }
    },
  };
  walk.actor = launch();
  await look('the daemon starts');
  return walk;
}

type Step = AsyncCommand<object, Walk>;
const step = (text: string, run: (walk: Walk) => void | Promise<void>): Step => ({
  check: () => true,
  run: async (_, walk) => run(walk),
  toString: () => text,
});

const pass = fc
  .constantFrom(1, 10, 60, 700, 3_600, 7_300, 86_400)
  .map((seconds) => step(`pass ${String(seconds)} s`, (walk) => walk.pass(seconds)));

const publish = fc.constant(
  step('publish a release', ({ world }) => {
    world.newest += 1;
  }),
);

/** A release, and enough time for it to be found. */
const fullRound = fc.constant(
  step('publish a release, pass 3700 s', async (walk) => {
    walk.world.newest += 1;
    await walk.pass(3_700);
  }),
);

/** A release that is put off in the middle of its way, and perhaps let go again. */
const freeze = fc
  .tuple(
    fc.constantFrom<StateName[]>('checking', 'downloading', 'verifying', 'staging', 'waiting', 'swapping'),
    fc.boolean(),
  )
  .map(([state, thaw]) =>
    step(`publish a release, PAUSE in ${state}${thaw ? ', RESUME' : ''}`, async (walk) => {
      walk.world.newest += 1;
      await walk.pass(3_700, state);
      await walk.tell({ type: 'PAUSE', error: { code: 'UPDATES_PAUSED', message: 'asked' } });
      if (thaw) await walk.tell({ type: 'RESUME' });
    }),
  );

const failures: readonly { readonly service: StepName; readonly order: Order }[] = [
  ...(Object.entries(UPDATE_ERRORS) as [StepName, readonly ErrorCode[]][]).flatMap(([service, codes]) =>
    codes.map((code) => ({ service, order: { code } })),
  ),
  { service: 'watch', order: { special: 'crashLoop' } },
  { service: 'verify', order: { special: 'runsAlready' } },
  { service: 'gate', order: { special: 'superseded' } },
];
const byService = Map.groupBy(failures, ({ service, order }) =>
  'special' in order ? `${service} ${order.special}` : service,
);

/**
 * First the service, then what happens to it: a service with many codes is not unluckier than another, and what it may say that is no
 * failure is not lost among them.
 */
const orderFailure = fc
  .constantFrom(...byService.values())
  .chain((of) => fc.constantFrom(...of))
  .map(({ service, order }) =>
    step(`order ${service} ${'code' in order ? order.code : order.special}`, ({ world }) => {
      world.orders.set(service, order);
    }),
  );

const tell = fc.constantFrom('CHECK', 'REPORT', 'APPLY', 'ROLLBACK', 'PAUSE', 'RESUME', 'RETRY').map((name) =>
  step(name, async (walk) => {
    const { world } = walk;
    const about = (trigger: 'update' | 'check' | 'bundle' | 'rollback', mode: 'apply' | 'report') =>
      ({ id: world.nextId(), trigger, mode }) as const;
    switch (name) {
      case 'CHECK':
        return walk.tell({ type: 'CHECK', attempt: about('update', 'apply') });
      case 'REPORT':
        return walk.tell({ type: 'CHECK', attempt: about('check', 'report') });
      case 'APPLY':
        return walk.tell({ type: 'APPLY', attempt: about('bundle', 'apply'), path: '/tmp/x.jws' });
      case 'ROLLBACK': {
        const plan = world.rollbackPlan();
        const error = { code: 'ROLLED_BACK_BY_OPERATOR', message: 'asked' } as const;
        const verdict = { error, evidence: [], interruptions: 0 };
        if (plan !== null)
          await walk.tell({ type: 'ROLLBACK', attempt: about('rollback', 'apply'), plan, verdict });
        return;
      }
      case 'PAUSE':
        return walk.tell({ type: 'PAUSE', error: { code: 'UPDATES_PAUSED', message: 'asked' } });
      default:
        return walk.tell({ type: name });
    }
  }),
);

const restart = fc
  .boolean()
  .map((orderly) => step(orderly ? 'restart' : 'power cut', (walk) => walk.restart(orderly)));

/** Where to begin again. */
export interface WalkSeed {
  readonly seed?: number | undefined;
  readonly path?: string | undefined;
  readonly replayPath?: string | undefined;
}

/** What came of many walks. */
export interface WalkReport {
  readonly walks: number;
  readonly events: number;
  /** Simulated hours. */
  readonly hours: number;
  readonly taken: ReadonlySet<string>;
  /** Null when nothing was found. */
  readonly failure: {
    readonly commands: readonly string[];
    readonly message: string;
    /** The one command that shows it again. */
    readonly replay: string;
    readonly seed: Required<WalkSeed>;
  } | null;
}

/**
 * Walks a machine.
 *
 * @param walks - how many walks
 * @param again - to see a failure again: what its report says
 */
export async function randomWalks(
  machine: AnyStateMachine,
  walks: number,
  again: WalkSeed = {},
): Promise<WalkReport> {
  const { seed, path, replayPath } = again;
  let events = 0;
  let seconds = 0;
  const taken = new Set<string>();
  const commands = fc.commands(
    [pass, pass, publish, fullRound, orderFailure, orderFailure, freeze, tell, restart],
    {
      maxCommands: 60,
      size: 'max',
      ...(replayPath === undefined ? {} : { replayPath }),
    },
  );
  const property = fc.asyncProperty(commands, async (chosen) => {
    const walk = await startWalk(machine);
    try {
      await fc.asyncModelRun(() => ({ model: {}, real: walk }), chosen);
      // Whatever was begun comes to its end.
      await walk.pass(3_000);
    } finally {
      walk.actor.stop();
      events += walk.trace.length;
      seconds += walk.world.clock;
      for (const transition of walk.taken) taken.add(transition);
    }
  });
  const result = await fc.check(property, {
    numRuns: walks,
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path, endOnFailure: true }),
  });
  const about = { walks: result.numRuns, events, hours: Math.round(seconds / 3600), taken };
  if (!result.failed) return { ...about, failure: null };
  const [found] = result.counterexample ?? [];
  const text = found === undefined ? '' : (found as { toString(): string }).toString();
  const replay = /\/\*replayPath="([^"]*)"\*\//.exec(text)?.[1] ?? '';
  const at = { seed: result.seed, path: result.counterexamplePath ?? '', replayPath: replay };
  const error = result.errorInstance;
  return {
    ...about,
    failure: {
      commands: found === undefined ? [] : [...found].map(String),
      message: error instanceof Error ? error.message : String(error),
      replay: `npm run walk -- --seed ${String(at.seed)} --path ${at.path} --replay-path ${at.replayPath}`,
      seed: at,
    },
  };
}
