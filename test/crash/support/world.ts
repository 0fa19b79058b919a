/**
 * A simulated host with a daemon on it: the real services, machines, supervisor and disk adapters, over a simulated disk, process
 * table and clock. It starts from a situation, which is what an earlier host left, and every moment of it gives such situations.
 *
 * Invariant: nothing in it takes real time but the reading of bundles; the clock goes on only when nothing else can.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import type { Disk } from '../../../src/adapters/disk.ts';
import { UpdateError, type ErrorRecord } from '../../../src/errors.ts';
import type { Ports } from '../../../src/services/ports.ts';
import type { Settings } from '../../../src/services/settings.ts';
import type { LaunchTarget, StateName } from '../../../src/types.ts';
import { recordedJournal, type JournalEntry, type RecordedJournal } from '../../fakes/recorded-journal.ts';
import { startSimDaemon, STATE_DIR, type SimDaemon } from './daemon.ts';
import { at, type FolderImage } from './image.ts';
import { START, type FeedFiles, type Material } from './material.ts';
import { createSimClock, type SimClock } from './sim-clock.ts';
import { createSimDisk, type SimDisk } from './sim-disk.ts';
import { createSimProcesses, type Behaviour, type ProcessTable, type SimProcesses } from './sim-processes.ts';
import { createTape, type Effect, type Tape } from './tape.ts';

/** What a host has when its daemon starts. */
export interface Situation {
  readonly image: FolderImage;
  readonly journal: readonly JournalEntry[];
  /** The journal was lost, and that is known: it was found damaged. */
  readonly journalLost: boolean;
  readonly table: ProcessTable;
  /** The version of the program that was there before any update: that of the image or package. */
  readonly baseline: string;
  /** What the feed offers. */
  readonly feed: FeedFiles;
  /** Simulated ms since {@link START}. */
  readonly elapsed: number;
}

/** What is remembered of each moment, beside the disk. */
export interface Beside extends Omit<Situation, 'image' | 'journalLost'> {
  readonly state: StateName | 'starting';
}

/** What does not change while a host lives. */
export interface Ground {
  readonly material: Material;
  /** How a program behaves, by what is started. */
  readonly behaviour: (target: LaunchTarget) => Behaviour;
  /** Put around the simulated disk: a mutant that does something wrong. */
  readonly wrapDisk?: (disk: Disk) => Disk;
  /** Put around the adapters. */
  readonly adapt?: (ports: Ports) => Ports;
  /** How its daemon swaps an update in; `stop-start` unless told. */
  readonly swap?: Settings['swap'] | undefined;
  /** How often the clock may go on before a host that does not come to rest counts as restless; 3000 unless told. */
  readonly patience?: number;
}

/** Makes an effect fail: called before each. */
export type Fault = (effect: Effect, number: number) => void;

/** A host that runs. */
export interface World {
  readonly sim: SimDisk;
  /** The version of the program that was there before any update. */
  readonly baseline: string;
  readonly tape: Tape<Beside>;
  readonly clock: SimClock;
  readonly journal: RecordedJournal;
  readonly processes: SimProcesses;
  /** The daemon; null before its start and when it could not start. */
  daemon(): SimDaemon | null;
  /** What the daemon warned of. */
  readonly warnings: ErrorRecord[];
  /** What went against the invariants while it ran. */
  readonly violations: string[];
  feed: FeedFiles;
  state(): Beside['state'];
  /** Starts the daemon; rejects as it does. */
  boot(): Promise<void>;
  /** Lets everything go on until the machine is at rest (`idle`, `failed`), and the workload runs if it must. */
  settle(options?: { readonly workload?: 'runs' | 'any' }): Promise<void>;
  /** The same, but not before so many ms have gone by. */
  pass(ms: number): Promise<void>;
  /** Lets everything go on until this holds. */
  until(done: () => boolean): Promise<void>;
  /** What is left now when the daemon is killed. */
  situation(): Situation;
}

/** A machine that never comes to rest, or that does nothing any more. */
export class NoEnd extends Error {
  override readonly name = 'NoEnd';
}

const PATIENCE = 3_000;
const MOST_TURNS = 200_000;
/** States in which real work is done (bundles are decoded), and no time must go by. */
const WORKS = new Set<Beside['state']>(['checking', 'downloading', 'verifying', 'staging', 'waiting']);

/** Makes a host; nothing runs on it yet. */
export async function createWorld(
  situation: Situation,
  ground: Ground,
  fault: Fault = () => undefined,
): Promise<World> {
  const clock = createSimClock(START, situation.elapsed);
  const warnings: ErrorRecord[] = [];
  const violations: string[] = [];
  let daemon: SimDaemon | null = null;
  const { baseline } = situation;
  let { feed } = situation;
  let journal: RecordedJournal | null = null;
  let processes: SimProcesses | null = null;

  const state = (): Beside['state'] => daemon?.state() ?? 'starting';
  const tape = createTape<Beside>(
    () => ({
      journal: journal?.entries ?? situation.journal,
      table: processes?.table ?? situation.table,
      baseline,
      feed,
      elapsed: clock.monotonic(),
      state: state(),
    }),
    fault,
  );
  const sim = createSimDisk({ image: situation.image, tape });
  const disk = ground.wrapDisk?.(sim.disk) ?? sim.disk;

  const onRun = ({ ref, entry }: LaunchTarget): void => {
    const running = processes?.running() ?? [];
    // Two only while one is tried beside the other, by a daemon that means to.
    const places = new Set(running.map(({ beside }) => beside));
    if (running.length !== (ground.swap === 'overlap' && state() === 'overlapping' ? places.size : 1))
      violations.push(`${running.map(({ version }) => version).join(' and ')} run at once`);
    if (ref.origin === 'baseline') return;
    const file = at(sim.image(), entry);
    const known = [...ground.material.releases.values()].find(({ digest }) => digest === ref.digest);
    if (file?.kind !== 'file' || known?.entry.equals(file.bytes) !== true)
      violations.push(`${ref.version} was started from ${entry}, whose bytes are not the release's`);
  };

  journal = await recordedJournal({
    clock,
    entries: situation.journal,
    before: (method, args) => {
      const what = method === 'enter' ? `${method} ${String(args[1])}` : method;
      try {
        tape.record({ op: 'journal', what });
      } catch (error) {
        throw UpdateError.from(error, 'JOURNAL_WRITE_FAILED', `could not ${what}`);
      }
    },
  });
  processes = createSimProcesses({
    disk,
    recordPath: `${STATE_DIR}/workload.json`,
    clock,
    tape,
    table: situation.table,
    behaviour: ground.behaviour,
    onRun,
  });
  const [madeJournal, madeProcesses] = [journal, processes];

  const drive = async (done: () => boolean): Promise<void> => {
    let wakes = 0;
    let turns = 0;
    for (;;) {
      const before = tape.next;
      await immediate();
      daemon?.throwIfFatal();
      turns += 1;
      if (turns > MOST_TURNS) throw new NoEnd(`nothing happens any more in ${state()}`);
      if (WORKS.has(state()) || tape.next !== before) continue;
      if (done()) return;
      if (clock.due === null) throw new NoEnd(`everybody waits in ${state()}, and nobody sleeps`);
      wakes += 1;
      if (wakes > (ground.patience ?? PATIENCE))
        throw new NoEnd(`it goes on and on in ${state()}, workload ${daemon?.workload() ?? 'none'}`);
      clock.wakeNext();
    }
  };
  const atRest = (workload: 'runs' | 'any'): boolean =>
    (state() === 'idle' || state() === 'failed') && (workload === 'any' || daemon?.workload() === 'running');

  return {
    sim,
    baseline,
    tape,
    clock,
    journal: madeJournal,
    processes: madeProcesses,
    daemon: () => daemon,
    warnings,
    violations,
    get feed() {
      return feed;
    },
    set feed(files) {
      feed = files;
    },
    state,
    boot: async () => {
      daemon = await startSimDaemon({
        disk,
        baseline,
        clock,
        journal: madeJournal,
        processes: madeProcesses,
        feed: () => feed,
        trust: ground.material.trust,
        warn: (error) => void warnings.push(error),
        journalLost: situation.journalLost,
        swap: ground.swap,
        ...(ground.adapt === undefined ? {} : { adapt: ground.adapt }),
      });
    },
    settle: ({ workload = 'runs' } = {}) => drive(() => atRest(workload)),
    pass: (ms) => {
      const end = clock.monotonic() + ms;
      return drive(() => clock.monotonic() >= end && atRest('any'));
    },
    until: drive,
    situation: () => ({
      image: sim.image(),
      journal: madeJournal.entries,
      journalLost: false,
      table: madeProcesses.table,
      baseline,
      feed,
      elapsed: clock.monotonic(),
    }),
  };
}
