/**
 * A slice of `npm run kill`, which kills at every one of the fault points.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { pointName } from './support/fault-order.ts';
import { buildKillDaemon, FAULT_WORDS } from './support/kill-daemon.ts';
import { PATHS } from './support/paths.ts';
import { killAt, preparePath, type PreparedPath } from './support/play.ts';
import type { KillSetup } from './support/stage.ts';

let folder: string;
let setup: KillSetup;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coresdk-kill-'));
  setup = { built: inject('built'), daemon: [process.execPath, await buildKillDaemon(folder)] };
});
afterAll(() => rm(folder, { recursive: true }));

describe('the shipped program', () => {
  it('has no fault point in it', async () => {
    const count = (text: Buffer, word: string): number => {
      let found = 0;
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) found += 1;
      return found;
    };
    const shipped = await readFile(inject('built').program);
    // Whatever Node itself says is no word of ours.
    const node = await readFile(process.execPath);
    // Its code can be searched, in each of its parts.
    expect(count(shipped, 'WORKLOAD_SPAWN_FAILED')).toBeGreaterThan(3);
    const tested = await readFile(setup.daemon.at(-1)!, 'utf8');
    for (const word of FAULT_WORDS) {
      expect(tested.includes(word), word).toBe(true);
      expect(count(shipped, word), word).toBe(count(node, word));
    }
  });
});

describe('kill -9 right before and right after a write', () => {
  const slice: [path: string, points: readonly string[], workload: boolean][] = [
    ['first update', ['journal.enter swapping before', 'store.activate after'], false],
    ['first update', ['record.write #2 after', 'store.mark before'], true],
    ['bad: exits', ['journal.enter rolledBack after', 'quarantine.add before'], false],
    ['recovery from a kill in swapping', ['journal.enter rollingBack after'], true],
  ];
  const prepared = new Map<string, Promise<PreparedPath>>();
  const prepare = (name: string): Promise<PreparedPath> => {
    const known =
      prepared.get(name) ??
      preparePath(
        setup,
        PATHS.find((path) => path.name === name)!,
      );
    prepared.set(name, known);
    return known;
  };
  afterAll(async () => {
    for (const path of prepared.values()) await (await path)[Symbol.asyncDispose]();
  });

  it.concurrent.each(slice)(
    'on the path “%s” at %j (the workload too: %j): one version runs, nothing is lost, the next update goes through',
    async (name, wanted, workload) => {
      const path = await prepare(name);
      for (const each of wanted) {
        const point = path.points.find((known) => pointName(known) === each);
        if (point === undefined)
          throw new Error(`expected a point ${each}, found ${path.points.map(pointName).join(', ')}`);
        const { violations, log } = await killAt(setup, path, point, workload);
        expect(violations, log).toEqual([]);
      }
    },
    120_000,
  );
});
