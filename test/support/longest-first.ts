import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, the longest first: one that began last would keep a single core busy while the other waits. */
const LONG = [
  'e2e/self-update',
  'model/real',
  'e2e/trust',
  'e2e/crash',
  'scripts/documents',
  'e2e/network',
  'attack/local',
  'e2e/feed-faults',
  'e2e/probe',
  'e2e/update-loop',
  'kill/journal-damage',
  'e2e/host-faults',
  'e2e/operator',
  'e2e/rotation',
  'attack/bundle-jws',
  'kill/kill',
  'attack/surfaces',
  'e2e/delta',
  'crash/faults',
  'crash/mutants',
  'e2e/runtimes',
  'attack/feed',
  'attack/delta',
  'statechart/plans/generate',
].map((name) => `test/${name}.test.ts`);

const WHOLE = LONG.length;

/** Orders the files of a run: those that need a worker of their own, then the longest, then by size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (project.config.isolate) return -1;
      const place = LONG.indexOf(relative(project.config.root, moduleId));
      return place < 0 ? WHOLE : place;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
