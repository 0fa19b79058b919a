import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, readdir, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openJournal, type OpenedJournal } from '../../src/adapters/journal.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Journal } from '../../src/services/ports.ts';
import { memoryJournal } from '../fakes/journal.ts';
import { attemptOf, describeJournal, endOf } from './contracts/journal.contract.ts';
import { inFolder } from './state-fixture.ts';

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5) };
const open = (path: string): OpenedJournal => openJournal({ path, clock });

describeJournal('on node:sqlite', (at, test) =>
  inFolder(async (folder) => {
    const path = join(folder, 'state.db');
    let { journal } = openJournal({ path, clock: at });
    try {
      await test(journal, () => {
        journal.end();
        ({ journal } = openJournal({ path, clock: at }));
        return Promise.resolve(journal);
      });
    } finally {
      journal.end();
    }
  }),
);
describeJournal('in memory', (at, test) => {
  const journal = memoryJournal(at);
  return test(journal, () => Promise.resolve(journal));
});

/** A closed journal with one ended attempt, and one in flight in `swapping`. */
async function filled(folder: string): Promise<string> {
  const path = join(folder, 'state.db');
  const { journal } = open(path);
  await journal.enter(attemptOf('old'), 'checking', {});
  await journal.close(endOf('old', 'committed'));
  await journal.enter(attemptOf('new'), 'swapping', { version: '1.2.0' });
  journal.end();
  return path;
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'nothing thrown';
  } catch (error) {
    return error instanceof UpdateError ? error.code : String(error);
  }
}

describe('the one-daemon lock', () => {
  it('is held against this process too', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const { journal } = open(path);
      expect(codeOf(() => open(path))).toBe('ALREADY_RUNNING');
      await journal.enter(attemptOf('a'), 'checking', {});
      expect(codeOf(() => open(path))).toBe('ALREADY_RUNNING');
      journal.end();
      open(path).journal.end();
    }));

  it('is held against another process, and is free once that one is killed', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const script = join(import.meta.dirname, 'fixtures/journal-holder.mjs');
      const holder = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
      const gone = once(holder, 'exit');
      try {
        await Promise.race([once(holder.stdout, 'data'), gone]);
        expect(holder.exitCode).toBeNull();
        expect(codeOf(() => open(path))).toBe('ALREADY_RUNNING');
        expect(await readdir(folder)).not.toContainEqual(expect.stringContaining('damaged'));
      } finally {
        holder.kill('SIGKILL');
        await gone;
      }
      const { journal, damage } = open(path);
      expect(damage).toBeNull();
      expect(await journal.inFlight()).toMatchObject({ attempt: { id: 'held' }, state: 'swapping' });
      journal.end();
    }));
});

describe('openJournal', () => {
  it('keeps its file to itself', () =>
    inFolder(async (folder) => {
      const { journal } = open(join(folder, 'state.db'));
      await journal.enter(attemptOf('a'), 'checking', {});
      for (const name of await readdir(folder))
        expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
      journal.end();
    }));

  it('says STATE_DIR_UNUSABLE where no file can be', () =>
    inFolder(async (folder) => {
      expect(codeOf(() => open(join(folder, 'no/state.db')))).toBe('STATE_DIR_UNUSABLE');
    }));

  const instead: [string, (path: string) => Promise<unknown>][] = [
    ['a folder', (path) => mkdir(join(path, 'with', 'things'), { recursive: true })],
    ['a link to nowhere', (path) => symlink('nowhere', path)],
    ['a link to a file', (path) => symlink(import.meta.filename, path)],
  ];
  it.each(instead)('sets %s aside that stands in its place', (_, make) =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      await make(path);
      const { journal, damage } = open(path);
      expect(damage?.code).toBe('JOURNAL_DAMAGED');
      await journal.enter(attemptOf('a'), 'checking', {});
      journal.end();
      expect((await readdir(folder)).sort()).toEqual([
        'state.db',
        'state.db-additions',
        'state.db.damaged-20260102T030405.000Z',
      ]);
    }),
  );

  it('reports a journal that is not there where one must be', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      for (const damaged of [true, false]) {
        const { journal, damage } = openJournal({ path, clock, expected: true });
        expect(damage?.code).toBe(damaged ? 'JOURNAL_DAMAGED' : undefined);
        journal.end();
      }
    }));

  it('keeps the newest five that were set aside, with what lies beside them', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const aside = (day: number): string => `state.db.damaged-2026010${String(day)}T000000.000Z`;
      for (let day = 1; day <= 7; day += 1) {
        await writeFile(path, 'this is not a database '.repeat(500));
        await writeFile(join(folder, `${aside(day)}-journal`), 'was beside it');
        openJournal({ path, clock: { now: () => Date.UTC(2026, 0, day) } }).journal.end();
      }
      const left = (await readdir(folder)).filter((name) => name.includes('damaged')).sort();
      expect(left).toEqual([3, 4, 5, 6, 7].flatMap((day) => [aside(day), `${aside(day)}-journal`]));
    }));

  const edit = (sql: string) => (path: string) => {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
    return Promise.resolve();
  };
  const damages: [string, (path: string) => Promise<void>][] = [
    ['garbage', (path) => writeFile(path, 'this is not a database '.repeat(500))],
    ['a cut file', async (path) => truncate(path, (await stat(path)).size >> 1)],
    ['a file cut within its header', (path) => truncate(path, 50)],
    [
      'zeros in the middle',
      async (path) => {
        const bytes = await readFile(path);
        await writeFile(path, bytes.fill(0, 4096, 3 * 4096));
      },
    ],
    ['a newer layout', edit('PRAGMA user_version = 2')],
    ['another application', edit('PRAGMA application_id = 7')],
    ['a table too few', edit('DROP TABLE budgets')],
    ['a column too few', edit('ALTER TABLE refusals DROP COLUMN at')],
    ['a trigger', edit('CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM in_flight; END')],
    ['an attempt in flight that is not JSON', edit("UPDATE in_flight SET attempt = '{'")],
    ['facts in flight that are not JSON', edit(`UPDATE in_flight SET facts = '{"'`)],
    ['an attempt in flight without an id', edit(`UPDATE in_flight SET attempt = '{"id":""}'`)],
  ];
  it.each(damages)('sets %s aside, says so, and starts anew', (_, damage) =>
    inFolder(async (folder) => {
      const path = await filled(folder);
      await damage(path);
      await writeFile(`${path}-wal`, 'left behind');
      await copyFile(path, join(folder, 'copy'));
      const { journal, damage: found } = open(path);
      const aside = `${path}.damaged-20260102T030405.000Z`;
      expect(found).toMatchObject({
        code: 'JOURNAL_DAMAGED',
        message: expect.stringContaining(aside) as string,
      });
      expect((await readFile(aside)).equals(await readFile(join(folder, 'copy')))).toBe(true);
      expect(await journal.inFlight()).toBeNull();
      expect(await journal.history(10)).toEqual([]);
      await journal.enter(attemptOf('a'), 'checking', {});
      journal.end();
      const again = open(path);
      expect(again.damage).toBeNull();
      again.journal.end();
    }),
  );

  it('reports an empty file, which is one that lost all it held', () =>
    inFolder(async (folder) => {
      const path = await filled(folder);
      await truncate(path, 0);
      const { journal, damage } = open(path);
      expect(damage).toMatchObject({
        code: 'JOURNAL_DAMAGED',
        message: expect.stringContaining('empty') as string,
      });
      journal.end();
      const again = open(path);
      expect(again.damage).toBeNull();
      again.journal.end();
    }));

  it('sets two damaged journals of the same instant aside under two names', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      for (const text of ['one', 'two']) {
        await writeFile(path, text.repeat(2000));
        open(path).journal.end();
      }
      expect((await readdir(folder)).filter((name) => name.includes('damaged'))).toHaveLength(2);
    }));

  it('after any flipped bit either reads rows of the agreed shape or starts anew', () =>
    inFolder(async (folder) => {
      const intact = await readFile(await filled(folder));
      const path = join(folder, 'flipped.db');
      const read = async (journal: Journal): Promise<unknown> => [
        await journal.inFlight(),
        await journal.history(10),
      ];
      let aside = 0;
      // Every 1511th bit; 1511 is prime, so all bits of a byte have their turn.
      for (let bit = 0; bit < intact.length * 8; bit += 1511) {
        const bytes = Buffer.from(intact);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await writeFile(path, bytes);
        const { journal, damage } = open(path);
        await read(journal);
        await journal.enter(attemptOf('next'), 'checking', {});
        journal.end();
        if (damage !== null) aside += 1;
      }
      expect(aside).toBeGreaterThan(0);
    }));
});

describe('the journal', () => {
  it('keeps the newest 500 attempts', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const { journal } = open(path);
      journal.end();
      const db = new DatabaseSync(path);
      db.exec('BEGIN');
      for (let index = 0; index < 600; index += 1) {
        db.exec(
          `INSERT INTO attempts (id, trigger, started_at, ended_at, outcome, reason) VALUES ('a${String(index)}', 'check', 1, 2, 'error', '')`,
        );
        db.exec(`INSERT INTO steps (attempt, state, at) VALUES ('a${String(index)}', 'checking', 1)`);
      }
      db.exec('COMMIT');
      db.close();
      const again = open(path).journal;
      await again.enter(attemptOf('last'), 'checking', {});
      const history = await again.history(1000);
      again.end();
      expect([history.length, history[0]?.id, history[499]?.id]).toEqual([500, 'last', 'a101']);
      const look = new DatabaseSync(path);
      expect(look.prepare('SELECT COUNT(*) AS count FROM steps').get()).toEqual({ count: 500 });
      look.close();
    }));

  it('writes nothing of a step that fails half-way', () =>
    inFolder(async (folder) => {
      const { journal } = open(join(folder, 'state.db'));
      const bad = { id: 'b', trigger: 'check', mode: 'apply' } as const;
      await journal.enter(attemptOf('a'), 'checking', {});
      await expect(journal.enter(bad, null as unknown as 'checking', {})).rejects.toMatchObject({
        code: 'JOURNAL_WRITE_FAILED',
      });
      expect((await journal.history(10)).map(({ id, outcome }) => [id, outcome])).toEqual([['a', null]]);
      expect((await journal.inFlight())?.attempt.id).toBe('a');
      journal.end();
    }));
});
