/** What happened on a host before a plan begins: state directories that earlier daemons really left, each made once. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepName } from '../../../../src/steps.ts';
import { hurrying } from '../../../faults/fault.ts';
import { carriesDaemon } from './causes/hand-over.ts';
import { createRealHost, ORDINARY, type Life, type RealHost } from './host.ts';
import { writeBelow, type Shelf } from './shelf.ts';

/**
 * - `fresh`: nothing; only the program that was there before runs.
 * - `committed`: 1.1.0 was installed, and its watch is over.
 * - `watched`: 1.1.0 was installed, and is still watched.
 * - `stoppedInDownloading`, `stoppedInSwapping`, `stoppedInProbing`, `stoppedInHandingOver`: the daemon was stopped there, in good
 *   order, while it installed 1.1.0.
 */
export type Past =
  | 'fresh'
  | 'committed'
  | 'watched'
  | 'stoppedInDownloading'
  | 'stoppedInSwapping'
  | 'stoppedInProbing'
  | 'stoppedInHandingOver';

/** The version that a past installed, or was about to. */
export const PAST_VERSION = '1.1.0';

/** Lets the services run one after the other, up to one that is held. */
async function walkTo(life: Life, held: StepName): Promise<void> {
  const way: readonly StepName[] = [
    'download',
    'verify',
    'stage',
    'gate',
    'swap',
    'probe',
    'commit',
    'handOver',
  ];
  for (const step of way.slice(0, way.indexOf(held))) life.pacing.admit(step);
  const states = {
    download: 'downloading',
    swap: 'swapping',
    probe: 'probing',
    handOver: 'handingOver',
  } as const;
  const state = states[held as keyof typeof states];
  await life.sightings.next(0, (seen) => seen.state === state);
  await life.reached(held);
}

async function install(host: RealHost, shelf: Shelf, watch: 'over' | 'goes on'): Promise<void> {
  const { bytes } = await shelf.bundle({ version: PAST_VERSION, behaviour: 'healthy', audience: 'airgap' });
  const life = await host.start(ORDINARY);
  if (watch === 'over') life.faults.arm(hurrying({ in: 'watch', times: Infinity }));
  life.pacing.admit('recover');
  await life.sightings.next(0, ({ state }) => state === 'idle');
  const from = life.sightings.all.length;
  const path = await writeBelow(host.root, bytes);
  await life.outside(() => life.api.apply(path));
  life.pacing.free('schedule');
  await life.sightings.next(from, ({ context }) => context.ended?.outcome === 'committed');
  if (watch === 'over')
    await life.sightings.next(
      from,
      ({ event, taken }) => event === 'xstate.done.actor.watch' && taken.length > 0,
    );
  await life.stop();
}

async function stopIn(host: RealHost, shelf: Shelf, held: StepName): Promise<void> {
  const { bytes } = await shelf.bundle({ version: PAST_VERSION, behaviour: 'healthy', audience: 'airgap' });
  const life = await host.start(ORDINARY);
  life.pacing.admit('recover');
  await life.sightings.next(0, ({ state }) => state === 'idle');
  const path = await writeBelow(host.root, bytes);
  if (held === 'handOver') life.faults.arm(...carriesDaemon(true));
  await life.outside(() => life.api.apply(path));
  await walkTo(life, held);
  await life.stop();
}

async function live(past: Past, host: RealHost, shelf: Shelf): Promise<void> {
  switch (past) {
    case 'fresh':
      return;
    case 'committed':
      return install(host, shelf, 'over');
    case 'watched':
      return install(host, shelf, 'goes on');
    case 'stoppedInDownloading':
      return stopIn(host, shelf, 'download');
    case 'stoppedInSwapping':
      return stopIn(host, shelf, 'swap');
    case 'stoppedInProbing':
      return stopIn(host, shelf, 'probe');
    case 'stoppedInHandingOver':
      return stopIn(host, shelf, 'handOver');
  }
}

/** State directories by their past. */
export interface Pasts {
  /** Puts the state directory of a past into the place of a host's own, which is not there yet. */
  give(host: RealHost, past: Past): Promise<void>;
}

/** Makes the {@link Pasts} of a shelf; a daemon lives each of them at most once. */
export function createPasts(shelf: Shelf): Pasts {
  const lived = new Map<Past, Promise<string>>();
  const make = async (past: Past): Promise<string> => {
    await using host = await createRealHost(shelf);
    await live(past, host, shelf);
    const kept = join(shelf.root, past);
    // The control socket is no part of what is left.
    await cp(host.paths.root, kept, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.sock'),
    });
    return kept;
  };
  return {
    give: async (host, past) => {
      if (past === 'fresh') return;
      const found = lived.get(past) ?? make(past);
      lived.set(past, found);
      await cp(await found, host.paths.root, { recursive: true, verbatimSymlinks: true });
    },
  };
}
