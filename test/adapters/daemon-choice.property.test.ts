/**
 * Hosts whose daemon on trial dies, hangs, is cut off by the power or is replaced by a package, in any order: who runs is always
 * somebody who may.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { choose, failTrial, passOver, STARTS_MAX } from '../../src/adapters/daemon-choice.ts';
import { NO_RECORD, type DaemonRecord } from '../../src/adapters/daemon-record.ts';
import type { Successor } from '../../src/types.ts';

const daemon = (version: string, digit: string): Successor => ({
  ref: { origin: 'store', version, digest: digit.repeat(64) },
  sha256: digit.repeat(64),
});
const OLD = daemon('1.1.0', 'a');
const NEW = daemon('1.2.0', 'b');

/** What becomes of a daemon that was started, or before it is. */
const EVENTS = [
  'dies',
  'hangs: the guard fails the trial and ends it',
  'acknowledges, then dies',
  'acknowledges and is trusted',
  'power cut before the count is durable',
  'power cut after the count, before the start',
  'its file is damaged',
] as const;

const host = fc.record({
  current: fc.constantFrom(null, OLD),
  events: fc.array(fc.constantFrom(...EVENTS), { maxLength: 14 }),
  /** The installed program is replaced by this one, at some start. */
  put: fc.option(fc.record({ at: fc.nat(10), version: fc.constantFrom('1.0.1', '1.2.0', '1.3.0') })),
});

it('starts a daemon on trial three times at most, then the one before it, and never nobody', () => {
  fc.assert(
    fc.property(host, ({ current, events, put }) => {
      const trial = { attempt: 'id-1', successor: NEW, starts: 1, acknowledged: false, seen: [] };
      // Its first start is the hand-over itself, counted before it is made.
      let disk: DaemonRecord = { ...NO_RECORD, current, trial };
      let installed = '1.0.0';
      const life = { starts: 1, trusted: false, given: false };

      // What happens at the first start has no launcher before it.
      const happens = (event: (typeof EVENTS)[number]): void => {
        const now = disk.trial;
        if (now === null) return;
        if (event.startsWith('hangs')) disk = failTrial(disk, now, 'did not acknowledge');
        if (event.startsWith('acknowledges')) disk = { ...disk, trial: { ...now, acknowledged: true } };
        if (event === 'acknowledges and is trusted') {
          disk = { ...disk, current: now.successor, trial: null };
          life.trusted = true;
        }
      };
      const [first, ...more] = events;
      if (first !== undefined && !first.startsWith('power')) happens(first);

      for (const [index, event] of more.entries()) {
        if (put?.at === index) installed = put.version;
        let chosen = choose(disk, installed);
        // The count is lost: nothing was started either.
        if (event === 'power cut before the count is durable') continue;
        disk = chosen.record;
        if (event === 'power cut after the count, before the start') continue;
        if (event === 'its file is damaged') {
          // As the launcher: passes over until something can be started; the installed program always can.
          for (let left = 5; chosen.run !== null; left -= 1) {
            expect(left).toBeGreaterThan(0);
            chosen = choose(passOver(disk, chosen.run, 'has a damaged file'), installed);
            disk = chosen.record;
          }
          if (life.trusted && disk.current === null) life.given = true;
        }
        const { run } = chosen;
        if (run?.sha256 === NEW.sha256 && !life.trusted) {
          life.starts += 1;
          // Counted before, durably.
          expect(disk.trial?.starts).toBeGreaterThanOrEqual(life.starts);
        }
        expect(life.starts).toBeLessThanOrEqual(STARTS_MAX);
        // Only the newest that may: never a daemon that is older than the installed program.
        if (run !== null) expect(run.ref.version >= installed).toBe(true);
        // What failed here never runs again by itself.
        if (disk.failed !== null) expect(run?.sha256).not.toBe(NEW.sha256);
        if (run?.sha256 === NEW.sha256) happens(event);
      }

      // However it was: it ends, within as many starts as there may be, and stays as it is.
      for (let start = 0; start <= STARTS_MAX; start += 1) disk = choose(disk, installed).record;
      const end = choose(disk, installed);
      expect(disk.trial).toBeNull();
      expect(end.record).toEqual(disk);
      expect(end.why).toBeNull();
      const newest = (candidate: Successor | null): Successor | null =>
        candidate !== null && candidate.ref.version >= installed ? candidate : null;
      if (life.trusted) expect(end.run).toEqual(life.given ? null : newest(NEW));
      else expect([null, newest(current)]).toContainEqual(end.run);
      // An installed program that is not put over it, and no damage: the one before it exactly.
      if (!life.trusted && put === null && !events.includes('its file is damaged'))
        expect(end.run).toEqual(current);
    }),
    { seed: 7, numRuns: 2_000 },
  );
});
