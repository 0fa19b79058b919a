/**
 * Ways in which the journal's file is damaged while no daemon runs. Each is deterministic, but for the flipped bits of a seed.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { chanceFrom } from '../../torture/chance.ts';

/** One way. */
export interface Damage {
  readonly name: string;
  /** What a daemon must say: that it is damaged, nothing, or either (a bit that SQLite does not look at). */
  readonly told: 'damaged' | 'nothing' | 'either';
  readonly to: (stateDb: string) => Promise<void>;
}

/** SQLite's page size here; the header of the file is 100 bytes, that of a page at most 12. */
const PAGE = 4096;

async function flip(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  const at = (bit >> 3) % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
  await writeFile(path, bytes);
}

/**
 * A transaction half on its way: its pages are in the file, its rollback journal lies beside it, and nobody finished it. It has
 * changed every row.
 */
async function interruptWrite(path: string): Promise<void> {
  const copy = `${path}.copy`;
  await copyFile(path, copy);
  const db = new DatabaseSync(copy);
  db.exec('PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE');
  db.exec(`UPDATE attempts SET reason = 'half a transaction ' || hex(zeroblob(3000))`);
  db.exec(`INSERT INTO seen SELECT hex(randomblob(32)), 1 FROM attempts, attempts, attempts LIMIT 500`);
  if (!existsSync(`${copy}-journal`)) throw new Error('expected SQLite to spill into a rollback journal');
  await copyFile(copy, path);
  await copyFile(`${copy}-journal`, `${path}-journal`);
  db.exec('ROLLBACK');
  db.close();
  await rm(copy);
}

const edit =
  (sql: string) =>
  (path: string): Promise<void> => {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
    return Promise.resolve();
  };

async function replace(path: string, make: (path: string) => Promise<unknown>): Promise<void> {
  await rm(path);
  await make(path);
}

/** Damages that are the same each time. */
export const DAMAGES: readonly Damage[] = [
  { name: 'copied in the middle of a write', told: 'nothing', to: interruptWrite },
  {
    name: 'copied in the middle of a write, its rollback journal lost',
    told: 'either',
    to: async (path) => {
      await interruptWrite(path);
      await rm(`${path}-journal`);
    },
  },
  {
    name: 'copied in the middle of a write, its rollback journal cut',
    told: 'either',
    to: async (path) => {
      await interruptWrite(path);
      await truncate(`${path}-journal`, 700);
    },
  },
  {
    name: 'copied in the middle of a write, a bit of its rollback journal flipped',
    told: 'either',
    to: async (path) => {
      await interruptWrite(path);
      await flip(`${path}-journal`, 8 * 600 + 3);
    },
  },
  {
    name: 'with another’s rollback journal beside it',
    told: 'either',
    to: (path) => writeFile(`${path}-journal`, Buffer.alloc(2000, 0xd9)),
  },
  { name: 'deleted', told: 'damaged', to: (path) => rm(path) },
  {
    name: 'deleted, its rollback journal left',
    told: 'damaged',
    to: async (path) => {
      await interruptWrite(path);
      await rm(path);
    },
  },
  {
    name: 'renamed away',
    told: 'damaged',
    to: (path) => rename(path, `${path}.old`),
  },
  {
    name: 'replaced by a folder with something in it',
    told: 'damaged',
    to: (path) => replace(path, () => mkdir(`${path}/x`, { recursive: true })),
  },
  { name: 'replaced by an empty file', told: 'damaged', to: (path) => truncate(path, 0) },
  { name: 'replaced by text', told: 'damaged', to: (path) => writeFile(path, 'hello\n'.repeat(2000)) },
  {
    name: 'replaced by another program’s database',
    told: 'damaged',
    to: (path) => replace(path, edit('CREATE TABLE cookies (name TEXT); INSERT INTO cookies VALUES (1)')),
  },
  { name: 'of a newer layout', told: 'damaged', to: edit('PRAGMA user_version = 2') },
  {
    name: 'of a newer layout that this program cannot read',
    told: 'damaged',
    to: edit('ALTER TABLE attempts ADD COLUMN x TEXT; PRAGMA user_version = 2'),
  },
  {
    name: 'with a state that this program does not know',
    told: 'either',
    to: edit(`INSERT INTO steps SELECT id, 'dreaming', 1 FROM attempts LIMIT 1`),
  },
];

/** The file cut to lengths at and around everything that SQLite looks at. */
export function cuts(size: number): Damage[] {
  const lengths = new Set([1, 15, 16, 50, 99, 100, 101, 512, 1000, size - PAGE - 1, size - 512, size - 1]);
  for (let page = PAGE; page < size; page += PAGE) for (const by of [-1, 0, 1, 8]) lengths.add(page + by);
  return [...lengths]
    .filter((length) => length > 0 && length < size)
    .map((length) => ({
      name: `cut to ${String(length)} of ${String(size)} bytes`,
      told: 'damaged' as const,
      to: (path: string) => truncate(path, length),
    }));
}

/** One bit flipped in each byte of the file's header and of each page's. */
export function headerFlips(size: number): Damage[] {
  const places: number[] = [];
  for (let at = 0; at < 100; at += 1) places.push(at);
  for (let page = 0; page < size; page += PAGE)
    for (let at = 0; at < 12; at += 1) places.push((page === 0 ? 100 : page) + at);
  return places.map((at) => ({
    name: `bit ${String(at % 8)} of byte ${String(at)} flipped`,
    told: 'either' as const,
    to: (path: string) => flip(path, at * 8 + (at % 8)),
  }));
}

/** Bits flipped anywhere, by a seed. */
export function randomFlips(size: number, count: number, seed: number): Damage[] {
  const chance = chanceFrom(seed);
  return Array.from({ length: count }, (_, index) => {
    const bit = chance.below(size * 8);
    return {
      name: `bit ${String(bit)} flipped (seed ${String(seed)}, number ${String(index)})`,
      told: 'either' as const,
      to: (path: string) => flip(path, bit),
    };
  });
}
