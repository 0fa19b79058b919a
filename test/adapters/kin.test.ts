/**
 * Two daemons of different versions over one state directory, one after the other: the first that are in the field (their very
 * adapters), today's, and a newer one, which writes what today's does not know.
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openApprovals } from '../../src/adapters/approvals.ts';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openDownloads } from '../../src/adapters/downloads.ts';
import { openHeadStore } from '../../src/adapters/head-store.ts';
import { openJournal } from '../../src/adapters/journal.ts';
import { openPauses } from '../../src/adapters/pauses.ts';
import { processRecordFile } from '../../src/adapters/process-record.ts';
import { openQuarantine } from '../../src/adapters/quarantine.ts';
import { openStateDir } from '../../src/adapters/state-dir.ts';
import { openVersionStore } from '../../src/adapters/version-store.ts';
import { ERROR_CODES, type ErrorCode } from '../../src/error-codes.ts';
import type { AttemptFacts, QuarantineEntry } from '../../src/services/ports.ts';
import type { Plan, StateName } from '../../src/types.ts';
import { attemptOf, endOf } from './contracts/journal.contract.ts';
import { firstDaemon, type DaemonAdapters } from './first-daemon/index.ts';
import { never, testRelease, unpackInto } from './state-fixture.ts';

const today: DaemonAdapters = {
  openJournal,
  openQuarantine,
  openVersionStore,
  openApprovals,
  openPauses,
  openHeadStore,
  processRecordFile,
  openStateDir,
  nodeDisk,
};
/** In memory where there is such a disk: nothing here is about durability, and syncs are most of the time. */
async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'coresdk-kin-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5) };
const hex = (letter: string): string => letter.repeat(64);
const to = { origin: 'store', version: '1.1.0', digest: hex('d') } as const;
const plan: Plan = { from: { origin: 'baseline', version: '1.0.0' }, to };
const successor = { ref: to, sha256: hex('e') };

const STATES: Record<StateName, true> = {
  recovering: true, idle: true, checking: true, downloading: true, verifying: true, staging: true, waiting: true, swapping: true,
  overlapping: true, draining: true, probing: true, committed: true, handingOver: true, rollingBack: true, rolledBack: true, failed: true,
}; // prettier-ignore
const ALL_STATES = Object.keys(STATES) as StateName[];
const ALL_CODES = Object.keys(ERROR_CODES) as ErrorCode[];

const entryOf = (letter: string, more: Partial<QuarantineEntry> = {}): QuarantineEntry => ({
  digest: hex(letter),
  version: '1.1.0',
  at: 7,
  attempt: 'a',
  reason: { code: 'PROBE_TIMEOUT', message: 'not healthy' },
  evidence: ['HTTP 500'],
  ...more,
});

describe('a journal that today’s daemon wrote', () => {
  it('is read by the first daemons, whatever states and errors it holds', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const { journal } = openJournal({ path, clock });
      for (const state of ALL_STATES) await journal.enter(attemptOf(`in ${state}`), state, { plan });
      for (const code of ALL_CODES) {
        await journal.enter(attemptOf(code), 'probing', { plan, error: { code, message: 'm' } });
        await journal.close(endOf(code, 'rolledBack', { error: { code, message: 'm' } }));
        await journal.refuse(hex('f'), code);
      }
      const history = await journal.history(500);
      expect(
        history
          .map(({ error }) => error?.code)
          .filter(Boolean)
          .reverse(),
      ).toEqual(ALL_CODES);
      journal.end();

      const first = firstDaemon.openJournal({ path, clock, expected: true });
      expect(first.damage).toBeNull();
      const seen = await first.journal.history(500);
      expect(seen.map(({ id, outcome }) => [id, outcome])).toEqual(
        history.map(({ id, outcome }) => [id, outcome]),
      );
      expect(await first.journal.refusal(hex('f'))).toMatchObject({ count: ALL_CODES.length });
      first.journal.end();

      const again = openJournal({ path, clock, expected: true });
      expect(again.damage).toBeNull();
      expect(await again.journal.history(500)).toEqual(history);
      expect(await again.journal.refusal(hex('f'))).toMatchObject({ code: ALL_CODES.at(-1) });
      again.journal.end();
    }));

  const flights: [string, StateName, AttemptFacts, StateName, boolean][] = [
    ['overlapping is gone back from', 'overlapping', { plan }, 'swapping', true],
    ['draining is gone back from', 'draining', { plan }, 'swapping', true],
    ['handing over after a commit is committed', 'handingOver', { plan, successor, afterCommit: true }, 'committed', true],
    ['handing over the daemon alone still waits', 'handingOver', { plan, successor, afterCommit: false }, 'waiting', false],
    [
      'a daemon that failed after a commit blames nobody',
      'rolledBack',
      { plan, successor, afterCommit: true, error: { code: 'DAEMON_FAILED', message: 'm' } },
      'committed',
      true,
    ],
    ['a swap with a daemon to come is a swap', 'swapping', { plan, successor }, 'swapping', true],
    [
      'a daemon that is owed quarantine is nobody’s release',
      'probing',
      { plan, owed: [{ attempt: attemptOf('x'), plan, error: { code: 'DAEMON_FAILED', message: 'm' }, interruptions: 0, successor, afterCommit: true }] },
      'probing',
      true,
    ],
  ]; // prettier-ignore
  it.each(flights)('tells the first daemons what is safe: %s', (_, state, facts, shown, planned) =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const { journal } = openJournal({ path, clock });
      await journal.enter(attemptOf('a'), state, facts);
      const meant = await journal.inFlight();
      expect(meant).toMatchObject({ state, facts });
      journal.end();
      const first = firstDaemon.openJournal({ path, clock });
      expect(first.damage).toBeNull();
      const flight = await first.journal.inFlight();
      expect([flight?.state, flight?.facts.plan !== undefined]).toEqual([shown, planned]);
      expect(flight?.facts.owed).toBeUndefined();
      if (shown === 'committed') expect(flight?.facts.error).toBeUndefined();
      first.journal.end();
      const again = openJournal({ path, clock });
      expect(await again.journal.inFlight()).toEqual(meant);
      again.journal.end();
    }),
  );

  it('is believed only as far as no older daemon went on with it', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const { journal } = openJournal({ path, clock });
      await journal.enter(attemptOf('a'), 'handingOver', { plan, successor, afterCommit: true });
      journal.end();
      const first = firstDaemon.openJournal({ path, clock }).journal;
      await first.enter(attemptOf('a'), 'probing', { plan });
      first.end();
      const again = openJournal({ path, clock }).journal;
      expect(await again.inFlight()).toMatchObject({ state: 'probing' });
      expect((await again.inFlight())?.facts.successor).toBeUndefined();
      expect((await again.history(1))[0]?.steps.map(({ state }) => state)).toEqual([
        'handingOver',
        'probing',
      ]);
      again.end();
    }));

  it('loses words, not history, with its second file', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      for (const damage of ['garbage '.repeat(1000), '']) {
        const { journal } = openJournal({ path, clock });
        await journal.enter(attemptOf('a'), 'overlapping', { plan });
        journal.end();
        await writeFile(`${path}-additions`, damage);
        const again = openJournal({ path, clock });
        expect(again.damage?.message ?? '').toContain(damage === '' ? '' : 'additions');
        expect(await again.journal.inFlight()).toMatchObject({ attempt: { id: 'a' }, state: 'swapping' });
        again.journal.end();
      }
    }));

  it('keeps an outbox beside what the first daemons read; what they end is not in it', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const { journal } = openJournal({ path, clock, outbox: true });
      for (const id of ['a', 'b', 'c']) {
        await journal.enter(attemptOf(id), 'probing', { plan });
        if (id !== 'b') await journal.close(endOf(id, 'committed'));
      }
      await journal.enter(attemptOf('d'), 'checking', {});
      await journal.close(endOf('d', 'nothing'));
      await journal.close(endOf('a', 'committed'));
      await journal.delivered('a');
      journal.end();
      const first = firstDaemon.openJournal({ path, clock });
      expect(first.damage).toBeNull();
      await first.journal.enter(attemptOf('e'), 'probing', { plan });
      await first.journal.close(endOf('e', 'committed'));
      first.journal.end();
      const again = openJournal({ path, clock, outbox: true }).journal;
      expect((await again.outbox(10)).map(({ id, outcome }) => [id, outcome])).toEqual([
        ['b', 'interrupted'],
        ['c', 'committed'],
      ]);
      expect(await again.outbox(1)).toHaveLength(1);
      again.end();
    }));

  it('sets aside what stands in the place of its second file', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      await mkdir(`${path}-additions/x`, { recursive: true });
      const { damage, journal } = openJournal({ path, clock });
      expect(damage?.message).toContain('it is now');
      await journal.enter(attemptOf('a'), 'overlapping', { plan });
      journal.end();
      const again = openJournal({ path, clock });
      expect(again.damage).toBeNull();
      expect(await again.journal.inFlight()).toMatchObject({ state: 'overlapping' });
      again.journal.end();
    }));

  it('works without a second file where none can be made, and that is told', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      // SQLite cannot write beside it, and neither can it be deleted as a file.
      await mkdir(`${path}-additions-journal/x`, { recursive: true });
      const { damage, journal } = openJournal({ path, clock });
      expect(damage?.message).toContain('kept in memory');
      await journal.enter(attemptOf('a'), 'overlapping', { plan });
      expect(await journal.inFlight()).toMatchObject({ state: 'overlapping' });
      journal.end();
    }));
});

/** What a newer daemon may have done to the journal: another layout, tables, columns, words. */
const NEWER = `
  CREATE TABLE fleets (name TEXT NOT NULL) STRICT; INSERT INTO fleets VALUES ('kept');
  CREATE INDEX attempts_by_outcome ON attempts (outcome);
  ALTER TABLE attempts ADD COLUMN region TEXT;
  UPDATE attempts SET region = 'eu', trigger = 'dream', outcome = 'splendid', error_code = 'NOT_YET_INVENTED', error_message = 'm' WHERE id = 'old';
  INSERT INTO steps SELECT id, 'dreaming', 1 FROM attempts WHERE id = 'old';
  UPDATE in_flight SET state = 'dreaming', facts = json_set(facts, '$.dream', json('{"deep":true}'), '$.successor', 'x');
  PRAGMA user_version = 2003`;

describe('a journal that a newer daemon wrote', () => {
  it('is read: words that are not known are unknown, what was under way was interrupted, and its own is kept', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'state.db');
      const { journal } = openJournal({ path, clock });
      await journal.enter(attemptOf('old'), 'checking', {});
      await journal.close(endOf('old', 'committed'));
      await journal.enter(attemptOf('new'), 'probing', { plan, version: '1.1.0' });
      journal.end();
      const db = new DatabaseSync(path);
      db.exec(NEWER);
      db.close();

      const read = openJournal({ path, clock });
      expect(read.damage).toBeNull();
      expect(await read.journal.inFlight()).toEqual({
        attempt: attemptOf('new'),
        state: 'swapping',
        facts: { plan, version: '1.1.0', digest: undefined },
        suspended: false,
      });
      expect((await read.journal.history(5)).at(-1)).toMatchObject({
        id: 'old',
        trigger: 'unknown',
        outcome: 'unknown',
        error: { code: 'UNKNOWN_CODE', message: 'NOT_YET_INVENTED: m' },
        steps: [{ state: 'checking' }, { state: 'unknown' }],
      });
      await read.journal.enter(attemptOf('next'), 'checking', {});
      read.journal.end();

      const look = new DatabaseSync(path);
      expect(look.prepare('SELECT name FROM fleets').get()).toEqual({ name: 'kept' });
      expect(look.prepare(`SELECT region FROM attempts WHERE id = 'old'`).get()).toEqual({ region: 'eu' });
      expect(look.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2003 });
      look.close();
    }));

  it.each([2, 3, 999, 3004])('is set aside when its layout %i says that this one cannot read it', (version) =>
    inFolder((folder) => {
      const path = join(folder, 'state.db');
      openJournal({ path, clock }).journal.end();
      const db = new DatabaseSync(path);
      db.exec(`PRAGMA user_version = ${String(version)}`);
      db.close();
      const { journal, damage } = openJournal({ path, clock });
      expect(damage?.message).toContain('readers can read');
      journal.end();
      return Promise.resolve();
    }),
  );
});

/** Adds a member to every JSON object of a file, as a newer daemon may. */
async function addMembers(path: string): Promise<void> {
  const add = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(add)
      : typeof value === 'object' && value !== null
        ? { ...Object.fromEntries(Object.entries(value).map(([k, v]) => [k, add(v)])), newer: [1] }
        : value;
  await writeFile(path, JSON.stringify(add(JSON.parse(await readFile(path, 'utf8')))));
}

/** Fills a state directory by one daemon, and tells what another finds there. */
async function fill(daemon: DaemonAdapters, root: string): Promise<void> {
  const paths = await daemon.openStateDir(root);
  const { nodeDisk: disk } = daemon;
  const store = daemon.openVersionStore({ disk, paths, baseline: { version: '1.0.0', entry: '/bin/true' } });
  const downloads = openDownloads(nodeDisk, paths.downloads);
  const release = testRelease('1.1.0');
  await unpackInto(downloads, 'unpacked', release);
  const manifest = daemon === today ? { ...release.manifest, daemon: 'bin/app' } : release.manifest;
  await store.stage('unpacked', manifest, release.digest, never);
  await store.activate(release.ref);
  await store.mark(release.ref, { at: 5, previous: store.baseline, watched: true });
  const quarantine = await daemon.openQuarantine(disk, paths.quarantine);
  const code = daemon === today ? 'DAEMON_SELF_TEST_FAILED' : 'PROBE_TIMEOUT';
  await quarantine.add(entryOf('a', { reason: { code, message: 'm' } }));
  if (daemon === today) await quarantine.add(entryOf('b', { role: 'daemon' }));
  await daemon.openPauses(disk, paths.paused).write({ code: 'UPDATES_PAUSED', message: 'because' });
  await daemon.openApprovals(disk, paths.approvals).add({ digest: hex('a'), version: '1.1.0', at: 1 });
  await daemon
    .processRecordFile(disk, paths.workloadRecord)
    .write({ bootId: 'boot', pid: 42, startTime: 7, launchId: 'l'.repeat(16), version: '1.1.0' });
  const heads = await daemon.openHeadStore(disk, paths.heads);
  await heads.write('edge', Buffer.from('head'));
  await heads.writeTag('edge', { etag: '"x"', kid: 'k', sha256: hex('a') });
}

async function lookAt(daemon: DaemonAdapters, root: string): Promise<object> {
  const paths = await daemon.openStateDir(root);
  const { nodeDisk: disk } = daemon;
  const store = daemon.openVersionStore({ disk, paths, baseline: { version: '1.0.0', entry: '/bin/true' } });
  const heads = await daemon.openHeadStore(disk, paths.heads);
  const [version] = await store.list();
  await store.check(await store.current(), never);
  return {
    current: await store.current(),
    mark: version?.mark,
    quarantine: (await (await daemon.openQuarantine(disk, paths.quarantine)).list())
      .filter(({ role }) => role === undefined)
      .map(({ digest, version: of, evidence }) => [digest, of, evidence]),
    paused: await daemon.openPauses(disk, paths.paused).read(),
    approved: await daemon.openApprovals(disk, paths.approvals).get(hex('a')),
    workload: await daemon.processRecordFile(disk, paths.workloadRecord).read(),
    head: Buffer.from((await heads.read('edge')) ?? []).toString(),
    tag: await heads.readTag('edge'),
  };
}

describe('the files of a state directory', () => {
  const daemons = { 'the first daemon': firstDaemon, 'today’s daemon': today };
  const names = Object.keys(daemons) as (keyof typeof daemons)[];
  const pairs = names.flatMap((writer) => names.map((reader) => [writer, reader] as const));
  it.each(pairs)('that %s wrote are read by %s', (writer, reader) =>
    inFolder(async (folder) => {
      const root = join(folder, 'state');
      await fill(daemons[writer], root);
      const found = await lookAt(daemons[reader], root);
      expect(found).toEqual({
        current: testRelease('1.1.0').ref,
        mark: { at: 5, previous: { origin: 'baseline', version: '1.0.0' }, watched: true },
        quarantine: [[hex('a'), '1.1.0', ['HTTP 500']]],
        paused: { code: 'UPDATES_PAUSED', message: 'because' },
        approved: { digest: hex('a'), version: '1.1.0', at: 1 },
        workload: { bootId: 'boot', pid: 42, startTime: 7, launchId: 'l'.repeat(16), version: '1.1.0' },
        head: 'head',
        tag: { etag: '"x"', kid: 'k', sha256: hex('a') },
      });
    }),
  );

  it('that today’s daemon wrote say all of it to today’s daemon', () =>
    inFolder(async (folder) => {
      const root = join(folder, 'state');
      await fill(today, root);
      const paths = await openStateDir(root);
      const store = openVersionStore({ disk: nodeDisk, paths, baseline: { version: '1.0.0', entry: '/x' } });
      expect(await store.daemon(testRelease('1.1.0').ref)).toMatchObject({ workload: true });
      const quarantine = await openQuarantine(nodeDisk, paths.quarantine);
      expect((await quarantine.get(hex('a')))?.reason).toEqual({
        code: 'DAEMON_SELF_TEST_FAILED',
        message: 'm',
      });
      expect(await quarantine.get(hex('b'))).toMatchObject({ role: 'daemon', version: '1.1.0' });
      expect(await quarantine.clear(hex('b'))).toBe(true);
      expect((await quarantine.list()).map(({ digest }) => digest)).toEqual([hex('a')]);
    }));

  it('are read when a newer daemon added members to all of them', () =>
    inFolder(async (folder) => {
      const root = join(folder, 'state');
      await fill(today, root);
      const before = await lookAt(today, root);
      const files = ['paused.json', 'approvals.json', 'workload.json', `quarantine/${hex('a')}.json`, 'heads/edge.etag.json', 'versions/1.1.0/manifest.json', 'versions/1.1.0/daemon.json', 'versions/1.1.0/committed']; // prettier-ignore
      for (const file of files) {
        expect(existsSync(join(root, file))).toBe(true);
        await addMembers(join(root, file));
        await chmod(join(root, file), 0o600);
      }
      expect(await lookAt(today, root)).toEqual(before);
    }));
});

/** One thing that a daemon does. */
type Deed =
  | { readonly do: 'enter'; readonly id: number; readonly state: StateName; readonly handing: boolean }
  | { readonly do: 'close'; readonly id: number; readonly code: ErrorCode | null }
  | { readonly do: 'quarantine'; readonly letter: string; readonly code: ErrorCode }
  | { readonly do: 'head'; readonly text: string }
  | { readonly do: 'mark'; readonly minor: number }
  | { readonly do: 'newer' };

const FIRST_STATES = ALL_STATES.filter((it) => !['overlapping', 'draining', 'handingOver'].includes(it));
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('enter' as const), id: fc.nat(5), state: fc.constantFrom(...ALL_STATES), handing: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('close' as const), id: fc.nat(5), code: fc.option(fc.constantFrom(...ALL_CODES)) }) },
  fc.record({ do: fc.constant('quarantine' as const), letter: fc.constantFrom('a', 'b', 'c'), code: fc.constantFrom(...ALL_CODES) }),
  fc.record({ do: fc.constant('head' as const), text: fc.string() }),
  fc.record({ do: fc.constant('mark' as const), minor: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('newer' as const) }),
); // prettier-ignore
const turns = fc.array(
  fc.record({ old: fc.boolean(), deeds: fc.array(deed, { minLength: 1, maxLength: 4 }) }),
  {
    minLength: 2,
    maxLength: 6,
  },
);

/** What must hold whoever ran last. */
interface Promised {
  readonly quarantined: Set<string>;
  head: string | null;
  floor: number;
  readonly attempts: Set<string>;
}

async function turn(
  daemon: DaemonAdapters,
  root: string,
  deeds: readonly Deed[],
  promised: Promised,
): Promise<void> {
  const old = daemon === firstDaemon;
  const paths = await daemon.openStateDir(root);
  const { journal, damage } = daemon.openJournal({ path: paths.stateDb, clock });
  expect(damage).toBeNull();
  const disk = daemon.nodeDisk;
  const store = daemon.openVersionStore({ disk, paths, baseline: { version: '1.0.0', entry: '/bin/true' } });
  const quarantine = await daemon.openQuarantine(disk, paths.quarantine);
  const heads = await daemon.openHeadStore(disk, paths.heads);
  const stated = (state: StateName): StateName => (old && !FIRST_STATES.includes(state) ? 'probing' : state);
  const coded = (code: ErrorCode): ErrorCode => (old ? 'PROBE_TIMEOUT' : code);
  expect((await journal.history(500)).map(({ id }) => id).sort()).toEqual([...promised.attempts].sort());
  expect(new Set((await quarantine.list()).map(({ digest }) => digest))).toEqual(promised.quarantined);
  const head = await heads.read('edge');
  expect(head === null ? null : Buffer.from(head).toString()).toBe(promised.head);
  const floor = (await store.list()).find(({ mark }) => mark?.watched === true);
  expect(floor?.ref.version ?? null).toBe(promised.floor === 0 ? null : `1.${String(promised.floor)}.0`);
  for (const it of deeds)
    switch (it.do) {
      case 'enter': {
        const facts = it.handing && !old ? { plan, successor, afterCommit: true } : { plan };
        await journal.enter(attemptOf(`t${String(it.id)}`), stated(it.state), facts);
        expect((await journal.inFlight())?.state).toBe(stated(it.state));
        promised.attempts.add(`t${String(it.id)}`);
        break;
      }
      case 'close': {
        const error = it.code === null ? null : { code: coded(it.code), message: 'm' };
        await journal.close(endOf(`t${String(it.id)}`, 'rolledBack', { error }));
        break;
      }
      case 'quarantine':
        await quarantine.add(entryOf(it.letter, { reason: { code: coded(it.code), message: 'm' } }));
        promised.quarantined.add(hex(it.letter));
        break;
      case 'head':
        await heads.write('edge', Buffer.from(it.text));
        promised.head = it.text;
        break;
      case 'mark': {
        const release = testRelease(`1.${String(it.minor)}.0`);
        await unpackInto(openDownloads(nodeDisk, paths.downloads), 'unpacked', release);
        const manifest = old ? release.manifest : { ...release.manifest, daemon: 'bin/app' };
        await store.stage('unpacked', manifest, release.digest, never);
        await store.mark(release.ref, { at: 5, previous: store.baseline, watched: true });
        promised.floor = Math.max(promised.floor, it.minor);
        break;
      }
      case 'newer':
        break;
    }
  journal.end();
}

describe('any mix of daemons, one after the other', () => {
  it('loses neither history, floor, heads nor quarantine', async () => {
    await fc.assert(
      fc.asyncProperty(turns, (all) =>
        inFolder(async (folder) => {
          const root = join(folder, 'state');
          const promised: Promised = { quarantined: new Set(), head: null, floor: 0, attempts: new Set() };
          for (const { old, deeds } of all) await turn(old ? firstDaemon : today, root, deeds, promised);
          for (const daemon of [firstDaemon, today]) await turn(daemon, root, [], promised);
        }),
      ),
      { numRuns: 15 },
    );
  }, 60_000);
});
