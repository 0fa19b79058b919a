/**
 * The kinds of path on which a daemon is killed. Each is prepared once, without faults; then it is walked once to find its fault
 * points, and once more for each kill. What must hold in the end is said for each.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Behaviour } from '../../e2e/support/workload-program.ts';
import type { FaultPoint } from './fault-points.ts';
import type { KillStage, StageOptions } from './stage.ts';

/** The versions of all paths: what runs at first, what comes, and what comes after all is over. */
export const OLD = 'baseline';
export const FIRST = '1.1.0';
export const SECOND = '1.2.0';
export const LAST = '1.9.0';

/** A kind of path. */
export interface KillPath extends StageOptions {
  readonly name: string;
  /** What was there before. Ends with no daemon running. */
  readonly prepare: (stage: KillStage) => Promise<void>;
  /** Kills before the one that is looked for: the path is then the recovery from them. */
  readonly killedAt?: readonly FaultPoint[];
  /** What is done with the daemon that runs; it may die at any moment, and then this rejects. */
  readonly walk: (stage: KillStage) => Promise<void>;
  /** What changes on the host between the kill and the next start. */
  readonly meanwhile?: (stage: KillStage) => Promise<void>;
  /** Makes the attempt again after the recovery, as an operator would. */
  readonly again: (stage: KillStage) => Promise<void>;
  /** What must be current in the end, as /version says it. */
  readonly ends: { readonly current: readonly string[]; readonly quarantined: readonly string[] };
  /** Fault points of which ports there are kills on this path. */
  readonly at: RegExp;
}

const JOURNAL = /^journal\./;
/** From the swap on: what comes before it is the same on every path with a release from the feed. */
const JOURNAL_FROM_SWAP =
  /^journal\.(enter (swapping|probing|committed|rollingBack|rolledBack|failed)|close|spend|suspend)/;
const EVERYTHING = /^(journal|store|workload|record|quarantine|heads)\./;

/** An `update` by an operator, until it has ended. */
async function update({ client }: KillStage): Promise<void> {
  await client.follow(await client.update({ dryRun: false }), { pollMs: 60 });
}

const settle = async (stage: KillStage): Promise<void> => {
  await stage.settled();
};

/** Starts, waits until all is done, stops. */
async function run(stage: KillStage, more: (stage: KillStage) => Promise<void> = settle): Promise<void> {
  await stage.start();
  await stage.settled();
  await more(stage);
  await stage.host.stop();
}

const publish =
  (behaviour: Behaviour, version = FIRST) =>
  async (stage: KillStage): Promise<void> => {
    await stage.host.publisher.publish({ version, behaviour });
  };

/** First this, then that. */
const both =
  (...steps: readonly ((stage: KillStage) => Promise<void>)[]) =>
  async (stage: KillStage): Promise<void> => {
    for (const step of steps) await step(stage);
  };

const good = { current: [FIRST], quarantined: [] } as const;
const bad = { current: [OLD], quarantined: [FIRST] } as const;
const scheduled = { walk: settle, again: update } as const;
/** A bad release that is only known by the end of the time costs this long, twice a kill. */
const short = { config: { update: { rollback_timeout: 2.5 } } } as const;

const bundleOf = (stage: KillStage): string => join(stage.host.publisher.feedDir, 'local.jws');

async function makeLocalBundle(stage: KillStage): Promise<void> {
  const { publisher } = stage.host;
  const { rename } = await import('node:fs/promises');
  await rename(await publisher.bundle({ version: FIRST, audience: 'airgap' }), bundleOf(stage));
}

async function apply(stage: KillStage): Promise<void> {
  const { client } = stage;
  await client.follow(await client.apply(bundleOf(stage)), { pollMs: 60 });
}

async function rollBack({ client }: KillStage): Promise<void> {
  await client.follow(await client.rollback(null), { pollMs: 60 });
}

const becomeSick = ({ sickFile }: KillStage): Promise<void> => writeFile(sickFile, '');
const recoverFromIt = ({ sickFile }: KillStage): Promise<void> => rm(sickFile, { force: true });

/** All kinds of path. */
export const PATHS: readonly KillPath[] = [
  { name: 'first update', prepare: publish('healthy'), ...scheduled, ends: good, at: EVERYTHING },
  {
    name: 'second update',
    prepare: both(publish('healthy'), run, publish('healthy', SECOND)),
    ...scheduled,
    ends: { current: [SECOND], quarantined: [] },
    at: EVERYTHING,
  },
  {
    name: 'bad: answers 500',
    prepare: publish('answers500'),
    ...scheduled,
    ...short,
    ends: bad,
    at: JOURNAL,
  },
  { name: 'bad: exits', prepare: publish('exits'), ...scheduled, ends: bad, at: EVERYTHING },
  {
    name: 'bad: never listens',
    prepare: publish('silent'),
    ...scheduled,
    ...short,
    ends: bad,
    at: JOURNAL_FROM_SWAP,
  },
  {
    name: 'bad: hangs on SIGTERM',
    prepare: publish('answers500Stubborn'),
    ...scheduled,
    ...short,
    ends: bad,
    at: JOURNAL_FROM_SWAP,
  },
  {
    name: 'crash loop after the commit',
    prepare: publish('crashesSoon'),
    ...scheduled,
    config: { probe: { watch: 20 }, workload: { crash_loop: 2 } },
    ends: bad,
    at: JOURNAL_FROM_SWAP,
  },
  {
    name: 'an operator’s rollback',
    prepare: both(publish('healthy'), run, publish('healthy', SECOND), run),
    walk: both(settle, rollBack, settle),
    again: async (stage) => {
      const { current } = await stage.client.status();
      if (current.version === SECOND) await rollBack(stage);
    },
    ends: { current: [FIRST], quarantined: [SECOND] },
    at: JOURNAL,
  },
  {
    name: 'a local bundle',
    config: { update: { channel: 'manual' } },
    prepare: makeLocalBundle,
    walk: both(settle, apply, settle),
    again: apply,
    ends: good,
    at: JOURNAL,
  },
  {
    name: 'a failed rollback, and its retry',
    ...short,
    baseline: 'healthyUnlessSick',
    prepare: both(publish('exits'), becomeSick),
    walk: async (stage) => {
      await stage.until('the rollback failed', ({ state }) => state === 'failed');
      await recoverFromIt(stage);
      await stage.client.retry();
      await stage.settled();
    },
    meanwhile: recoverFromIt,
    again: update,
    ends: bad,
    at: JOURNAL_FROM_SWAP,
  },
  {
    name: 'an orderly stop in probing',
    prepare: publish('silent'),
    ...short,
    walk: async (stage) => {
      await stage.until('it is probed', ({ state }) => state === 'probing');
      await stage.host.stop();
    },
    again: update,
    ends: bad,
    at: /^(journal\.(suspend|enter probing)|record|workload)/,
  },
  {
    name: 'recovery from a kill in swapping',
    prepare: publish('healthy'),
    killedAt: [{ at: 'store.activate', nth: 1, when: 'after' }],
    ...scheduled,
    ends: good,
    at: EVERYTHING,
  },
  {
    name: 'recovery from a kill in committed',
    prepare: publish('healthy'),
    killedAt: [{ at: 'journal.enter committed', nth: 1, when: 'after' }],
    ...scheduled,
    ends: good,
    at: EVERYTHING,
  },
  {
    name: 'recovery from a kill in rollingBack',
    prepare: publish('exits'),
    killedAt: [{ at: 'journal.enter rollingBack', nth: 1, when: 'after' }],
    ...scheduled,
    ends: bad,
    at: EVERYTHING,
  },
  {
    name: 'recovery from a kill in a recovery',
    prepare: publish('exits'),
    killedAt: [
      { at: 'workload.start', nth: 2, when: 'after' },
      { at: 'store.activate', nth: 1, when: 'after' },
    ],
    ...scheduled,
    ends: bad,
    at: JOURNAL,
  },
];
