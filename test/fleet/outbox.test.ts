import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { openJournal } from '../../src/adapters/journal.ts';
import { natsOutcomes } from '../../src/adapters/nats-outcomes.ts';
import { UpdateError } from '../../src/errors.ts';
import { connectNats } from '../../src/fleet/connect.ts';
import { createOutbox } from '../../src/fleet/outbox.ts';
import { outcomeSchema, type OutcomeRecord } from '../../src/fleet/records.ts';
import type { AttemptFacts, Journal } from '../../src/services/ports.ts';
import type { Attempt, Ended, OutcomeKind, StateName } from '../../src/types.ts';
import { memoryQuarantine } from '../fakes/quarantine.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { createFakeReporter } from '../fakes/reporter.ts';
import { hasNats } from './support/nats-server.ts';
import { accessTo, GROUP, NAMES, openWorld, PRODUCT, until, type FleetWorld } from './support/world.ts';

const DIGEST = 'd'.repeat(64);
const teller = {
  product: PRODUCT,
  group: GROUP,
  host: 'h1',
  channel: 'stable',
  daemon: '1.0.0',
  cohort: () => 0.25,
};

const attemptOf = (id: string): Attempt => ({ id, trigger: 'schedule', mode: 'apply' });
const endOf = (id: string): Ended => ({
  attempt: attemptOf(id),
  outcome: 'rolledBack',
  reason: 'HTTP 500',
  error: { code: 'PROBE_TIMEOUT', message: 'HTTP 500' },
  stage: 'probing',
  from: { origin: 'baseline', version: '1.0.0' },
  to: { origin: 'store', version: '1.1.0', digest: DIGEST },
});
async function endAttempt(journal: Journal, id: string): Promise<void> {
  await journal.enter(attemptOf(id), 'probing', { digest: DIGEST, version: '1.1.0' });
  await journal.close(endOf(id));
}

/** Where a sync costs nothing. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

async function within(check: (path: string) => Promise<void>, where = tmpdir()): Promise<void> {
  const folder = await mkdtemp(join(where, 'outbox-test-'));
  try {
    await check(join(folder, 'state.db'));
  } finally {
    await rm(folder, { recursive: true });
  }
}
const open = (path: string): Journal => openJournal({ path, clock: systemClock, outbox: true }).journal;

describe('the outbox', () => {
  it('sends in order, each once it is acknowledged, and again what was not', () =>
    within(async (path) => {
      const journal = open(path);
      const sent: string[] = [];
      let away = true;
      const clock = createFakeClock();
      const reporter = createFakeReporter();
      const outbox = createOutbox({
        journal,
        quarantine: memoryQuarantine(),
        publish: (record) => {
          if (away) return Promise.reject(new UpdateError('FLEET_UNREACHABLE', 'nobody is there'));
          sent.push(record.attempt);
          return Promise.resolve();
        },
        teller,
        clock,
        reporter,
      });
      for (const id of ['a', 'b', 'c']) await endAttempt(journal, id);
      outbox.wake();
      await clock.advance(3_600_000);
      expect(sent).toEqual([]);
      expect(await journal.outbox(10)).toHaveLength(3);
      expect(reporter.warnings()).toHaveLength(1);
      away = false;
      outbox.wake();
      await clock.advance(0);
      await until(async () => (await journal.outbox(10)).length === 0);
      expect(sent).toEqual(['a', 'b', 'c']);
      await endAttempt(journal, 'd');
      outbox.wake();
      await until(() => sent.length === 4);
      await outbox.close();
      journal.end();
    }));

  it('outlasts the end of the daemon', () =>
    within(async (path) => {
      const before = open(path);
      await endAttempt(before, 'a');
      before.end();
      const journal = open(path);
      expect((await journal.outbox(10)).map(({ id }) => id)).toEqual(['a']);
      journal.end();
    }));

  it('keeps what the fleet does not know yet, though the history is cut', () =>
    within(async (path) => {
      const journal = openJournal({ path, clock: { now: () => 1 }, outbox: true }).journal;
      for (let at = 0; at < 520; at += 1) await endAttempt(journal, `a${String(at)}`);
      expect(await journal.outbox(1000)).toHaveLength(520);
      journal.end();
    }, MEMORY));
});

describe('the outbox takes', () => {
  const known = { digest: DIGEST, version: '1.1.0' };
  /** Whether an attempt waits in the outbox that went this way and ended so. */
  const isTold = async (way: readonly StateName[], outcome: OutcomeKind, facts: AttemptFacts = known) => {
    let told = false;
    await within(async (path) => {
      const journal = open(path);
      for (const state of way) await journal.enter(attemptOf('a'), state, facts);
      await journal.close({ ...endOf('a'), outcome, from: null, to: null });
      told = (await journal.outbox(10)).length === 1;
      journal.end();
    }, MEMORY);
    return told;
  };

  it.each<OutcomeKind>(['committed', 'rolledBack', 'failed', 'refused', 'interrupted', 'error'])(
    'what came past checking and ended as %s',
    async (outcome) => {
      expect(await isTold(['checking', 'downloading'], outcome)).toBe(true);
    },
  );

  it.each<OutcomeKind>(['error', 'refused', 'interrupted', 'deferred'])(
    'no check that ended as %s: it comes again at every interval',
    async (outcome) => {
      expect(await isTold(['checking'], outcome)).toBe(false);
      expect(await isTold(['checking', 'waiting'], outcome)).toBe(false);
    },
  );

  it('nothing that was put off, however far it came', async () => {
    expect(await isTold(['checking', 'downloading', 'verifying', 'staging', 'waiting'], 'deferred')).toBe(
      false,
    );
  });

  it('nothing of a release that is not known', async () => {
    expect(await isTold(['checking', 'downloading'], 'refused', {})).toBe(false);
  });

  it('no check that another attempt ended', () =>
    within(async (path) => {
      const journal = open(path);
      await journal.enter(attemptOf('a'), 'checking', known);
      await journal.enter(attemptOf('b'), 'checking', known);
      await journal.enter(attemptOf('b'), 'downloading', known);
      await journal.enter(attemptOf('c'), 'checking', known);
      expect((await journal.outbox(10)).map(({ id, outcome }) => [id, outcome])).toEqual([
        ['b', 'interrupted'],
      ]);
      journal.end();
    }, MEMORY));
});

describe.skipIf(!hasNats)('outcomes on NATS', () => {
  let world: FleetWorld;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  const stored = async (): Promise<OutcomeRecord[]> => {
    const { jetstream } = await import('@nats-io/jetstream');
    const connection = await connectNats(accessTo(world.server.url), { name: 'reader' });
    const consumer = await jetstream(connection).consumers.get(NAMES.streams.outcomes);
    const records: OutcomeRecord[] = [];
    const messages = await consumer.fetch({ max_messages: 1000, expires: 1_000 });
    for await (const message of messages) {
      records.push(outcomeSchema.parse(message.json()));
      if (message.info.pending === 0) break;
    }
    await connection.close();
    return records;
  };

  it('are each there once, though the server is killed in the middle and acknowledgements are lost', () =>
    within(async (path) => {
      const link = await world.link();
      const journal = open(path);
      const outcomes = natsOutcomes(link, NAMES, { ackMs: 500 });
      let tries = 0;
      const reporter = createFakeReporter();
      const outbox = createOutbox({
        journal,
        quarantine: memoryQuarantine(),
        publish: async (record) => {
          await outcomes.publish(record);
          // The answer is lost: it is stored, and this host does not know.
          if (++tries % 3 === 0) throw new UpdateError('FLEET_UNREACHABLE', 'no answer');
        },
        teller,
        clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal) },
        reporter,
      });
      link.each(() => {
        outbox.wake();
        return Promise.resolve();
      });
      const ids = Array.from({ length: 12 }, (_, at) => `20261123-0000${String(at).padStart(2, '0')}-aaaa`);
      for (const id of ids.slice(0, 6)) await endAttempt(journal, id);
      outbox.wake();
      await until(() => tries >= 2);
      await world.server.kill();
      for (const id of ids.slice(6)) await endAttempt(journal, id);
      outbox.wake();
      expect((await journal.outbox(100)).length).toBeGreaterThanOrEqual(6);
      await world.server.start();
      await until(async () => (await journal.outbox(100)).length === 0);
      const records = await stored();
      expect(records.map(({ attempt }) => attempt)).toEqual(ids);
      expect(records[0]).toMatchObject({
        id: `h1/${String(ids[0])}`,
        outcome: 'rolledBack',
        digest: DIGEST,
        cohort: 0.25,
        error: { code: 'PROBE_TIMEOUT' },
        steps: [{ state: 'probing' }],
      });
      await outbox.close();
      journal.end();
    }));

  it('of a server that has stopped answering are not taken for sent', async () => {
    const link = await world.link();
    const outcomes = natsOutcomes(link, NAMES, { ackMs: 300 });
    const [record] = await stored();
    if (record === undefined) throw new Error('no record');
    await world.server.pause();
    try {
      await expect(outcomes.publish({ ...record, id: 'h1/x' })).rejects.toMatchObject({
        code: 'FLEET_UNREACHABLE',
      });
    } finally {
      world.server.resume();
    }
  });
});
