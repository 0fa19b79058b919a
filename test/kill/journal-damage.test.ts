/**
 * The journal's file, damaged in every way while no daemon runs: what it held is read, or it is set aside and that is told; and
 * everything but the history is recovered from the rest. `npm run kill -- --damage` plays all of it on real daemons.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openJournal } from '../../src/adapters/journal.ts';
import type { AttemptRecord } from '../../src/services/ports.ts';
import { attemptOf, endOf } from '../adapters/contracts/journal.contract.ts';
import { damageAt, prepareSituation, SITUATIONS, type PreparedSituation } from './support/damage-play.ts';
import { cuts, DAMAGES, headerFlips, randomFlips, type Damage } from './support/journal-damage.ts';
import { buildKillDaemon } from './support/kill-daemon.ts';
import type { KillSetup } from './support/stage.ts';

const clock = { now: () => Date.UTC(2026, 0, 2) };

describe('the file alone', () => {
  let folder: string;
  let intact: string;
  let size: number;
  let history: AttemptRecord[];

  beforeAll(async () => {
    // In memory where there is such a disk: nothing here is about durability, and syncs are most of the time.
    folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'coresdk-damage-'));
    intact = join(folder, 'intact.db');
    const { journal } = openJournal({ path: intact, clock });
    for (let count = 0; count < 30; count += 1) {
      const id = `attempt-${String(count)}`;
      for (const state of ['checking', 'downloading', 'swapping'] as const)
        await journal.enter(attemptOf(id), state, { version: '1.2.0' });
      await journal.close(endOf(id, 'committed', { reason: 'because '.repeat(20) }));
      await journal.spend(`probe:${id}`, count);
    }
    await journal.enter(attemptOf('last'), 'probing', { version: '1.2.0' });
    history = await journal.history(100);
    journal.end();
    ({ size } = await stat(intact));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** What did not hold; the file is opened twice, as two starts would. */
  async function meet({ name, told, to }: Damage): Promise<string[]> {
    const home = await mkdtemp(join(folder, 'home-'));
    const path = join(home, 'state.db');
    await copyFile(intact, path);
    await to(path);
    const there = (await readdir(home)).includes('state.db');
    const { journal, damage } = openJournal({ path, clock, expected: true });
    const wrong: string[] = [];
    const read = await journal.history(100);
    if (told !== 'either' && (damage !== null) !== (told === 'damaged'))
      wrong.push(`${name}: expected ${told}, found ${damage?.message ?? 'nothing said'}`);
    if (damage !== null && read.length > 0) wrong.push(`${name}: expected a new journal, found an old one`);
    if (told === 'nothing' && JSON.stringify(read) !== JSON.stringify(history))
      wrong.push(`${name}: expected the history as it was, found another`);
    const aside = (await readdir(home)).some((each) => each.includes('.damaged-'));
    const emptied = damage?.message.includes('empty file') === true;
    if (damage !== null && there && !emptied && !aside) wrong.push(`${name}: expected it set aside`);
    await journal.enter(attemptOf('next'), 'checking', {});
    journal.end();
    const again = openJournal({ path, clock, expected: true });
    if (again.damage !== null) wrong.push(`${name}: expected an intact journal at the second start`);
    if ((await again.journal.inFlight())?.attempt.id !== 'next')
      wrong.push(`${name}: expected what was written`);
    again.journal.end();
    await rm(home, { recursive: true });
    return wrong;
  }

  const SEED = Date.now() % 2 ** 31;
  const groups: [string, (size: number) => readonly Damage[]][] = [
    ['all kinds of damage', () => DAMAGES],
    ['cut to every kind of length', cuts],
    ['a bit flipped in each byte of each header', headerFlips],
    [`bits flipped anywhere (seed ${String(SEED)})`, (bytes) => randomFlips(bytes, 60, SEED)],
  ];
  it.each(groups)(
    '%s: read as it was or set aside, and written again',
    async (_, damages) => {
      const all = damages(size);
      expect(all.length).toBeGreaterThan(10);
      const wrong: string[] = [];
      for (const damage of all) wrong.push(...(await meet(damage)));
      expect(wrong).toEqual([]);
    },
    120_000,
  );
});

describe('a real daemon', () => {
  let folder: string;
  let setup: KillSetup;
  const prepared = new Map<string, PreparedSituation>();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coresdk-damage-'));
    setup = { built: inject('built'), daemon: [process.execPath, await buildKillDaemon(folder)] };
    for (const situation of SITUATIONS)
      prepared.set(situation.name, await prepareSituation(setup, situation));
  }, 120_000);
  afterAll(async () => {
    for (const each of prepared.values()) await each[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const slice: [situation: string, damage: string][] = [
    ['idle', 'of a newer layout'],
    ['swapping', 'replaced by text'],
    ['swapping', 'copied in the middle of a write'],
    ['probing', 'deleted'],
  ];
  it.concurrent.each(slice)(
    'that ended in %s finds it %s: one version runs, nothing but the history is lost, the next update goes through',
    async (situation, name) => {
      const damage = DAMAGES.find((each) => each.name === name)!;
      expect(await damageAt(setup, prepared.get(situation)!, damage)).toEqual([]);
    },
    120_000,
  );
});
