/** The simulated host itself: what it allows after a power cut and what it does not, and that its parts keep the ports' contracts. */
import { describe, expect, it } from 'vitest';
import { describeJournal } from '../adapters/contracts/journal.contract.ts';
import { processesContract } from '../adapters/contracts/processes.contract.ts';
import { recordedJournal } from '../fakes/recorded-journal.ts';
import { fatesOf, type Fate } from './support/effects.ts';
import { at, EMPTY, keyOf, withFile } from './support/image.ts';
import { lossesOf } from './support/losses.ts';
import { createRandom } from './support/random.ts';
import { createSimClock } from './support/sim-clock.ts';
import { createSimDisk, textAt, type SimDisk } from './support/sim-disk.ts';
import { bootTable, createSimProcesses, orphans, type Behaviour } from './support/sim-processes.ts';
import { createTape, type Tape } from './support/tape.ts';

function disk(): SimDisk & { readonly tape: Tape } {
  const tape = createTape(() => null);
  return { ...createSimDisk({ image: withFile(EMPTY, '/old', Buffer.from('old')), tape }), tape };
}

/** All states that a power cut may leave now, as what `read` says of them. */
async function after<T>(
  sim: SimDisk & { readonly tape: Tape },
  read: (image: ReturnType<SimDisk['image']>) => T,
): Promise<Set<T>> {
  const now = sim.tape.next;
  const { tried } = lossesOf(sim.pendingAt(now), 10_000, createRandom(1));
  return new Set([...tried].map((losses) => read(sim.imageAt(now, losses))));
}

async function write(sim: SimDisk, path: string, text: string, sync: boolean): Promise<void> {
  const file = await sim.disk.createExclusive(path, 0o600);
  await file.write(Buffer.from(text));
  if (sync) await file.sync();
  await file.close();
}

describe('a power cut', () => {
  it('may lose, tear, or keep what was not synced', async () => {
    const sim = disk();
    await write(sim, '/a', 'abcd', false);
    expect(await after(sim, (image) => textAt(image, '/a'))).toEqual(
      new Set([null, '', 'abcd', 'ab', '\0\0\0\0', '\ufffd\ufffd\ufffd\ufffd', 'ab\0\0']),
    );
  });

  it('may lose the name of a file that was synced', async () => {
    const sim = disk();
    await write(sim, '/a', 'abcd', true);
    expect(await after(sim, (image) => textAt(image, '/a'))).toEqual(new Set([null, 'abcd']));
    await sim.disk.fsyncDir('/');
    expect(await after(sim, (image) => textAt(image, '/a'))).toEqual(new Set(['abcd']));
  });

  it('may keep a rename and lose the bytes', async () => {
    const sim = disk();
    await write(sim, '/a', 'abcd', false);
    await sim.disk.rename('/a', '/old');
    expect(await after(sim, (image) => textAt(image, '/old'))).toContain('');
  });

  it('never loses half of a rename, in one folder or between two', async () => {
    const sim = disk();
    await sim.disk.mkdir('/folder', 0o700);
    await sim.disk.fsyncDir('/');
    await sim.disk.rename('/old', '/new');
    await sim.disk.rename('/new', '/folder/moved');
    const names = await after(sim, (image) =>
      ['/old', '/new', '/folder/moved'].filter((path) => at(image, path) !== undefined).join(' '),
    );
    expect(names).toEqual(new Set(['/old', '/new', '/folder/moved', '/old /folder/moved']));
    await sim.disk.fsyncDir('/folder');
    expect(await after(sim, (image) => at(image, '/new'))).toEqual(new Set([undefined]));
  });

  it('reorders what was done to different names', async () => {
    const sim = disk();
    await sim.disk.symlink('x', '/one');
    await sim.disk.symlink('x', '/two');
    const names = await after(sim, (image) =>
      [...image.entries.keys()].filter((name) => name !== 'old').join(),
    );
    expect(names).toEqual(new Set(['', 'one', 'two', 'one,two']));
  });

  it('loses a folder with what is in it, synced or not', async () => {
    const sim = disk();
    await sim.disk.mkdir('/folder', 0o700);
    await write(sim, '/folder/a', 'abcd', true);
    await sim.disk.fsyncDir('/folder');
    expect(await after(sim, (image) => textAt(image, '/folder/a'))).toEqual(new Set([null, 'abcd']));
  });

  it('may lose a mode until its file is synced', async () => {
    const sim = disk();
    await sim.disk.chmod('/old', 0o700);
    const mode = (image: ReturnType<SimDisk['image']>): number | null => {
      const file = at(image, '/old');
      return file?.kind === 'file' ? file.mode : null;
    };
    expect(await after(sim, mode)).toEqual(new Set([0o644, 0o700]));
    const file = await sim.disk.openRead('/old', 'refuse');
    await file.sync();
    expect(await after(sim, mode)).toEqual(new Set([0o700]));
  });

  it('leaves a disk again, which may lose power in its turn', async () => {
    const sim = disk();
    await write(sim, '/a', 'abcd', false);
    const lost = new Map<number, Fate>([[1, 'p']]);
    const tape = createTape(() => null);
    const second = createSimDisk({ image: sim.imageAt(sim.tape.next, lost), tape });
    expect(Buffer.from(await second.disk.readFile('/a', 10)).toString()).toBe('ab');
    await second.disk.unlink('/a');
    expect(textAt(second.imageAt(1), '/a')).toBeNull();
    expect(textAt(second.imageAt(1, new Map([[0, 'l']])), '/a')).toBe('ab');
  });

  it('right before an effect knows nothing of it and of what came later', async () => {
    const sim = disk();
    await write(sim, '/a', 'abcd', true);
    expect(textAt(sim.imageAt(1), '/a')).toBe('');
    expect(sim.pendingAt(2).map(({ at: number }) => number)).toEqual([0, 1]);
    expect(sim.pendingAt(3).map(({ at: number }) => number)).toEqual([0]);
  });
});

describe('losses', () => {
  it('are all combinations while they are few, else the telling ones and some by chance', async () => {
    const sim = disk();
    for (const name of ['a', 'b', 'c']) await sim.disk.symlink('x', `/${name}`);
    const pending = sim.pendingAt(sim.tape.next);
    expect(pending.map(({ change }) => fatesOf(change))).toEqual([
      ['k', 'l'],
      ['k', 'l'],
      ['k', 'l'],
    ]);
    const few = lossesOf(pending, 8, createRandom(1));
    expect([few.all, new Set([...few.tried].map((each) => [...each].join())).size]).toEqual([8, 8]);
    const some = [...lossesOf(pending, 5, createRandom(1)).tried].map((each) => [...each.keys()]);
    expect(some).toHaveLength(5);
    expect(some.slice(0, 2)).toEqual([[], [0, 1, 2]]);
  });

  it('are the same for the same seed', async () => {
    const sim = disk();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await sim.disk.symlink('x', `/${name}`);
    const draw = (seed: number): string[] =>
      [...lossesOf(sim.pendingAt(5), 20, createRandom(seed)).tried].map((each) => [...each].join());
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });
});

it('a key tells images apart by what they mean', () => {
  const image = withFile(EMPTY, '/.tmp-0123456789abcdef', Buffer.from('x'));
  expect(keyOf(image)).toBe(keyOf(withFile(EMPTY, '/.tmp-fedcba9876543210', Buffer.from('x'))));
  expect(keyOf(image)).not.toBe(keyOf(withFile(EMPTY, '/.tmp-0123456789abcdef', Buffer.from('y'))));
  expect(keyOf(image)).not.toBe(keyOf(withFile(EMPTY, '/a', Buffer.from('x'))));
});

describeJournal('recorded', async (clock, test) => {
  const journal = await recordedJournal({ clock });
  await test(journal, () => recordedJournal({ clock, entries: journal.entries }));
});

processesContract('simulated', async () => {
  const tape = createTape(() => null);
  const { disk: inner } = createSimDisk({ image: EMPTY, tape });
  const behaviours: Record<string, Behaviour> = {
    runs: 'healthy',
    ignoresTerm: 'ignoresTerm',
    missing: 'missing',
    exits: { exits: 3, afterMs: 0 },
  };
  const clock = createSimClock(0);
  // Time goes by as soon as anybody waits.
  const sleep: typeof clock.sleep = async (ms, signal) => {
    const over = clock.sleep(ms, signal);
    clock.wakeNext();
    await over;
  };
  const make = (table = bootTable('boot')): ReturnType<typeof createSimProcesses> =>
    createSimProcesses({
      disk: inner,
      recordPath: '/workload.json',
      clock: { ...clock, sleep },
      tape,
      table,
      behaviour: ({ entry }) => behaviours[entry] ?? 'healthy',
    });
  let processes = make();
  return {
    processes,
    target: (program) => ({ ref: { origin: 'baseline', version: `0.0.0-${program}` }, entry: program }),
    ready: () => Promise.resolve(),
    isRunning: (pid) => Promise.resolve(processes.running().some((each) => each.pid === pid)),
    restart: () => {
      processes = make(orphans(processes.table));
      return Promise.resolve(processes);
    },
    close: () => Promise.resolve(),
  };
});
