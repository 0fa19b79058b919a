/** What is crashed: lives of a host, each with what it starts from, what it does, and where it must end however it was interrupted. */
import type { ControlApi } from '../../../src/control/api.ts';
import type { Ports } from '../../../src/services/ports.ts';
import { UpdateError } from '../../../src/errors.ts';
import type { StateView } from '../../model/support/state-view.ts';
import { EMPTY, withFile, type FolderImage } from './image.ts';
import { look } from './judge.ts';
import type { KnownRelease, Material } from './material.ts';
import { bootTable, type Behaviour } from './sim-processes.ts';
import { createWorld, type Situation, type World } from './world.ts';

export const BUNDLE_FILE = '/media/update.jws';

/** A life of a host. */
export interface Scenario {
  readonly name: string;
  /** Programs that do not simply run, by version. */
  readonly behaviour?: Readonly<Record<string, Behaviour>>;
  /** How its daemon swaps an update in; `stop-start` unless told. */
  readonly swap?: 'overlap';
  /** Put around the adapters while it acts, not when it recovers. */
  readonly adapt?: (ports: Ports) => Ports;
  /** What it starts from; the power was off. */
  readonly before: (material: Material) => Promise<Situation>;
  /** What it does once its daemon has come up; `rest` is called whenever it has come to rest. */
  readonly act: (world: World, rest: () => Promise<void>) => Promise<void>;
  /** Where it must end in the long run, however it was interrupted; what is wrong, as lines. Not asked when only a person can go on. */
  readonly goal?: (view: StateView, material: Material) => string[];
  /** Its daemon stops in the end. */
  readonly stops?: true;
  /** Digests that somebody cleared from quarantine before. */
  readonly cleared?: (material: Material) => string[];
}

/** A release of the material by its name. */
export function releaseOf({ releases }: Material, name: string): KnownRelease {
  const found = releases.get(name);
  if (found === undefined) throw new Error(`no release ${name}`);
  return found;
}

const feedOf = ({ feeds }: Material, name: string): Situation['feed'] => feeds.get(name) ?? new Map();

/** How programs of a scenario behave; `baseline` and all that is not named run. */
export const behaviourOf =
  (scenario: Pick<Scenario, 'behaviour'>) =>
  ({ ref }: { readonly ref: { readonly version: string } }): Behaviour =>
    scenario.behaviour?.[ref.version] ?? 'healthy';

function emptyDisk({ airgap }: Material): FolderImage {
  return withFile(
    withFile(withFile(EMPTY, '/opt/sidecar', Buffer.from('#!/bin/sh\n'), 0o755), BUNDLE_FILE, airgap),
    '/var/lib/.keep',
    Buffer.alloc(0),
  );
}

const fresh = async (material: Material, feed: string): Promise<Situation> => ({
  image: emptyDisk(material),
  journal: [],
  journalLost: false,
  table: bootTable('boot-1'),
  baseline: '0.9.0',
  feed: feedOf(material, feed),
  elapsed: 0,
});

interface Past {
  readonly behaviour?: Readonly<Record<string, Behaviour>>;
  readonly adapt?: (ports: Ports) => Ports;
  /** What the feed offers meanwhile; nothing new unless told. */
  readonly feed?: string;
}

/** Lets a host live on from a situation, then switches it off in good order. */
async function later(
  material: Material,
  before: Situation,
  past: Past,
  live: (world: World) => Promise<void>,
): Promise<Situation> {
  const feed = past.feed === undefined ? before.feed : feedOf(material, past.feed);
  const ground = {
    material,
    behaviour: behaviourOf(past),
    ...(past.adapt === undefined ? {} : { adapt: past.adapt }),
  };
  const world = await createWorld({ ...before, feed }, ground);
  await world.boot();
  await world.settle();
  await live(world);
  const { table, ...left } = world.situation();
  return { ...left, journalLost: false, table: bootTable(`${table.bootId}+`) };
}

/** A host with these releases installed one after the other, each watched to its end; the last one is current. */
async function installed(material: Material, names: readonly string[], past: Past = {}): Promise<Situation> {
  let situation = await fresh(material, names[0] ?? '');
  for (const name of names)
    situation = await later(material, situation, { ...past, feed: name }, async (world) => {
      // Not a number of minutes: a start may draw its check from the whole interval.
      await untilIdleAgain(world);
      await world.pass(60_000);
      const wrong = arrives(name)(await look(world), material);
      if (wrong.length > 0)
        throw new Error(`what a scenario starts from was not reached: ${wrong.join('; ')}`);
    });
  return situation;
}

/** Nothing is pruned. */
const keepAll = (ports: Ports): Ports => ({
  ...ports,
  store: { ...ports.store, prune: () => Promise.resolve([]) },
});

/** Nothing passes the gate. */
const shut = (ports: Ports): Ports => ({
  ...ports,
  gate: {
    pass: () => Promise.reject(new UpdateError('GATE_CLOSED', 'held for the test')),
    release: () => Promise.resolve(),
  },
});

/** The quarantine cannot be written the first time. */
function deafQuarantine(ports: Ports): Ports {
  let refused = false;
  return {
    ...ports,
    quarantine: {
      ...ports.quarantine,
      add: (entry) => {
        if (refused) return ports.quarantine.add(entry);
        refused = true;
        return Promise.reject(new UpdateError('QUARANTINE_FAILED', 'refused for the test'));
      },
    },
  };
}

/** Waits until the attempt that is to come, or that is asked for, has ended. */
async function untilIdleAgain(world: World, ask?: (api: ControlApi) => Promise<unknown>): Promise<void> {
  const daemon = world.daemon();
  const entered = daemon?.entered();
  if (daemon !== null) await ask?.(daemon.api);
  await world.until(() => world.daemon()?.entered() !== entered);
  await world.settle();
}

/** The feed's update, its commit, and its watch to the end. */
async function update(
  world: World,
  rest: () => Promise<void>,
  ask?: (api: ControlApi) => Promise<unknown>,
): Promise<void> {
  await untilIdleAgain(world, ask);
  await rest();
  await world.pass(60_000);
  await rest();
}

const rollBack = (world: World): Promise<void> => untilIdleAgain(world, (api) => api.rollback(null));

const refuted = (holds: boolean, line: string): string[] => (holds ? [] : [line]);

/** In the end this release is current, committed and watched. */
const arrives =
  (name: string) =>
  (view: StateView, material: Material): string[] => {
    const { digest, version } = releaseOf(material, name);
    const found = view.versions.find(({ ref }) => ref.digest === digest);
    const isCurrent = view.current.origin === 'store' && view.current.digest === digest;
    return [
      ...refuted(isCurrent, `${version} is not current in the end, but ${view.current.version}`),
      ...refuted(found?.mark?.watched === true, `${version} is not committed and watched in the end`),
    ];
  };

/** In the end this release is in quarantine, and that one is current. */
const fallsBack =
  (bad: string, good: string) =>
  (view: StateView, material: Material): string[] => [
    ...refuted(
      view.quarantined.includes(releaseOf(material, bad).digest),
      `${bad} is not in quarantine in the end`,
    ),
    ...refuted(
      view.current.version === releaseOf(material, good).version,
      `${view.current.version} is current in the end, expected ${good}`,
    ),
  ];

/** In the end the program of the image runs. */
const runsImage = ({ current }: StateView): string[] =>
  refuted(
    current.origin === 'baseline',
    `${current.version} is current in the end, expected the image's program`,
  );

const failing = (name: string, behaviour: Behaviour): Scenario => ({
  name,
  behaviour: { '1.1.0': behaviour },
  before: async (material) => ({
    ...(await installed(material, ['1.0.0'])),
    feed: feedOf(material, '1.1.0'),
  }),
  act: update,
  goal: fallsBack('1.1.0', '1.0.0'),
});

/** 1.0.0 is current and 1.1.0, which was committed and watched, was gone back from. */
async function wentBack(
  material: Material,
  then: (world: World) => Promise<void> = async () => undefined,
): Promise<Situation> {
  return later(material, await installed(material, ['1.0.0', '1.1.0']), {}, async (world) => {
    await rollBack(world);
    await then(world);
  });
}

async function clear(world: World, digest: string): Promise<void> {
  await world.daemon()?.ports.quarantine.clear(digest);
}

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first update',
    before: (material) => fresh(material, '1.0.0'),
    act: update,
    goal: arrives('1.0.0'),
  },
  {
    name: 'update over a stored version',
    behaviour: { '1.1.0': { slow: 6_000 } },
    before: async (material) => ({
      ...(await installed(material, ['1.0.0'])),
      feed: feedOf(material, '1.1.0'),
    }),
    act: update,
    goal: arrives('1.1.0'),
  },
  {
    name: 'update by bundle file',
    before: (material) => installed(material, ['1.0.0']),
    act: (world, rest) => update(world, rest, (api) => api.apply(BUNDLE_FILE)),
  },
  failing('sick release', 'sick'),
  failing('release that cannot start', 'missing'),
  failing('crash loop after the commit', { exits: 3, afterMs: 500 }),
  {
    name: 'a version that runs beside the old one first',
    swap: 'overlap',
    behaviour: { '1.1.0': { slow: 3_000 } },
    before: async (material) => ({
      ...(await installed(material, ['1.0.0'])),
      feed: feedOf(material, '1.1.0'),
    }),
    act: update,
    goal: arrives('1.1.0'),
  },
  { ...failing('a version that is sick beside the old one', 'sick'), swap: 'overlap' },
  { ...failing('a version that ends beside the old one', { exits: 3, afterMs: 500 }), swap: 'overlap' },
  {
    name: 'operator’s rollback',
    before: (material) => installed(material, ['1.0.0', '1.1.0']),
    act: async (world, rest) => {
      await rollBack(world);
      await rest();
    },
  },
  {
    name: 'quarantine owed',
    behaviour: { '1.1.0': 'sick' },
    adapt: deafQuarantine,
    before: async (material) => ({
      ...(await installed(material, ['1.0.0'])),
      feed: feedOf(material, '1.1.0'),
    }),
    act: async (world, rest) => {
      await untilIdleAgain(world);
      await rest();
      await untilIdleAgain(world, (api) => api.resume());
      await rest();
    },
    goal: fallsBack('1.1.0', '1.0.0'),
  },
  {
    name: 'stop in good order while it probes',
    stops: true,
    behaviour: { '1.1.0': { slow: 3_000 } },
    before: async (material) => ({
      ...(await installed(material, ['1.0.0'])),
      feed: feedOf(material, '1.1.0'),
    }),
    act: async (world, rest) => {
      await world.until(() => world.state() === 'probing');
      await world.daemon()?.stop();
      await rest();
    },
    goal: arrives('1.1.0'),
  },
  {
    name: 'second interruption',
    before: async (material) => {
      const before = { ...(await installed(material, ['1.0.0'])), feed: feedOf(material, '1.1.0') };
      const once = await later(material, before, { behaviour: { '1.1.0': { slow: 3_000 } } }, (world) =>
        world.until(() => world.state() === 'probing'),
      );
      return later(material, once, {}, async () => undefined);
    },
    act: update,
  },
  {
    name: 'the same version staged again',
    before: async (material) => {
      const before = await installed(material, ['1.0.0']);
      return later(material, before, { feed: '1.1.0', adapt: shut }, (world) => untilIdleAgain(world));
    },
    act: update,
    goal: arrives('1.1.0'),
  },
  {
    name: 'other files of a version that was only staged',
    before: async (material) => {
      const before = await installed(material, ['1.0.0']);
      const staged = await later(material, before, { feed: '1.1.0', adapt: shut }, (world) =>
        untilIdleAgain(world),
      );
      return { ...staged, feed: feedOf(material, '1.1.0b') };
    },
    act: update,
    goal: arrives('1.1.0b'),
  },
  {
    name: 'prune of several versions',
    before: async (material) => ({
      ...(await installed(material, ['1.0.0', '1.1.0', '1.2.0'], { adapt: keepAll })),
      feed: feedOf(material, '1.3.0'),
    }),
    act: update,
    goal: arrives('1.3.0'),
  },
  {
    name: 'a version that was gone back from, installed again',
    before: (material) => wentBack(material, (world) => clear(world, releaseOf(material, '1.1.0').digest)),
    cleared: (material) => [releaseOf(material, '1.1.0').digest],
    act: update,
    goal: arrives('1.1.0'),
  },
  {
    name: 'another image, newer than what was installed',
    before: async (material) => ({ ...(await installed(material, ['1.0.0'])), baseline: '1.5.0' }),
    act: async (_, rest) => rest(),
    goal: runsImage,
  },
  {
    name: 'another image in the middle of a probe',
    behaviour: { '1.1.0': { slow: 3_000 } },
    before: async (material) => {
      const before = { ...(await installed(material, ['1.0.0'])), feed: feedOf(material, '1.1.0') };
      const left = await later(material, before, { behaviour: { '1.1.0': { slow: 3_000 } } }, (world) =>
        world.until(() => world.state() === 'probing'),
      );
      return { ...left, baseline: '1.5.0' };
    },
    act: async (_, rest) => rest(),
    goal: runsImage,
  },
  {
    name: 'other files of a version that was committed here',
    before: async (material) => ({ ...(await wentBack(material)), feed: feedOf(material, '1.1.0b') }),
    act: update,
    goal: fallsBack('1.1.0', '1.0.0'),
  },
];
